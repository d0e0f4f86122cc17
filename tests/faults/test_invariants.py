"""One short story for each invariant that no other test of this folder tells on its own; ``mutations`` says which breaks on what."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from releases import flow
from releases.domain.states import Event, State
from releases.models import Rollout
from tests.admin.world import WORKER, World, actor
from tests.faults.judge import check_now, stored_by_fake, weights_written
from tests.faults.points import Point, watched
from tests.faults.split import Split
from tests.faults.test_ended_at_every_point import prepared

pytestmark = [pytest.mark.faults, pytest.mark.django_db]

FAKE = "tests.fakes.mesh.FakeMesh"


def advance(world: World, rollout: Rollout, *, seconds: float = 10) -> object:
    world.now += timedelta(seconds=seconds)
    action = flow.advance(rollout.pk, clock=lambda: world.now, by=WORKER)
    Split(world, rollout).follow()
    rollout.refresh_from_db()
    return action


def until_step(world: World, rollout: Rollout, step: int) -> None:
    for _ in range(40):
        advance(world, rollout, seconds=3)
        if rollout.current_step == step:
            return
    pytest.fail(f"step {step} was not reached: {rollout.reason_code}")


def person(world: World, rollout: Rollout, event: Event) -> None:
    flow.perform(rollout, event, by=actor(world.operator), why="test", clock=lambda: world.now)
    rollout.refresh_from_db()


def test_i1_the_database_refuses_a_second_live_rollout(world: World) -> None:
    rollout = world.approved()
    draft = world.draft()
    with pytest.raises(IntegrityError), transaction.atomic():
        Rollout.objects.filter(pk=draft.pk).update(state=State.RUNNING)
    assert Rollout.objects.get(pk=rollout.pk).state == State.APPROVED


def test_i3_a_vote_taken_back_stops_the_next_write(world: World) -> None:
    rollout = prepared(world)
    until_step(world, rollout, 0)
    rollout.approvals.update(voided_at=world.now, voided_why="gone")
    for _ in range(10):
        advance(world, rollout)
    assert weights_written(rollout, stored=stored_by_fake(world.mesh)) == [5]
    assert rollout.reason_code == "approval_void"


def test_i4_a_write_begun_before_a_rollback_of_nothing_is_refused(world: World) -> None:
    rollout = prepared(world)

    def roll_back(point: Point, stage: str, _rollout: int) -> None:
        if (point.name, stage) == ("before_mesh_write", "shift:0") and not done:
            done.append(stage)
            person(world, rollout, Event.ROLL_BACK)

    done: list[str] = []
    with watched(roll_back, mesh=FAKE):
        for _ in range(3):
            advance(world, rollout)
    assert done
    assert rollout.state == State.ROLLED_BACK
    assert weights_written(rollout, stored=stored_by_fake(world.mesh)) == [0]


def test_i5_a_late_worker_does_not_record_what_was_settled_for_it(world: World) -> None:
    rollout = prepared(world)

    def second(point: Point, stage: str, _rollout: int) -> None:
        if (point.name, stage) == ("after_mesh_write", "shift:1") and not done:
            done.append(stage)
            advance(world, rollout, seconds=31)

    done: list[str] = []
    with watched(second, mesh=FAKE):
        until_step(world, rollout, 1)
    assert done
    check_now(rollout, stored=stored_by_fake(world.mesh))


def test_i7_a_leased_row_is_left_alone(world: World) -> None:
    rollout = prepared(world)
    seen: list[object] = []

    def second(point: Point, _stage: str, _rollout: int) -> None:
        if point.name == "after_facts" and not seen:
            seen.append(flow.advance(rollout.pk, clock=lambda: world.now, by=WORKER))

    with watched(second, mesh=FAKE):
        advance(world, rollout)
    assert seen == [None]


def test_i8_after_a_long_outage_nothing_goes_on_without_a_person(world: World) -> None:
    rollout = prepared(world)
    until_step(world, rollout, 0)
    for _ in range(4):
        advance(world, rollout, seconds=2)
    advance(world, rollout, seconds=10 * 24 * 3600)
    advance(world, rollout)
    assert weights_written(rollout, stored=stored_by_fake(world.mesh)) == [5]
    assert rollout.reason_code == "overdue"


def test_i10_resuming_bakes_what_was_left(world: World) -> None:
    rollout = prepared(world)
    until_step(world, rollout, 0)
    person(world, rollout, Event.PAUSE)
    left = rollout.step_runs.get(position=0).bake_left_seconds
    assert left
    assert left > 5
    for _ in range(5):
        advance(world, rollout)
    person(world, rollout, Event.RESUME)
    resumed = world.now
    until_step(world, rollout, 1)
    assert (world.now - resumed).total_seconds() >= left
