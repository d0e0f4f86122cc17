"""A pass that ends at any point of any stage leaves behind what the next pass completes: same end, same writes.

The end is an exception that nothing catches, so that open transactions roll back as after a kill. What only a real process
can show is in ``test_killed_worker``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from istio.mesh import Unreachable
from releases import flow
from releases.domain.states import FINISHED, Event, State
from releases.models import Rollout
from tests.admin.world import WORKER, World, actor
from tests.faults.judge import check_end, check_now, stored_by_fake, weights_written
from tests.faults.points import Point, chosen, watched
from tests.faults.split import Split

pytestmark = [pytest.mark.faults, pytest.mark.django_db]

STAGES = ("shift:0", "shift:1", "shift:2", "promote", "bake:1", "roll_back")
CASES = [
    pytest.param(point.name, stage, id=f"{point.name}-{stage}")
    for point, stage in chosen(STAGES)
    if not point.real_only
]
LEASE = timedelta(seconds=31)


class Ended(BaseException):
    """The process is gone: nothing below catches this."""


@contextmanager
def ending_once(name: str, *, stage: str) -> Iterator[list[str]]:
    """End the first pass that reaches the point in the stage. The list tells that it happened."""
    happened: list[str] = []

    def reached(point: Point, at: str, _rollout: int) -> None:
        if not happened and (point.name, at) == (name, stage):
            happened.append(name)
            raise Ended(name)

    with watched(reached, mesh="tests.fakes.mesh.FakeMesh"):
        yield happened


def pulse(world: World, rollout: Rollout, *, split: Split) -> None:
    """One due pass; if it ends in the middle, its lease has run out before the next. The traffic follows at once."""
    world.now += timedelta(seconds=10)
    try:
        flow.advance(rollout.pk, clock=lambda: world.now, by=WORKER)
    except Ended:
        split.follow()
        world.now += LEASE
    split.follow()


def run_to_the_end(world: World, rollout: Rollout, *, roll_back: bool) -> None:
    split = Split(world, rollout)
    for _ in range(120):
        pulse(world, rollout, split=split)
        check_now(rollout, stored=stored_by_fake(world.mesh))
        rollout.refresh_from_db()
        if rollout.state in FINISHED:
            return
        if roll_back and rollout.current_step == 1:
            # From now on the candidate fails, so that the worker itself rolls back; at first the mesh does not answer.
            world.mesh.fail_next(Unreachable("The API server did not answer."), on="put")
            split.error_ratio = 0.5
            roll_back = False
    pytest.fail(f"no end: {rollout.state}, {rollout.reason_code} {rollout.reason_params}")


def prepared(world: World) -> Rollout:
    world.plan = flow.save_plan(
        name="short",
        steps=[{"weight": weight, "bake_seconds": 20} for weight in (5, 50, 100)],
        evidence={"policy": "guard", "interval_seconds": 5},
        by=actor(world.requester),
    )
    rollout = world.approved()
    Split(world, rollout).begin()
    return rollout


@pytest.mark.parametrize(("name", "stage"), CASES)
def test_a_pass_that_ends_anywhere_changes_nothing_but_time(world: World, name: str, stage: str) -> None:
    rollout = prepared(world)
    with ending_once(name, stage=stage) as happened:
        run_to_the_end(world, rollout, roll_back=stage == "roll_back")
    assert happened, f"no pass came by {name} in {stage}"
    end = State.ROLLED_BACK if stage == "roll_back" else State.COMPLETED
    check_end(rollout, stored=stored_by_fake(world.mesh), state=end)


@pytest.mark.parametrize("name", ["after_mesh_write", "event_not_committed", "after_event", "before_note"])
def test_a_person_rolls_back_what_an_ended_worker_left_half_done(world: World, name: str) -> None:
    rollout = prepared(world)
    with ending_once(name, stage="shift:1") as happened:
        split = Split(world, rollout)
        while not happened:
            pulse(world, rollout, split=split)
        flow.perform(
            rollout, Event.ROLL_BACK, by=actor(world.operator), why="enough", clock=lambda: world.now
        )
    stored = stored_by_fake(world.mesh)
    check_end(rollout, stored=stored, state=State.ROLLED_BACK)
    assert weights_written(rollout, stored=stored) == [5, 50, 0]
