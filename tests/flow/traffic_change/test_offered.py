"""What is offered on a change of traffic is what the door would do now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from releases import selectors
from releases.clock import database_now
from releases.domain import DomainError
from releases.domain.traffic_change import ChangeEvent
from releases.models import TrafficChange
from releases.said import said_of
from tests.admin.world import World, actor
from tests.flow.traffic_change.by_hand import apply, approve, ask, freeze


def offered(world: World, change: TrafficChange) -> selectors.AllowedChangeEvent:
    row = selectors.changes().get(pk=change.pk)
    return next(
        one
        for one in selectors.allowed_change_events(row, actor(world.operator))
        if one.event is ChangeEvent.APPLY
    )


def is_frozen(world: World, change: TrafficChange) -> None:
    freeze(world)


def has_other_content(world: World, change: TrafficChange) -> None:
    assert change.baseline is not None
    change.baseline["virtual_service"]["spec"]["http"][0]["timeout"] = "9s"
    TrafficChange.objects.filter(pk=change.pk).update(baseline=change.baseline)


def is_old(world: World, change: TrafficChange) -> None:
    TrafficChange.objects.update(approved_at=database_now() - timedelta(days=30))


def lost_its_approver(world: World, change: TrafficChange) -> None:
    world.approver.roles.all().delete()


@pytest.mark.parametrize(
    "spoil", [is_frozen, has_other_content, is_old, lost_its_approver], ids=lambda one: one.__name__
)
def test_apply_is_offered_as_the_door_answers(
    world: World, spoil: Callable[[World, TrafficChange], None]
) -> None:
    change = approve(world, ask(world))
    assert offered(world, change).allowed
    spoil(world, change)
    told = offered(world, change)
    with pytest.raises(DomainError) as refused:
        apply(world, change)
    assert (told.allowed, told.why) == (False, said_of(refused.value))


def test_apply_within_a_rollout_that_is_over_is_not_offered(world: World) -> None:
    rollout = world.running("product", pulses=4)
    change = ask(world, 1)
    assert change.rollout == rollout
    assert offered(world, change).allowed
    type(rollout).objects.filter(pk=rollout.pk).update(state="completed")
    assert not offered(world, change).allowed
    with pytest.raises(DomainError):
        apply(world, change)
