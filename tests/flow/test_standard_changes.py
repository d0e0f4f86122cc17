"""Plans approved in advance, within bounds: no vote, the same trail."""

from __future__ import annotations

from datetime import timedelta

import pytest

from releases import flow
from releases.clock import database_now
from releases.domain import BadPlan
from releases.domain.states import Event, State
from releases.flow.approve import approval_problem
from releases.models import AuditEvent, Proposal, Rollout
from tests.admin.world import World, actor
from tests.flow.voting import fresh


def standard(shop: World, *, max_weight: int = 100) -> Proposal:
    return flow.propose_standard(
        shop.plan,
        service=shop.service("product"),
        max_weight=max_weight,
        valid_until=database_now() + timedelta(days=30),
        by=actor(shop.requester),
        why="Done every week.",
    )


def test_a_standard_change_needs_no_vote_and_is_audited_the_same(shop: World) -> None:
    proposal = standard(shop)
    assert shop.pending().state == State.PENDING, "proposed is not approved"
    flow.perform(Rollout.objects.get(), Event.WITHDRAW, by=actor(shop.requester), why="wait")
    flow.agree(proposal, by=actor(shop.approver), why="yes")
    rollout = flow.perform(Rollout.objects.get(), Event.SUBMIT, by=actor(shop.requester))
    assert rollout.state == State.APPROVED
    event = AuditEvent.objects.get(rollout=rollout, action="approve")
    assert event.on_behalf_of == "developer, approver"
    assert shop.pulse(rollout, times=2).state == State.RUNNING


def test_a_standard_change_covers_only_the_plan_as_it_was_and_no_change_of_data(shop: World) -> None:
    flow.agree(standard(shop), by=actor(shop.approver))
    data = shop.draft()
    flow.edit(
        data, by=actor(shop.requester), changes={"changes_data": True, "compatibility_note": "Both read it."}
    )
    assert flow.perform(data, Event.SUBMIT, by=actor(shop.requester)).state == State.PENDING
    flow.perform(data, Event.WITHDRAW, by=actor(shop.requester))
    steps = [{"weight": weight, "bake_seconds": 121} for weight in (5, 100)]
    flow.save_plan(
        name="canary", steps=steps, evidence={"policy": "guard"}, by=actor(shop.requester), plan=shop.plan
    )
    assert shop.pending().state == State.PENDING


def test_a_standard_change_taken_back_stops_what_runs_by_it(shop: World) -> None:
    flow.agree(standard(shop), by=actor(shop.approver))
    rollout = shop.pulse(shop.pending(), times=2)
    assert rollout.state == State.RUNNING
    assert rollout.standard_change is not None
    flow.revoke_standard(rollout.standard_change, by=actor(shop.administrator), why="the plan was wrong")
    assert approval_problem(fresh(rollout))


def test_a_standard_change_stays_within_its_bounds(shop: World) -> None:
    with pytest.raises(BadPlan, match="goes above 50 %"):
        standard(shop, max_weight=50)
