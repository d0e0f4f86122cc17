"""A freeze over step 3: what it holds, what it never holds, and what happens when it is over. All through the pulse."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from releases import flow, selectors
from releases.domain import NotAllowed
from releases.domain.calendar import Effect
from releases.domain.roles import RoleName
from releases.domain.states import Event, State
from releases.models import AuditEvent, Freeze, Proposal, Role, Rollout, User
from tests.admin.world import actor, group, person
from tests.factories import Scene

pytestmark = pytest.mark.django_db

STEPS: list[dict[str, Any]] = [{"weight": weight, "bake_seconds": 20} for weight in (5, 20, 50, 100)]
LENGTH = timedelta(minutes=5)


@pytest.fixture
def keeper(scene: Scene) -> User:
    """Return somebody who keeps the calendar."""
    return person("keeper", RoleName.CALENDAR_MANAGER)


def at_step_two(scene: Scene) -> Rollout:
    """A rollout that bakes its second step at 20 %; step 3 would give 50 %."""
    rollout = scene.rollout(at=State.RUNNING, step=1, plan=scene.plan(STEPS))
    assert scene.weight(rollout) == 20
    return rollout


def frozen(
    scene: Scene, keeper: User, *, effect: Effect = Effect.HOLD, after: timedelta = timedelta(0)
) -> Freeze:
    """Freeze everything for some minutes of the scene."""
    begins = scene.now + after
    fields = {
        "name": "双十一封网",
        "reason": "The busiest day.",
        "starts_at": begins,
        "ends_at": begins + LENGTH,
        "time_zone": "Asia/Shanghai",
        "effect": effect.value,
    }
    return flow.create_freeze(by=actor(keeper), fields=fields)


def test_the_forecast_names_the_step_that_falls_into_it(scene: Scene, keeper: User) -> None:
    rollout = scene.rollout(at=State.PENDING, plan=scene.plan(STEPS))
    frozen(scene, keeper, after=timedelta(seconds=35))
    planned = selectors.schedule_forecast(rollout, now=scene.now)
    conflicts = [conflict for step in planned for conflict in step.conflicts]
    assert [conflict.position for conflict in conflicts] == [2]
    assert "双十一封网" in selectors.conflict_sentence(conflicts[0])


def test_it_holds_step_three_and_lets_it_go_on_when_it_is_over(scene: Scene, keeper: User) -> None:
    rollout = at_step_two(scene)
    freeze = frozen(scene, keeper)
    rollout = scene.pulse(rollout, times=20)
    assert (rollout.state, rollout.current_step, scene.weight(rollout)) == (State.RUNNING, 1, 20)
    assert (rollout.reason_code, rollout.reason_params["name"]) == ("held_by_freeze", freeze.name)
    assert freeze.ends_at is not None
    while scene.now < freeze.ends_at - timedelta(seconds=10):
        rollout = scene.pulse(rollout)
        assert scene.weight(rollout) == 20
    rollout = scene.until(rollout, State.COMPLETED)
    begun = scene.run_of(rollout, 2).started_at
    assert begun is not None
    assert begun >= freeze.ends_at
    assert scene.weight(rollout) == 100


def test_it_goes_on_within_two_looks_of_the_end(scene: Scene, keeper: User) -> None:
    rollout = at_step_two(scene)
    freeze = frozen(scene, keeper)
    assert freeze.ends_at is not None
    rollout = scene.pulse(rollout, times=20)
    scene.world.now = freeze.ends_at
    rollout = scene.pulse(rollout, times=2)
    assert (rollout.current_step, scene.weight(rollout)) == (2, 50)


def test_a_person_rolls_back_while_it_holds(scene: Scene, keeper: User) -> None:
    rollout = at_step_two(scene)
    frozen(scene, keeper)
    rollout = scene.pulse(rollout, times=6)
    assert rollout.reason_code == "held_by_freeze"
    rollout = scene.by_hand(rollout, Event.ROLL_BACK)
    rollout = rollout if rollout.state == State.ROLLED_BACK else scene.until(rollout, State.ROLLED_BACK)
    assert scene.weight(rollout) == 0


def test_a_guard_rolls_back_while_it_holds(scene: Scene, keeper: User) -> None:
    rollout = at_step_two(scene)
    frozen(scene, keeper)
    rollout = scene.pulse(rollout, times=6)
    scene.behaviour["v2"] = {"error_ratio": 0.5}
    rollout = scene.until(rollout, State.ROLLED_BACK)
    assert (rollout.reason_code, scene.weight(rollout)) == ("guard_failed", 0)


def test_a_smaller_weight_and_a_pause_work_while_it_holds_but_no_promotion(
    scene: Scene, keeper: User
) -> None:
    rollout = at_step_two(scene)
    frozen(scene, keeper)
    rollout = scene.pulse(rollout, times=6)
    rollout = scene.pulse(scene.by_hand(rollout, Event.SET_WEIGHT, weight=7))
    assert scene.weight(rollout) == 7
    rollout = scene.pulse(scene.by_hand(rollout, Event.PROMOTE), times=6)
    assert (scene.weight(rollout), rollout.reason_code) == (7, "held_by_freeze")
    rollout = scene.by_hand(rollout, Event.PAUSE)
    assert scene.pulse(rollout, times=3).state == State.PAUSED
    assert scene.weight(rollout) == 7


def test_one_that_rolls_back_gives_all_traffic_back_when_it_begins(scene: Scene, keeper: User) -> None:
    rollout = at_step_two(scene)
    frozen(scene, keeper, effect=Effect.ROLL_BACK, after=timedelta(seconds=12))
    rollout = scene.pulse(rollout, times=2)
    assert (rollout.state, scene.weight(rollout)) == (State.RUNNING, 20)
    rollout = scene.until(rollout, State.ROLLED_BACK, pulses=3)
    assert (rollout.reason_code, scene.weight(rollout)) == ("rolled_back_by_freeze", 0)
    assert rollout.reason_params["name"] == "双十一封网"


def test_one_that_finishes_the_step_writes_what_was_begun_and_begins_no_other(
    scene: Scene, keeper: User
) -> None:
    rollout = at_step_two(scene)
    rollout = scene.by_hand(rollout, Event.SET_WEIGHT, weight=7)
    frozen(scene, keeper, effect=Effect.FINISH_STEP)
    rollout = scene.pulse(rollout, times=12)
    run = scene.run_of(rollout, 1)
    assert (run.written, run.desired, scene.weight(rollout)) == (7, 7, 7)
    assert run.bake_until is not None
    assert scene.now > run.bake_until
    assert (rollout.current_step, rollout.reason_code) == (1, "held_by_freeze")


@pytest.mark.parametrize(
    ("effect", "state"), [(Effect.FINISH_STEP, State.COMPLETED), (Effect.HOLD, State.RUNNING)]
)
def test_the_last_step_completes_by_one_that_finishes_it_and_not_by_a_hold(
    scene: Scene, keeper: User, effect: Effect, state: State
) -> None:
    rollout = scene.rollout(at=State.RUNNING, step=len(STEPS) - 1, plan=scene.plan(STEPS))
    frozen(scene, keeper, effect=effect)
    rollout = scene.pulse(rollout, times=20)
    assert (rollout.state, scene.weight(rollout)) == (state, 100)


def test_an_override_takes_a_second_person_and_frees_one_rollout(scene: Scene, keeper: User) -> None:
    rollout = at_step_two(scene)
    freeze = frozen(scene, keeper)
    rollout = scene.pulse(rollout, times=6)
    asked = flow.ask_override(rollout, freeze=freeze, by=actor(keeper), why="The fix must go out today.")
    with pytest.raises(NotAllowed):
        flow.agree(asked, by=actor(keeper), why="I agree with myself.")
    assert scene.weight(scene.pulse(rollout, times=3)) == 20
    decided = flow.agree(asked, by=actor(scene.world.approver), why="read it")
    assert decided.state == Proposal.State.AGREED
    assert scene.until(rollout, State.COMPLETED).state == State.COMPLETED


def test_a_lifted_freeze_lets_it_go_on_at_once_and_both_names_are_in_the_trail(
    scene: Scene, keeper: User
) -> None:
    rollout = at_step_two(scene)
    freeze = frozen(scene, keeper)
    rollout = scene.pulse(rollout, times=6)
    Freeze.objects.filter(pk=freeze.pk).update(starts_at=freeze.starts_at - timedelta(hours=1))
    freeze.refresh_from_db()
    unchanged, proposal = flow.lift_freeze(freeze, by=actor(keeper), why="It is over for us.")
    assert unchanged.lifted_at is None
    assert proposal is not None
    flow.agree(proposal, by=actor(scene.world.approver), why="so it is")
    rollout = scene.pulse(rollout, times=2)
    assert scene.weight(rollout) == 50
    names = AuditEvent.objects.filter(action__endswith="lift_freeze").values_list("actor", flat=True)
    assert {"keeper", "approver"} <= set(names)


@pytest.fixture
def of_one_group(scene: Scene) -> User:
    """Return somebody whose role on the calendar holds on the services of one group only."""
    member = person("member")
    owners = group("owners", member)
    Role.objects.create(user=member, name=RoleName.CALENDAR_MANAGER.value, group=owners)
    service = scene.world.service("product")
    service.owners = owners
    service.save()
    return member


def test_a_role_on_one_group_stops_its_own_services_only(scene: Scene, of_one_group: User) -> None:
    service, by = scene.world.service("product"), actor(of_one_group)
    assert flow.press_red_button(by=by, why="It fails.", service=service).service == service
    with pytest.raises(NotAllowed, match="every group"):
        flow.press_red_button(by=by, why="It fails.", cluster=service.cluster)
    with pytest.raises(NotAllowed, match="every group"):
        flow.press_red_button(by=by, why="It fails.")
    refused = AuditEvent.objects.filter(action="press_red_button", outcome=AuditEvent.Outcome.REFUSED)
    assert refused.count() == 2


def test_a_role_on_one_group_neither_widens_nor_lifts_what_holds_for_all(
    scene: Scene, keeper: User, of_one_group: User
) -> None:
    own = flow.press_red_button(
        by=actor(of_one_group), why="It fails.", service=scene.world.service("product")
    )
    with pytest.raises(NotAllowed, match="every group"):
        flow.change_freeze(own, by=actor(of_one_group), fields={"service": None}, why="For all.")
    for_all = frozen(scene, keeper)
    with pytest.raises(NotAllowed, match="every group"):
        flow.lift_freeze(for_all, by=actor(of_one_group), why="Not for us.")
    assert not Proposal.objects.exists()


def test_a_role_that_holds_everywhere_stops_everything(scene: Scene, keeper: User) -> None:
    made = flow.press_red_button(by=actor(keeper), why="It fails.")
    assert (made.service, made.cluster, made.red_button) == (None, None, True)
