"""A write that is interrupted leads to the same write or to none."""

from __future__ import annotations

import pytest

from istio.mesh import VIRTUAL_SERVICE, Unreachable
from releases import flow
from releases.clock import database_now
from releases.domain import IllegalMove, LostRace
from releases.domain.traffic_change import ChangeEvent
from releases.flow.traffic_change.move import move_change
from releases.models import AuditEvent, TrafficChange
from tests.admin import world as worlds
from tests.admin.world import World, actor
from tests.flow.traffic_change.by_hand import (
    REF,
    apply,
    approve,
    approved_from_ten,
    ask,
    split,
    writes,
)


def test_a_lost_answer_is_finished_by_the_worker_with_one_write_and_one_event(world: World) -> None:
    change = approve(world, ask(world, 20))
    world.mesh.fail_next(Unreachable("gone"), on="put", after=True)  # the subset was written, unheard
    with pytest.raises(Unreachable):
        apply(world, change)
    world.mesh.fail_next(Unreachable("gone"), on="put", after=True)
    with pytest.raises(Unreachable):
        apply(world, change)
    change.refresh_from_db()
    assert (change.state, split(world)["v2"], len(writes(world))) == ("writing", 20, 1)
    for _ in range(2):
        flow.finish_change(change.pk, by=worlds.WORKER, clock=database_now)
    change.refresh_from_db()
    assert (change.state, len(writes(world))) == ("applied", 1)
    event = AuditEvent.objects.get(action="mesh_write", after__kind=VIRTUAL_SERVICE)
    assert event.before["spec"]["http"][0]["route"][0]["weight"] == 100  # type: ignore[index]


def test_a_write_that_did_not_arrive_is_written_by_the_worker(world: World) -> None:
    change = approved_from_ten(world)
    world.mesh.fail_next(Unreachable("gone"), on="put")
    with pytest.raises(Unreachable):
        apply(world, change)
    assert split(world).get("v2", 0) == 10
    flow.finish_change(change.pk, by=worlds.WORKER, clock=database_now)
    change.refresh_from_db()
    assert (change.state, split(world)["v2"]) == ("applied", 20)


def test_somebody_elses_write_meanwhile_is_not_overwritten(world: World) -> None:
    change = approved_from_ten(world)
    world.mesh.fail_next(Unreachable("gone"), on="put")
    with pytest.raises(Unreachable):
        apply(world, change)
    world.mesh.edit(REF, lambda item: item["spec"]["http"][0].update(timeout="9s"))
    flow.finish_change(change.pk, by=worlds.WORKER, clock=database_now)
    change.refresh_from_db()
    assert (change.state, split(world)["v2"]) == ("approved", 10)
    assert change.problem


def test_a_stale_write_is_refused_and_may_be_tried_again(world: World) -> None:
    change = approved_from_ten(world)
    stale = TrafficChange.objects.get(pk=change.pk)
    apply(world, change)
    with pytest.raises(IllegalMove):
        apply(world, stale)
    assert split(world)["v2"] == 20


def test_two_stale_copies_have_one_winner(world: World) -> None:
    change = approve(world, ask(world))
    other = TrafficChange.objects.get(pk=change.pk)
    move_change(change, ChangeEvent.APPLY, by=actor(world.operator))
    with pytest.raises(LostRace):
        move_change(other, ChangeEvent.APPLY, by=actor(world.operator))
    assert AuditEvent.objects.filter(action="apply_traffic_change").count() == 1
