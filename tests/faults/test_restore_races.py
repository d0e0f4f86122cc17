"""Restoring after drift while somebody else changes the rollout: a rollback stays, and what was written is said."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from pytest_django.fixtures import Settings

from istio.mesh import Manifest
from releases import flow
from releases.domain import IllegalMove
from releases.domain.states import Event, State
from releases.models import AuditEvent, Rollout
from tests.admin.world import World, actor
from tests.faults.judge import check_now, stored_by_fake, weights_written
from tests.faults.points import Point, watched
from tests.faults.test_ended_at_every_point import prepared
from tests.faults.test_invariants import FAKE, advance, person, until_step
from tests.faults.walk import FAILURES

pytestmark = [pytest.mark.faults, pytest.mark.django_db]


def drifted(world: World) -> Rollout:
    rollout = prepared(world)
    until_step(world, rollout, 0)

    def give_a_little_more(document: Manifest) -> None:
        """Too little for a guard to roll back."""
        for route, weight in zip(document["spec"]["http"][-1]["route"], (94, 6), strict=True):
            route["weight"] = weight

    world.mesh.edit(rollout.service.virtual_service_ref, give_a_little_more)
    advance(world, rollout)
    assert (rollout.state, rollout.reason_code) == (State.PAUSED, "drifted")
    return rollout


def test_what_was_restored_is_said_although_a_worker_looked_meanwhile(world: World) -> None:
    rollout = drifted(world)

    def answer_took_longer_than_the_lease(point: Point, _stage: str, _rollout: int) -> None:
        if point.name == "after_event" and not done:
            done.append(point.name)
            advance(world, rollout, seconds=31)

    done: list[str] = []
    with watched(answer_took_longer_than_the_lease, mesh=FAKE):
        person(world, rollout, Event.RESTORE)
    assert done
    assert (rollout.state, rollout.reason_code) == (State.PAUSED, "paused_by_person")
    actions = AuditEvent.objects.filter(rollout=rollout, outcome="done").order_by("seq")
    assert list(actions.values_list("action", flat=True))[-2:] == ["mesh_write", "restore"]
    assert weights_written(rollout, stored=stored_by_fake(world.mesh)) == [5, 5]


def test_a_restore_that_waited_gives_way_to_a_rollback(world: World, settings: Settings) -> None:
    settings.ROLLBACK_DOOR_SECONDS = 0.0
    rollout = drifted(world)
    Rollout.objects.filter(pk=rollout.pk).update(leased_until=world.now + timedelta(seconds=30))

    def clock() -> datetime:
        """The waiting door looks at the clock; between two looks somebody rolls back, and the mesh is away for a moment."""
        if not done:
            done.append("rolled back")
            world.mesh.fail_next(FAILURES["timeout"], on="put")
            person(world, rollout, Event.ROLL_BACK)
        return world.now

    done: list[str] = []
    with pytest.raises(IllegalMove):
        flow.perform(rollout, Event.RESTORE, by=actor(world.operator), why="test", clock=clock)
    advance(world, rollout, seconds=1)
    assert rollout.state == State.ROLLED_BACK
    assert weights_written(rollout, stored=stored_by_fake(world.mesh)) == [5, 0]
    check_now(rollout, stored=stored_by_fake(world.mesh))
