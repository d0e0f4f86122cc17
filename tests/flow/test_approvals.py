"""Votes bind themselves to one content and to people; what changes afterwards makes them count no more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction

from istio.telemetry import TelemetryUnreachable
from releases import flow
from releases.clock import database_now
from releases.domain import BadPlan, Blocked, IllegalMove, NotAllowed, Stale
from releases.domain.fingerprint import digest
from releases.domain.roles import RoleName
from releases.domain.states import Event, State
from releases.flow.approve import approval_problem
from releases.models import Approval, AuditEvent, EmergencyRelease, Proposal, Role, Rollout, RolloutEdit, User
from services.models import Policy, Service, Version
from tests.admin.world import STATEMENTS, World, actor, person

WHY = "The checkout fails for everybody since 09:12."


def approve(rollout: Rollout, user: User, **changes: Any) -> Rollout:
    given = {"fingerprint": rollout.fingerprint, "why": "read it", **changes}
    return flow.perform(rollout, Event.APPROVE, by=actor(user), **given)


def fresh(rollout: Rollout) -> Rollout:
    return Rollout.objects.select_related("service__policy", "stable", "candidate").get(pk=rollout.pk)


def change_plan(rollout: Rollout, change: Callable[[dict[str, Any]], None]) -> None:
    change(rollout.frozen_plan)
    Rollout.objects.filter(pk=rollout.pk).update(frozen_plan=rollout.frozen_plan)


def change_baseline(rollout: Rollout) -> None:
    baseline = rollout.baseline or {}
    baseline["virtual_service"]["spec"]["http"][0]["timeout"] = "9s"
    Rollout.objects.filter(pk=rollout.pk).update(baseline=baseline)


def change_step(rollout: Rollout, name: str, value: Any) -> None:
    change_plan(rollout, lambda plan: plan["steps"][0].update({name: value}))


Flip = Callable[[Rollout], object]
FLIPS: dict[str, Flip] = {
    "the service's host": lambda row: Service.objects.filter(pk=row.service_id).update(namespace="other"),
    "its routes": lambda row: Service.objects.filter(pk=row.service_id).update(http_routes=["primary"]),
    "the candidate's image": lambda row: Version.objects.filter(pk=row.candidate_id).update(image="other:2"),
    "the candidate's labels": lambda row: Version.objects.filter(pk=row.candidate_id).update(
        labels={"version": "v3"}
    ),
    "the candidate's commit": lambda row: Version.objects.filter(pk=row.candidate_id).update(commit="abc"),
    "the stable version's image": lambda row: Version.objects.filter(pk=row.stable_id).update(
        image="other:1"
    ),
    "the rollback target": lambda row: Version.objects.filter(pk=row.stable_id).update(name="v0"),
    "a weight": lambda row: change_step(row, "weight", 6),
    "a bake": lambda row: change_step(row, "bake_seconds", 1),
    "a gate": lambda row: change_step(row, "gate", "manual"),
    "a wall-clock time": lambda row: change_step(row, "not_before", "2027-01-01T00:00:00+08:00"),
    "a rule": lambda row: change_step(row, "rules", [{"header": "x-beta", "exact": "1"}]),
    "the evidence policy": lambda row: change_plan(
        row, lambda plan: plan["evidence"].update(wait_limit_seconds=1)
    ),
    "the start time": lambda row: Rollout.objects.filter(pk=row.pk).update(
        start_at=database_now() - timedelta(minutes=1)
    ),
    "the impact": lambda row: Rollout.objects.filter(pk=row.pk).update(impact="none"),
    "the compatibility note": lambda row: Rollout.objects.filter(pk=row.pk).update(changes_data=True),
    "the policy's number": lambda row: Policy.objects.filter(pk=row.service.policy_id).update(number=9),
    "the approvals needed": lambda row: Policy.objects.filter(pk=row.service.policy_id).update(
        approvals_needed=2
    ),
    "the baseline": change_baseline,
}


@pytest.mark.parametrize("flip", FLIPS.values(), ids=FLIPS.keys())
def test_each_input_of_the_fingerprint_stops_the_next_forward_write(shop: World, flip: Flip) -> None:
    rollout = shop.approved()
    assert approval_problem(fresh(rollout)) == ""
    flip(fresh(rollout))
    assert approval_problem(fresh(rollout)), "the votes are about something else"
    shop.mesh.log.clear()
    shop.pulse(rollout, times=3)
    assert [write for write in shop.mesh.log if not write.dry_run] == []
    rollout.refresh_from_db()
    assert rollout.state in {State.PENDING, State.PAUSED}
    assert AuditEvent.objects.filter(rollout=rollout, action="void").exists()


def test_a_vote_on_content_that_changed_is_stale_and_the_new_content_can_be_voted_on(shop: World) -> None:
    rollout = shop.pending()
    looked_at = rollout.fingerprint
    Version.objects.filter(pk=rollout.candidate_id).update(commit="another")
    with pytest.raises(Stale):
        approve(rollout, shop.approver, fingerprint=looked_at)
    rollout = fresh(rollout)
    assert rollout.fingerprint != looked_at
    assert approve(rollout, shop.approver).state == State.APPROVED


def test_votes_on_content_that_changed_are_kept_with_the_reason(shop: World) -> None:
    Policy.objects.update(approvals_needed=2)
    rollout = approve(shop.pending(), shop.approver)
    Version.objects.filter(pk=rollout.candidate_id).update(commit="another")
    with pytest.raises(Stale):
        approve(rollout, shop.operator)
    vote = rollout.approvals.get()
    assert vote.voided_at is not None
    assert "content changed" in vote.voided_why


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


@pytest.mark.parametrize("field", STATEMENTS)
def test_a_request_that_does_not_say_what_it_is_is_not_submitted(shop: World, field: str) -> None:
    rollout = shop.draft()
    Rollout.objects.filter(pk=rollout.pk).update(**{field: " "})
    with pytest.raises(BadPlan) as refused:
        flow.perform(rollout, Event.SUBMIT, by=actor(shop.requester))
    assert refused.value.field == field


def test_a_change_of_data_needs_a_compatibility_note(shop: World) -> None:
    rollout = shop.draft()
    Rollout.objects.filter(pk=rollout.pk).update(changes_data=True)
    with pytest.raises(BadPlan) as refused:
        flow.perform(rollout, Event.SUBMIT, by=actor(shop.requester))
    assert refused.value.field == "compatibility_note"


def test_what_nobody_measured_in_the_last_hour_is_not_submitted(shop: World) -> None:
    rollout = shop.draft()
    shop.telemetry.forget(rollout.service.target)
    with pytest.raises(Blocked) as refused:
        flow.perform(rollout, Event.SUBMIT, by=actor(shop.requester))
    assert [finding.code for finding in refused.value.findings] == ["WEIR0003"]


def test_the_rollback_is_rehearsed_before_anybody_is_asked(shop: World) -> None:
    shop.pending()
    (rehearsed,) = shop.mesh.log
    assert rehearsed.dry_run
    assert rehearsed.manifest["spec"]["http"][0]["route"][0]["weight"] == 100


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


def test_an_edit_by_a_second_account_of_one_person_is_that_persons(shop: World) -> None:
    robot = person("robot", RoleName.REQUESTER, belongs_to=shop.approver)
    rollout = shop.draft()
    flow.edit(rollout, by=actor(robot), changes={"impact": "Less."})
    assert RolloutEdit.objects.count() == 1
    rollout = flow.perform(rollout, Event.SUBMIT, by=actor(shop.requester))
    with pytest.raises(NotAllowed, match="You edited"):
        approve(rollout, shop.approver)
