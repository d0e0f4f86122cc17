"""From the request to the end, pulse by pulse: what is written, what is recorded, and what it costs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from releases.domain import NotAllowed
from releases.domain.states import Event, State
from releases.models import AuditEvent
from releases.sentences import audit_sentence, why
from tests.factories import Scene

pytestmark = pytest.mark.django_db


def test_a_good_release_goes_step_by_step_to_the_end(scene: Scene) -> None:
    rollout = scene.rollout(at=State.COMPLETED)
    weights = [
        {
            entry["destination"]["subset"]: entry.get("weight")
            for entry in write.manifest["spec"]["http"][0]["route"]
        }
        for write in scene.writes(rollout)
    ]
    assert weights == [{"v1": 95, "v2": 5}, {"v1": 80, "v2": 20}, {"v1": 0, "v2": 100}, {"v1": 0, "v2": 100}]
    assert scene.actions(rollout) == [
        *("create", "submit", "approve", "start"),
        *("mesh_write", "mesh_write", "mesh_write", "mesh_write", "mesh_write", "complete"),
    ]
    rollout.service.refresh_from_db()
    assert rollout.service.stable == rollout.candidate
    assert scene.live(rollout.service)["metadata"].get("annotations") is None


def test_each_write_has_one_event_with_the_object_before_and_after(scene: Scene) -> None:
    rollout = scene.rollout(at=State.COMPLETED)
    events = AuditEvent.objects.filter(rollout=rollout, action="mesh_write").order_by("seq")
    told = [
        (event.before["metadata"]["resourceVersion"], event.after["metadata"]["resourceVersion"])
        for event in events
        if event.before is not None and event.after is not None
    ]
    assert told == [(write.before, write.after) for write in scene.mesh.log if not write.dry_run]


def test_a_bake_is_never_cut_short(scene: Scene) -> None:
    rollout = scene.rollout(at=State.RUNNING, step=0)
    begun = scene.run_of(rollout, 0).started_at
    assert begun is not None
    while rollout.current_step == 0:
        before = scene.now
        rollout = scene.pulse(rollout, after=timedelta(seconds=1))
    assert before + timedelta(seconds=1) >= begun + timedelta(seconds=20)


def test_nobody_but_a_second_person_approves(scene: Scene) -> None:
    rollout = scene.rollout(at=State.PENDING)
    with pytest.raises(NotAllowed):
        scene.approve(rollout, by=scene.world.requester)
    assert scene.pulse(rollout, times=3).state == State.PENDING
    assert scene.weight(rollout) == 0


def test_the_audit_says_which_share_was_written(scene: Scene) -> None:
    rollout = scene.until(scene.rollout(at=State.APPROVED), State.COMPLETED)
    written = AuditEvent.objects.filter(rollout=rollout, action="mesh_write").order_by("seq")
    said = [audit_sentence(event) for event in written]
    weights = [step.weight for step in rollout.plan_value.steps]
    for weight in weights:
        assert f"Wrote v1 {100 - weight} %, v2 {weight} % to the mesh" in said


def test_a_bad_release_is_rolled_back_by_the_worker_with_its_numbers(scene: Scene) -> None:
    scene.behaviour["v2"] = {"error_ratio": 0.3}
    rollout = scene.until(scene.rollout(at=State.APPROVED), State.ROLLED_BACK)
    assert scene.weight(rollout) == 0
    event = AuditEvent.objects.get(rollout=rollout, action="roll_back")
    sentence = audit_sentence(event)
    assert "error" in sentence.lower()
    assert sentence.count("candidate") == 1
    assert event.reason == ""
    assert event.user_id is None
    assert event.after is not None
    assert event.after["decisive"]["candidate"][0] > 0
    assert "guard failed" in why(rollout)


def test_a_release_without_traffic_waits_for_evidence_and_then_holds(scene: Scene) -> None:
    plan = scene.plan(evidence={"policy": "gate"})
    rollout = scene.rollout(at=State.RUNNING, plan=plan)
    scene.telemetry.silence(since=scene.now)
    rollout = scene.until(rollout, State.PAUSED)
    assert rollout.reason_code == "evidence_unclear"
    assert rollout.current_step == 0
    assert scene.weight(rollout) == 5


def test_a_person_accepts_the_unclear_evidence_of_a_step_by_resuming(scene: Scene) -> None:
    rollout = scene.rollout(at=State.RUNNING, plan=scene.plan(evidence={"policy": "gate"}))
    scene.telemetry.silence(since=scene.now)
    rollout = scene.until(rollout, State.PAUSED)
    rollout = scene.pulse(scene.by_hand(rollout, Event.RESUME))
    assert (rollout.state, rollout.current_step, scene.weight(rollout)) == (State.RUNNING, 1, 20)
    event = rollout.audit_events.filter(action="resume").get()
    assert audit_sentence(event) == "Resumed, and accepted the unclear evidence of step 1"
    again = scene.until(rollout, State.PAUSED)
    assert (again.reason_code, again.current_step) == ("evidence_unclear", 1), (
        "the next step is asked for its own"
    )


def test_a_silent_release_is_rolled_back_when_the_plan_says_so(scene: Scene) -> None:
    plan = scene.plan(evidence={"policy": "gate", "when_unclear": "roll_back"})
    rollout = scene.rollout(at=State.RUNNING, plan=plan)
    scene.telemetry.silence(since=scene.now)
    rollout = scene.until(rollout, State.ROLLED_BACK)
    assert scene.weight(rollout) == 0


def test_a_prometheus_that_is_away_promotes_nothing_and_counts_against_the_limit(scene: Scene) -> None:
    rollout = scene.rollout(at=State.RUNNING)
    scene.telemetry.unreachable = True
    seen = set()
    for _ in range(60):
        rollout = scene.pulse(rollout)
        seen.add(rollout.reason_code)
        if rollout.state == State.PAUSED:
            break
    assert "metrics_unreachable" in seen
    assert (rollout.state, rollout.reason_code, rollout.current_step) == (State.PAUSED, "evidence_unclear", 0)


def test_metrics_that_come_back_in_time_let_it_go_on(scene: Scene) -> None:
    rollout = scene.rollout(at=State.RUNNING)
    scene.telemetry.unreachable = True
    rollout = scene.pulse(rollout, times=6)
    assert rollout.reason_code == "metrics_unreachable"
    scene.telemetry.unreachable = False
    assert scene.until(rollout, State.COMPLETED).state == State.COMPLETED


def test_a_split_that_does_not_arrive_stops_the_release(scene: Scene) -> None:
    scene.arrives = False
    # The judge needs four scrapes with traffic at the least; a shorter first step would be over before.
    plan = scene.plan([{"weight": weight, "bake_seconds": 40} for weight in (5, 100)])
    rollout = scene.rollout(at=State.APPROVED, plan=plan)
    for _ in range(30):
        rollout = scene.pulse(rollout)
        if rollout.state in {State.PAUSED, State.ROLLED_BACK}:
            break
    assert rollout.state in {State.PAUSED, State.ROLLED_BACK}
    assert rollout.current_step == 0


def test_a_finished_rollout_is_not_looked_at_again(scene: Scene) -> None:
    rollout = scene.rollout(at=State.COMPLETED)
    asked = scene.telemetry.windows_read
    revision = rollout.revision
    rollout = scene.pulse(rollout, times=5)
    assert (rollout.revision, scene.telemetry.windows_read) == (revision, asked)


def test_retrying_makes_a_new_rollout_that_needs_its_own_approval(scene: Scene) -> None:
    ended = scene.rollout(at=State.ROLLED_BACK)
    again = scene.by_hand(ended, Event.RETRY, scene.world.requester)
    assert (again.state, again.retry_of_id) == (State.DRAFT, ended.pk)
    assert again.frozen_plan == ended.frozen_plan
    told = AuditEvent.objects.get(rollout=ended, action="retry")
    assert (told.actor, told.after) == (scene.world.requester.username, {"rollout": again.pk})
    again = scene.by_hand(again, Event.SUBMIT, scene.world.requester)
    assert scene.pulse(again, times=3).state == State.PENDING
    assert not again.approvals.exists()
