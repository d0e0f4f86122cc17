"""Who votes, whose vote counts, and what is kept of it."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction

from istio.telemetry import TelemetryUnreachable
from releases import flow
from releases.domain import BadPlan, DomainError, NotAllowed
from releases.domain.fingerprint import digest
from releases.domain.roles import RoleName
from releases.domain.states import Event, State
from releases.flow.approve import approval_problem
from releases.models import Approval, AuditEvent, Role, Rollout, RolloutEdit, User
from services.models import Policy
from tests.admin.world import World, actor, person
from tests.flow.voting import approve, fresh


def test_neither_requester_nor_editor_decides_superusers_included(shop: World) -> None:
    User.objects.update(is_superuser=True)
    for user in (shop.requester, shop.operator):
        Role.objects.get_or_create(user=user, name=RoleName.APPROVER.value)
    rollout = shop.draft()
    Role.objects.create(user=shop.operator, name=RoleName.REQUESTER.value)
    flow.edit(rollout, by=actor(shop.operator), changes={"impact": "Less."})
    rollout = flow.perform(rollout, Event.SUBMIT, by=actor(shop.requester))
    for user in (shop.requester, shop.operator):
        for event in (Event.APPROVE, Event.REJECT):
            with pytest.raises(NotAllowed):
                flow.perform(rollout, event, by=actor(user), fingerprint=rollout.fingerprint, why="mine")
        with pytest.raises(IntegrityError, match="requester and editors"), transaction.atomic():
            Approval.objects.create(
                rollout=rollout, by=user, decision="approve", fingerprint=rollout.fingerprint
            )


def test_a_superuser_without_the_role_decides_nothing(shop: World) -> None:
    User.objects.filter(pk=shop.viewer.pk).update(is_superuser=True)
    with pytest.raises(NotAllowed):
        approve(shop.pending(), shop.viewer)


def test_a_service_account_is_the_person_it_belongs_to(shop: World) -> None:
    Policy.objects.update(approvals_needed=2)
    robot = person("robot", RoleName.APPROVER, belongs_to=shop.approver)
    own = person("own", RoleName.APPROVER, belongs_to=shop.requester)
    rollout = shop.pending()
    with pytest.raises(NotAllowed, match="You asked"):
        approve(rollout, own)
    with pytest.raises(IntegrityError, match="requester and editors"), transaction.atomic():
        Approval.objects.create(rollout=rollout, by=own, decision="approve", fingerprint=rollout.fingerprint)
    rollout = approve(rollout, shop.approver)
    rollout = approve(rollout, robot)
    assert rollout.state == State.PENDING, "one person counts once"
    assert rollout.approvals.count() == 1
    assert approve(rollout, shop.operator).state == State.APPROVED


def test_one_rejection_ends_it_and_says_why(shop: World) -> None:
    Policy.objects.update(approvals_needed=2)
    rollout = approve(shop.pending(), shop.approver)
    for silent in ("", "  "):
        with pytest.raises(BadPlan):
            flow.perform(rollout, Event.REJECT, by=actor(shop.operator), why=silent)
    ended = flow.perform(rollout, Event.REJECT, by=actor(shop.operator), why="The index is missing.")
    assert ended.state == State.REJECTED
    told = AuditEvent.objects.get(rollout=rollout, action="reject", outcome="done")
    assert (told.reason, told.user) == ("The index is missing.", shop.operator)
    with pytest.raises(DomainError):
        approve(ended, shop.operator)
    assert Rollout.objects.get(pk=rollout.pk).state == State.REJECTED


def test_all_must_sign(shop: World) -> None:
    Policy.objects.update(signing="all")
    rollout = approve(shop.pending(), shop.approver)
    assert rollout.state == State.PENDING
    assert approve(rollout, shop.operator).state == State.APPROVED


def test_a_required_group_has_to_be_among_them(shop: World) -> None:
    sre = Group.objects.create(name="SRE")
    shop.policy.required_groups.add(sre)
    rollout = approve(shop.pending(), shop.approver)
    assert rollout.state == State.PENDING
    sre.user_set.add(shop.operator)
    assert approve(rollout, shop.operator).state == State.APPROVED


@pytest.mark.parametrize("loss", ["deactivated", "role"])
def test_an_approver_who_left_no_longer_counts(shop: World, loss: str) -> None:
    rollout = shop.approved()
    if loss == "deactivated":
        User.objects.filter(pk=shop.approver.pk).update(is_active=False)
    else:
        Role.objects.filter(user=shop.approver).delete()
    assert "0 of 1" in approval_problem(fresh(rollout))
    shop.pulse(rollout, times=2)
    rollout.refresh_from_db()
    assert rollout.started_at is None or rollout.state == State.PAUSED
    assert not rollout.step_runs.exclude(written=None).exists()


def test_what_the_voter_saw_is_stored_with_the_vote_and_hashed_into_it(shop: World) -> None:
    rollout = shop.approved()
    vote = rollout.approvals.get()
    assert vote.evidence_hash == digest(vote.evidence)
    assert "weight: 5" in vote.evidence["differences"][0]
    assert vote.evidence["metrics"]["versions"]["v1"]["requests"] > 0
    assert vote.evidence["policy"][0]["approvals_needed"] == 1
    assert {"calendar", "checks", "statements"} <= set(vote.evidence)
    event = AuditEvent.objects.get(rollout=rollout, action="approve")
    assert (event.after or {})["evidence_hash"] == vote.evidence_hash


def test_prometheus_away_stops_no_vote_and_is_part_of_the_evidence(shop: World) -> None:
    rollout = shop.pending()
    shop.telemetry.fail_next(TelemetryUnreachable("Prometheus does not answer"))
    vote = approve(rollout, shop.approver).approvals.get()
    assert vote.evidence["metrics"] == {"problem": "Prometheus does not answer"}


def test_voting_twice_changes_nothing(shop: World) -> None:
    Policy.objects.update(approvals_needed=2)
    rollout = approve(shop.pending(), shop.approver)
    events = AuditEvent.objects.count()
    approve(rollout, shop.approver)
    assert (rollout.approvals.count(), AuditEvent.objects.count()) == (1, events)


def test_a_revoked_vote_pauses_and_rolls_nothing_back(shop: World) -> None:
    rollout = shop.running()
    rollout = flow.perform(rollout, Event.REVOKE, by=actor(shop.approver), why="I misread it")
    assert rollout.state == State.PAUSED
    assert rollout.step_runs.get(position=0).written == 5


def test_an_edit_by_a_second_account_of_one_person_is_that_persons(shop: World) -> None:
    robot = person("robot", RoleName.REQUESTER, belongs_to=shop.approver)
    rollout = shop.draft()
    flow.edit(rollout, by=actor(robot), changes={"impact": "Less."})
    assert RolloutEdit.objects.count() == 1
    rollout = flow.perform(rollout, Event.SUBMIT, by=actor(shop.requester))
    with pytest.raises(NotAllowed, match="You edited"):
        approve(rollout, shop.approver)
