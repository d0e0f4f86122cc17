"""Policies are loosened by two people, and free nothing that was submitted under the stricter one."""

from __future__ import annotations

import pytest

from releases import flow
from releases.domain import NotAllowed, Stale
from releases.domain.states import State
from releases.models import AuditEvent, Proposal
from services.models import Policy
from tests.admin.world import World, actor
from tests.flow.voting import approve, fresh


def test_a_policy_changes_when_a_second_person_agrees_and_frees_nothing_that_waits(shop: World) -> None:
    Policy.objects.update(approvals_needed=2)
    shop.policy.refresh_from_db()
    rollout = approve(shop.pending(), shop.approver)
    admin = actor(shop.administrator)
    flow.save_catalogue(shop.policy, by=admin, changes={"approvals_needed": 1}, why="fewer people")
    assert Policy.objects.get().approvals_needed == 2, "proposed, not changed"
    proposal = Proposal.objects.get()
    with pytest.raises(NotAllowed):
        flow.agree(proposal, by=admin)
    flow.agree(proposal, by=actor(shop.operator), why="yes")
    policy = Policy.objects.get()
    assert (policy.approvals_needed, policy.number) == (1, 2)
    with pytest.raises(Stale):
        approve(rollout, shop.operator)
    rollout = approve(fresh(rollout), shop.approver)
    assert rollout.state == State.PENDING, "submitted under two"
    assert approve(rollout, shop.operator).state == State.APPROVED
    assert set(
        AuditEvent.objects.filter(object_type="proposal", outcome="done").values_list("action", flat=True)
    ) == {
        "propose_change_policy",
        "agreed_change_policy",
    }


def test_a_service_does_not_change_its_policy_by_one_person(shop: World) -> None:
    service, loose = shop.service("product"), Policy.objects.create(name="loose")
    flow.save_catalogue(service, by=actor(shop.operator), changes={"policy": loose, "title": "T"})
    service.refresh_from_db()
    assert (service.policy, service.title) == (shop.policy, "T")
    flow.agree(Proposal.objects.get(), by=actor(shop.approver))
    service.refresh_from_db()
    assert service.policy == loose
