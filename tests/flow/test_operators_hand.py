"""What people do to a rollout that runs: pause, weights, promotion, drift, going back, reverting."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from istio.marks import FENCE
from istio.mesh import Manifest, Unreachable
from releases.domain import BadPlan, IllegalMove, NotAllowed
from releases.domain.states import Event, State
from releases.models import AuditEvent, Rollout
from releases.selectors import drift_seen
from tests.factories import Scene

pytestmark = pytest.mark.django_db


def give_v2(weight: int) -> Callable[[Manifest], None]:
    def change(document: Manifest) -> None:
        for entry in document["spec"]["http"][0]["route"]:
            entry["weight"] = weight if entry["destination"]["subset"] == "v2" else 100 - weight

    return change


def drifted(scene: Scene, *, weight: int = 60) -> Rollout:
    """A rollout at 20 %, behind whose back somebody wrote another weight."""
    rollout = scene.rollout(at=State.RUNNING, step=1)
    scene.mesh.edit(rollout.service.virtual_service_ref, give_v2(weight))
    return scene.until(rollout, State.PAUSED)


def test_a_pause_keeps_the_traffic_and_what_was_left_of_the_bake(scene: Scene) -> None:
    rollout = scene.rollout(at=State.PAUSED, step=1)
    left = scene.run_of(rollout, 1).bake_left_seconds
    assert left is not None
    assert left == pytest.approx(20, abs=5.1)
    rollout = scene.pulse(rollout, times=20)
    assert (rollout.current_step, scene.weight(rollout)) == (1, 20)
    rollout = scene.by_hand(rollout, Event.RESUME)
    until = scene.run_of(rollout, 1).bake_until
    assert until == scene.now + timedelta(seconds=left)


def test_a_smaller_weight_is_written_at_once_and_baked_from_its_own_write(scene: Scene) -> None:
    rollout = scene.rollout(at=State.RUNNING, step=1)
    rollout = scene.pulse(scene.by_hand(rollout, Event.SET_WEIGHT, weight=7))
    assert scene.weight(rollout) == 7
    run = scene.run_of(rollout, 1)
    assert (run.desired, run.written) == (7, 7)
    assert run.bake_until is not None
    assert run.bake_until >= scene.now + timedelta(seconds=15)


def test_a_paused_rollout_goes_down_and_says_why_it_is_paused_still(scene: Scene) -> None:
    rollout = scene.rollout(at=State.PAUSED, step=1)
    rollout = scene.pulse(scene.by_hand(rollout, Event.SET_WEIGHT, weight=3), times=4)
    assert (scene.weight(rollout), rollout.state) == (3, State.PAUSED)
    assert rollout.reason_code == "paused_by_person"
    with pytest.raises(BadPlan):
        scene.by_hand(rollout, Event.SET_WEIGHT, weight=4)


def test_no_weight_above_the_approved_one_is_taken(scene: Scene) -> None:
    rollout = scene.rollout(at=State.RUNNING, step=1)
    with pytest.raises(BadPlan):
        scene.by_hand(rollout, Event.SET_WEIGHT, weight=21)
    assert scene.weight(scene.pulse(rollout)) == 20


def test_a_promotion_skips_the_rest_and_is_confirmed_before_it_completes(scene: Scene) -> None:
    rollout = scene.pulse(scene.by_hand(scene.rollout(at=State.RUNNING, step=0), Event.PROMOTE))
    assert (scene.weight(rollout), rollout.state) == (100, State.RUNNING)
    rollout.service.refresh_from_db()
    assert rollout.service.stable == rollout.stable
    rollout = scene.until(rollout, State.COMPLETED)
    rollout.service.refresh_from_db()
    assert rollout.service.stable == rollout.candidate


def test_a_promotion_that_harms_is_rolled_back_before_it_completes(scene: Scene) -> None:
    rollout = scene.rollout(at=State.RUNNING, step=1)
    scene.behaviour["v2"] = {"error_ratio": 0.5}
    rollout = scene.by_hand(rollout, Event.PROMOTE)
    rollout = scene.until(rollout, State.ROLLED_BACK)
    assert scene.weight(rollout) == 0
    rollout.service.refresh_from_db()
    assert rollout.service.stable == rollout.stable


def test_promotion_needs_its_own_permission(scene: Scene) -> None:
    rollout = scene.rollout(at=State.RUNNING)
    with pytest.raises(NotAllowed):
        scene.by_hand(rollout, Event.PROMOTE, scene.world.requester)


def test_drift_pauses_and_shows_three_sides(scene: Scene) -> None:
    rollout = drifted(scene)
    assert rollout.reason_code == "drifted"
    assert rollout.drift is not None
    assert set(rollout.drift) >= {"baseline", "written", "live"}
    seen = drift_seen(rollout.drift)
    assert seen is not None
    assert [(row["path"], row["baseline"], row["written"], row["live"]) for row in seen["rows"]] == [
        ("http[primary]/weights/v1", 100, 80, 40),
        ("http[primary]/weights/v2", None, 20, 60),
    ]


def test_a_base_route_that_is_gone_is_shown_as_what_can_not_be_found() -> None:
    base = {"base": "primary", "weights": [["product", "v1", 80], ["product", "v2", 20]], "mirrors": []}
    seen = drift_seen(
        {
            "baseline": {"http": [base]},
            "written": {"http": [base]},
            "live": {"problem": "no base route", "code": "none"},
        }
    )
    assert seen is not None
    rows = {row["path"]: (row["written"], row["live"]) for row in seen["rows"]}
    assert rows["problem"] == (None, "no base route")
    assert rows["http[primary]/weights/v2"] == (20, None)


def test_restore_writes_ours_again_and_keeps_what_else_the_owner_changed(scene: Scene) -> None:
    rollout = scene.rollout(at=State.RUNNING, step=1)

    def change(document: Manifest) -> None:
        give_v2(60)(document)
        document["spec"]["http"][0]["timeout"] = "9s"

    scene.mesh.edit(rollout.service.virtual_service_ref, change)
    rollout = scene.until(rollout, State.PAUSED)
    before = len(scene.writes(rollout))
    rollout = scene.by_hand(rollout, Event.RESTORE)
    assert (scene.weight(rollout), len(scene.writes(rollout))) == (20, before + 1)
    assert scene.live(rollout.service)["spec"]["http"][0]["timeout"] == "9s"
    assert scene.actions(rollout)[-2:] == ["mesh_write", "restore"]
    assert rollout.drift is None
    rollout = scene.by_hand(rollout, Event.RESUME)
    assert scene.until(rollout, State.COMPLETED).state == State.COMPLETED


def test_adopting_the_mesh_asks_for_a_new_vote(scene: Scene) -> None:
    rollout = drifted(scene, weight=12)
    old = rollout.fingerprint
    adopted = scene.by_hand(rollout, Event.ADOPT)
    assert adopted.fingerprint != old
    assert not adopted.approvals.filter(voided_at=None).exists()
    adopted = scene.pulse(scene.by_hand(adopted, Event.RESUME), times=12)
    assert (adopted.state, adopted.reason_code) == (State.PAUSED, "approval_void")
    assert scene.weight(adopted) == 12
    adopted = scene.by_hand(scene.approve(adopted), Event.RESUME)
    assert scene.until(adopted, State.COMPLETED).state == State.COMPLETED


def test_a_rollback_is_one_write_with_a_new_fence(scene: Scene) -> None:
    rollout = scene.rollout(at=State.RUNNING, step=1)
    before = len(scene.writes(rollout))
    rollout = scene.by_hand(rollout, Event.ROLL_BACK, scene.world.requester)
    assert rollout.state == State.ROLLED_BACK
    assert (scene.weight(rollout), len(scene.writes(rollout))) == (0, before + 1)
    annotations = scene.live(rollout.service)["metadata"]["annotations"]
    assert set(annotations) == {FENCE}
    assert scene.actions(rollout)[-3:] == ["roll_back", "mesh_write", "done"]


def test_what_the_door_can_not_write_the_worker_writes(scene: Scene) -> None:
    rollout = scene.rollout(at=State.RUNNING, step=1)
    scene.mesh.fail_next(Unreachable("away"), on="put", times=3)
    rollout = scene.by_hand(rollout, Event.ROLL_BACK)
    assert rollout.state == State.ROLLING_BACK
    rollout = scene.until(rollout, State.ROLLED_BACK)
    assert scene.weight(rollout) == 0


def test_a_lost_answer_of_a_rollback_is_one_write_and_one_event(scene: Scene) -> None:
    rollout = scene.rollout(at=State.RUNNING, step=1)
    before = len(scene.writes(rollout))
    scene.mesh.fail_next(Unreachable("the answer was lost"), on="put", after=True)
    rollout = scene.until(scene.by_hand(rollout, Event.ROLL_BACK), State.ROLLED_BACK)
    assert len(scene.writes(rollout)) == before + 1
    assert scene.actions(rollout).count("mesh_write") == before + 2  # and the DestinationRule


def test_the_command_rolls_back_without_a_broker(scene: Scene) -> None:
    rollout = scene.rollout(at=State.RUNNING, step=1)
    call_command("roll_back", "product")
    rollout.refresh_from_db()
    assert (rollout.state, scene.weight(rollout)) == (State.ROLLED_BACK, 0)
    event = AuditEvent.objects.get(rollout=rollout, action="roll_back")
    assert event.channel == "cli"
    with pytest.raises(CommandError):
        call_command("roll_back", "product")


def test_a_completed_rollout_is_reverted_by_one_write_without_a_vote(scene: Scene) -> None:
    rollout = scene.rollout(at=State.COMPLETED)
    before = len(scene.writes(rollout))
    rollout = scene.by_hand(rollout, Event.REVERT, scene.world.requester)
    assert (rollout.state, scene.weight(rollout)) == (State.REVERTED, 0)
    assert len(scene.writes(rollout)) == before + 1
    rollout.service.refresh_from_db()
    assert rollout.service.stable == rollout.stable


def test_a_revert_whose_answer_was_lost_is_completed_by_the_pulse(scene: Scene) -> None:
    rollout = scene.rollout(at=State.COMPLETED)
    scene.mesh.fail_next(Unreachable("the answer was lost"), on="put", after=True)
    with pytest.raises(Unreachable):
        scene.by_hand(rollout, Event.REVERT)
    rollout = scene.pulse(rollout, times=8)
    assert rollout.state == State.REVERTED
    assert scene.actions(rollout)[-2:] == ["mesh_write", "revert"]


def test_after_seven_days_nothing_is_reverted(scene: Scene) -> None:
    rollout = scene.rollout(at=State.COMPLETED)
    scene.world.now += timedelta(days=7, seconds=1)
    with pytest.raises(IllegalMove):
        scene.by_hand(rollout, Event.REVERT)


def test_a_manual_gate_opens_when_a_person_resumes(scene: Scene) -> None:
    steps: list[dict[str, Any]] = [
        {"weight": 5, "bake_seconds": 10},
        {"weight": 50, "bake_seconds": 10, "gate": "manual"},
    ]
    rollout = scene.rollout(at=State.RUNNING, plan=scene.plan(steps))
    rollout = scene.until(rollout, State.PAUSED)
    assert rollout.reason_code == "waiting_for_person"
    rollout = scene.pulse(scene.by_hand(rollout, Event.RESUME), times=2)
    assert scene.weight(rollout) == 50
