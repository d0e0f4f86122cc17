"""A change of traffic beside a freeze and beside a live rollout."""

from __future__ import annotations

from typing import Any

import pytest

from istio.mesh import Unreachable
from releases import flow
from releases.clock import database_now
from releases.domain import BadPlan, IllegalMove
from releases.domain.states import Event
from tests.admin.world import WORKER, World, actor
from tests.flow.traffic_change.by_hand import (
    TESTERS,
    applied,
    apply,
    approve,
    approved_from_ten,
    ask,
    freeze,
    split,
    writes,
)


def test_forward_waits(world: World) -> None:
    change = approve(world, ask(world))
    freeze(world)
    with pytest.raises(IllegalMove, match="双十一封网"):
        apply(world, change)
    assert writes(world) == []


def test_an_interrupted_write_waits_too(world: World) -> None:
    change = approved_from_ten(world)
    world.mesh.fail_next(Unreachable("gone"), on="put")
    with pytest.raises(Unreachable):
        apply(world, change)
    freeze(world)
    flow.finish_change(change.pk, by=WORKER, clock=database_now)
    change.refresh_from_db()
    assert (change.state, split(world)["v2"]) == ("approved", 10)
    assert "双十一封网" in change.problem


def test_back_does_not(world: World) -> None:
    applied(world, 20)
    freeze(world)
    apply(world, ask(world, 5))
    flow.all_back(world.service("product"), by=actor(world.operator))
    assert split(world) == {"v1": 100, "v2": 0}


def test_a_forward_change_is_refused(world: World) -> None:
    world.pending()
    with pytest.raises(IllegalMove, match="is live"):
        ask(world)


def test_one_that_was_approved_before_the_rollout_began_is_refused(world: World) -> None:
    change = approve(world, ask(world))
    world.pending()
    with pytest.raises(IllegalMove, match="is live"):
        apply(world, change)


def test_within_the_approved_bound_the_rollout_takes_the_weight(world: World) -> None:
    rollout = world.running()
    change = ask(world, 3)
    assert (change.state, change.rollout_id, change.needs_vote) == ("approved", rollout.pk, False)
    assert apply(world, change).state == "applied"
    rollout = world.pulse(rollout, times=2)
    assert split(world)["v2"] == 3
    assert rollout.state == "running"


@pytest.mark.parametrize("beyond", [{"weight": 6}, {"weight": 5, "rules": [TESTERS]}])
def test_beyond_the_bound_it_is_refused(world: World, beyond: dict[str, Any]) -> None:
    world.running()
    with pytest.raises(BadPlan, match="approved up to 5"):
        ask(world, beyond.pop("weight"), **beyond)


def test_a_change_for_a_rollout_that_is_over_is_refused(world: World) -> None:
    rollout = world.running()
    change = ask(world, 3)
    flow.perform(rollout, Event.ROLL_BACK, by=actor(world.operator))
    with pytest.raises(IllegalMove, match="is over"):
        apply(world, change)
