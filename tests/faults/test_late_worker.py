"""A worker that stands still in the middle of a write and wakes up when everything is over undoes nothing.

The real worker's process group is stopped at a point (as a machine that swaps, or a virtual machine that is moved, would be);
meanwhile a person rolls back, or another worker takes over after the lease; then it goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from pytest_django.plugin import DjangoDbBlocker

from releases import flow
from releases.domain.states import Event, State
from releases.models import Rollout
from tests.admin.world import actor
from tests.faults.judge import Stored, check_end, weights_written
from tests.faults.rig import Rig, running_rig

pytestmark = [
    pytest.mark.faults,
    pytest.mark.enable_socket,
    pytest.mark.timeout(700),
]

BEFORE_WRITE = ("after_decide", "after_mesh_read", "after_intent", "before_mesh_write")
AFTER_WRITE = ("after_mesh_write", "after_event")
TAKEN_OVER = ("after_intent", "before_mesh_write", "after_mesh_write")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What there is to judge when every worker has gone on and ended."""

    rolled_back: dict[str, Rollout]
    taken_over: dict[str, Rollout]
    stored: list[Stored]
    conflicts: list[str]
    """Names of objects whose write the API server refused with 409."""


@pytest.fixture(scope="module")
def outcome(
    tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker
) -> Iterator[Outcome]:
    with django_db_blocker.unblock(), running_rig(tmp_path_factory.mktemp("rig")) as rig:
        rig.start_worker()
        rolled_back = {point: _rolled_back(rig, point) for point in (*BEFORE_WRITE, *AFTER_WRITE)}
        rig.start_worker("second")
        taken_over = {point: _taken_over(rig, point) for point in TAKEN_OVER}
        rig.finish_workers()
        refused = [
            record["name"] for record in rig.kubeapi.requests("verb=update") if record["status"] == 409
        ]
        yield Outcome(rolled_back, taken_over, rig.stored(), refused)


def _stopped(rig: Rig, *, name: str, point: str) -> Rollout:
    """Return a rollout whose worker stands still at the point of its second step."""
    rollout = rig.approved(f"{name}-{point.replace('_', '-')}")
    rig.arm(rollout, point=point, stage="shift:1", how="SIGSTOP")
    rig.until(lambda: not rig.armed(), what=f"the worker stands at {point}")
    return rollout


def _rolled_back(rig: Rig, point: str) -> Rollout:
    rollout = _stopped(rig, name="back", point=point)
    flow.perform(rollout, Event.ROLL_BACK, by=actor(rig.operator), why="it stands still")
    rig.wake_workers()
    return rollout


def _taken_over(rig: Rig, point: str) -> Rollout:
    rollout = _stopped(rig, name="over", point=point)
    rig.until(
        lambda: Rollout.objects.get(pk=rollout.pk).state == State.COMPLETED,
        what="the other worker takes over and ends it",
    )
    rig.wake_workers()
    return rollout


@pytest.mark.parametrize("point", BEFORE_WRITE)
def test_a_late_worker_does_not_undo_a_rollback(outcome: Outcome, point: str) -> None:
    rollout = outcome.rolled_back[point]
    check_end(rollout, stored=outcome.stored, state=State.ROLLED_BACK)
    assert weights_written(rollout, stored=outcome.stored) == [5, 0]


@pytest.mark.parametrize("point", AFTER_WRITE)
def test_a_write_that_landed_before_the_rollback_has_one_event(outcome: Outcome, point: str) -> None:
    rollout = outcome.rolled_back[point]
    check_end(rollout, stored=outcome.stored, state=State.ROLLED_BACK)
    assert weights_written(rollout, stored=outcome.stored) == [5, 50, 0]


def test_the_fence_is_what_refuses_the_late_write(outcome: Outcome) -> None:
    assert outcome.rolled_back["before_mesh_write"].service.name in outcome.conflicts


@pytest.mark.parametrize("point", TAKEN_OVER)
def test_two_workers_write_each_step_once(outcome: Outcome, point: str) -> None:
    check_end(outcome.taken_over[point], stored=outcome.stored, state=State.COMPLETED)
