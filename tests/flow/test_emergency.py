"""Emergency releases: more than a click, no vote, and a review by somebody else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from releases import flow
from releases.clock import database_now
from releases.domain import BadPlan, IllegalMove, NotAllowed
from releases.domain.states import State
from releases.flow.approve import approval_problem
from releases.models import AuditEvent, EmergencyRelease, Rollout
from tests.admin.world import World, actor
from tests.flow.voting import fresh

WHY = "The checkout fails for everybody since 09:12."


def emergency(shop: World, rollout: Rollout, **changes: Any) -> Rollout:
    given = {"why": WHY, "incident": "INC-7", "typed_name": rollout.service.name, **changes}
    return flow.release_in_emergency(rollout, by=actor(shop.operator), **given)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"typed_name": "order"}, "service_name"),
        ({"why": "too short"}, "reason"),
        ({"incident": " "}, "incident"),
    ],
)
def test_an_emergency_asks_for_more_than_a_click(shop: World, changes: dict[str, Any], field: str) -> None:
    rollout = shop.draft()
    with pytest.raises(BadPlan) as refused:
        emergency(shop, rollout, **changes)
    assert refused.value.field == field
    assert AuditEvent.objects.filter(action="release_in_emergency", outcome="refused").count() == 1


def test_an_emergency_needs_a_permission_of_its_own(shop: World) -> None:
    with pytest.raises(NotAllowed):
        flow.release_in_emergency(
            shop.draft(), by=actor(shop.requester), why=WHY, incident="INC-7", typed_name="product"
        )


def test_an_emergency_starts_without_a_vote_and_without_metrics_and_is_reviewed_by_somebody_else(
    shop: World,
) -> None:
    rollout = shop.draft()
    shop.telemetry.forget(rollout.service.target)
    rollout = emergency(shop, rollout)
    assert rollout.state == State.APPROVED
    assert shop.pulse(rollout, times=2).state == State.RUNNING
    with pytest.raises(NotAllowed):
        flow.review_emergency(rollout, by=actor(shop.operator), outcome="justified", findings="mine")
    with pytest.raises(NotAllowed):
        flow.review_emergency(rollout, by=actor(shop.requester), outcome="justified", findings="mine")
    flow.review_emergency(rollout, by=actor(shop.approver), outcome="justified", findings="It was down.")
    assert EmergencyRelease.objects.get().reviewed_by == shop.approver
    with pytest.raises(IntegrityError), transaction.atomic():
        EmergencyRelease.objects.update(reviewed_by=shop.operator)


def test_an_emergency_found_unjustified_goes_no_further(shop: World) -> None:
    rollout = shop.pulse(emergency(shop, shop.draft()), times=2)
    flow.review_emergency(rollout, by=actor(shop.approver), outcome="not_justified", findings="No incident.")
    assert approval_problem(fresh(rollout))


def test_an_overdue_review_blocks_the_next_emergency(shop: World) -> None:
    emergency(shop, shop.draft())
    other = shop.draft("order")
    EmergencyRelease.objects.update(due_at=database_now() - timedelta(minutes=1))
    with pytest.raises(IllegalMove, match="overdue"):
        emergency(shop, other)
    flow.review_emergency(
        EmergencyRelease.objects.get().rollout, by=actor(shop.approver), outcome="justified", findings="Down."
    )
    assert emergency(shop, other).state == State.APPROVED
