"""Votes on a change of traffic: by another person, for exactly this content, while both are what they were."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from istio.telemetry import TelemetryUnreachable
from releases import flow, selectors
from releases.clock import database_now
from releases.domain import BadPlan, IllegalMove, NotAllowed, PasswordNeeded, Stale
from releases.domain.fingerprint import digest
from releases.domain.roles import RoleName
from releases.domain.traffic_change import ChangeEvent
from releases.models import AuditEvent, TrafficVote
from tests.admin import world as worlds
from tests.admin.world import World, actor
from tests.flow.traffic_change.by_hand import (
    apply,
    approve,
    ask,
    writes,
)


@pytest.mark.parametrize("who", ["requester", "viewer", "auditor"])
def test_who_asked_and_who_has_no_role_can_not_vote(world: World, who: str) -> None:
    change = ask(world)
    with pytest.raises(NotAllowed):
        flow.perform_change(
            change, ChangeEvent.APPROVE, by=actor(getattr(world, who)), fingerprint=change.fingerprint
        )
    assert AuditEvent.objects.filter(action="approve_traffic_change", outcome="refused").count() == 1


def test_the_database_refuses_the_requesters_vote_too(world: World) -> None:
    change = ask(world)
    vote = TrafficVote(change=change, by=world.requester, decision="approve", fingerprint=change.fingerprint)
    with pytest.raises(IntegrityError), transaction.atomic():
        vote.save()


def test_a_service_account_of_the_requester_is_the_requester(world: World) -> None:
    robot = worlds.person("robot", RoleName.APPROVER, belongs_to=world.requester)
    change = ask(world)
    with pytest.raises(NotAllowed, match="You asked"):
        flow.perform_change(
            change, ChangeEvent.APPROVE, by=actor(robot), fingerprint=change.fingerprint, why="mine"
        )
    shown = {item.event: item for item in selectors.allowed_change_events(change, actor(robot))}
    assert not shown[ChangeEvent.APPROVE].allowed
    assert selectors.changes_waiting_for(robot) == []
    with pytest.raises(IntegrityError, match="does not decide"), transaction.atomic():
        TrafficVote.objects.create(
            change=change, by=robot, decision="approve", fingerprint=change.fingerprint
        )


def test_one_person_votes_once_not_one_log_in_once(world: World) -> None:
    world.policy.approvals_needed = 2
    world.policy.save()
    robot = worlds.person("robot", RoleName.APPROVER, belongs_to=world.approver)
    change = approve(world, ask(world))
    again = flow.perform_change(
        change, ChangeEvent.APPROVE, by=actor(robot), fingerprint=change.fingerprint, why="again"
    )
    assert (again.state, TrafficVote.objects.count()) == ("pending", 1)
    assert [row.pk for row in selectors.changes_waiting_for(robot)] == []
    flow.perform_change(change, ChangeEvent.REJECT, by=actor(robot), why="I misread it")
    given = [(vote.decision, vote.voided_at is None) for vote in TrafficVote.objects.order_by("pk")]
    assert given == [("approve", False), ("reject", True)], "the later word of the person counts"


def test_an_old_session_gives_the_password_before_it_writes_forward(world: World) -> None:
    change = approve(world, ask(world))
    old = replace(actor(world.operator), is_fresh=False)
    with pytest.raises(PasswordNeeded):
        flow.perform_change(change, ChangeEvent.APPLY, by=old)
    assert writes(world) == []
    apply(world, change)
    back = ask(world, 0)
    assert flow.perform_change(back, ChangeEvent.APPLY, by=old).state == "applied", "back asks nobody"


def test_somebody_elses_service_account_may_vote(world: World) -> None:
    robot = worlds.person("robot", RoleName.APPROVER, belongs_to=world.approver)
    change = ask(world)
    decided = flow.perform_change(
        change, ChangeEvent.APPROVE, by=actor(robot), fingerprint=change.fingerprint, why="read it"
    )
    assert decided.state == "approved"


def test_a_vote_is_never_changed_or_deleted(world: World) -> None:
    change = approve(world, ask(world))
    with pytest.raises(IntegrityError), transaction.atomic():
        change.approvals.update(decision="reject")
    with pytest.raises(IntegrityError), transaction.atomic():
        change.approvals.all().delete()


@pytest.mark.parametrize(("fingerprint", "error"), [("", BadPlan), ("0" * 64, Stale)])
def test_a_vote_is_for_exactly_this_content(world: World, fingerprint: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        flow.perform_change(
            ask(world), ChangeEvent.APPROVE, by=actor(world.approver), fingerprint=fingerprint
        )


def test_it_is_not_written_before_the_quorum_is_full(world: World) -> None:
    world.policy.approvals_needed = 2
    world.policy.save()
    change = approve(world, ask(world))
    assert change.state == "pending"
    with pytest.raises(IllegalMove):
        apply(world, change)
    assert writes(world) == []


def test_one_rejection_ends_it_and_says_why(world: World) -> None:
    change = ask(world)
    with pytest.raises(BadPlan):
        flow.perform_change(change, ChangeEvent.REJECT, by=actor(world.approver))
    rejected = flow.perform_change(change, ChangeEvent.REJECT, by=actor(world.approver), why="not today")
    assert rejected.state == "rejected"


def test_a_changed_policy_voids_the_approval(world: World) -> None:
    change = approve(world, ask(world))
    world.policy.approvals_needed = 2
    world.policy.save()
    with pytest.raises(Stale):
        apply(world, change)
    assert writes(world) == []


def test_an_approver_who_left_does_not_count(world: World) -> None:
    change = approve(world, ask(world))
    world.approver.is_active = False
    world.approver.save()
    with pytest.raises(Stale, match="0 of 1"):
        apply(world, change)


def test_an_approval_gets_old(world: World) -> None:
    change = approve(world, ask(world))
    later = database_now() + timedelta(days=4)
    with pytest.raises(Stale, match="older than"):
        flow.perform_change(change, ChangeEvent.APPLY, by=actor(world.operator), clock=lambda: later)


def test_a_vote_keeps_what_the_voter_saw(world: World) -> None:
    """The difference, the checks, the figures, the calendar and the policy, as for rollouts, and its hash in the trail."""
    change = approve(world, ask(world, 20))
    vote = TrafficVote.objects.get()
    assert "+      weight: 20" in vote.evidence["difference"]
    assert vote.evidence["checks"] == []
    assert set(vote.evidence["metrics"]["versions"]) >= {"v1"}
    assert vote.evidence["calendar"]["closed"] is False
    assert [terms["number"] for terms in vote.evidence["policy"]] == [world.policy.number]
    told = AuditEvent.objects.get(action="approve_traffic_change", object_id=str(change.pk)).after
    assert told
    assert (told["vote"], told["evidence_hash"]) == (vote.pk, digest(vote.evidence))


def test_a_vote_is_given_with_prometheus_away_and_says_so(world: World) -> None:
    change = ask(world)
    world.telemetry.fail_next(TelemetryUnreachable("Prometheus"))
    assert approve(world, change).state == "approved"
    assert "problem" in TrafficVote.objects.get().evidence["metrics"]


def test_content_that_changed_voids_the_votes_and_is_voted_on_anew(world: World) -> None:
    world.policy.approvals_needed = 2
    world.policy.save()
    change = approve(world, ask(world))
    assert change.state == "pending"
    change.candidate.image = "another"
    change.candidate.save()
    second = worlds.person("second", RoleName.APPROVER)
    with pytest.raises(Stale):
        flow.perform_change(
            change, ChangeEvent.APPROVE, by=actor(second), fingerprint=change.fingerprint, why="read it"
        )
    change.refresh_from_db()
    assert TrafficVote.objects.get().voided_why
    for user in (world.approver, second):
        decided = flow.perform_change(
            change, ChangeEvent.APPROVE, by=actor(user), fingerprint=change.fingerprint, why="read it again"
        )
    assert decided.state == "approved"
    assert apply(world, decided).state == "applied"


def test_loosening_the_policy_frees_no_change_that_was_asked_for_under_the_stricter_one(world: World) -> None:
    world.policy.approvals_needed = 2
    world.policy.save()
    change = ask(world)
    type(world.policy).objects.update(approvals_needed=1, number=2)
    with pytest.raises(Stale):
        approve(world, change)
    change.refresh_from_db()
    assert approve(world, change).state == "pending", "two were needed when it was asked for"
