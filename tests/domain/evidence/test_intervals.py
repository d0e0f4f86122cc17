"""The judge at looks of 2 s as at looks of 15 s: seeded, on simulated services."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.simulated import FAULTS, HEALTHY, WORLDS
from tests.simulated.closed_loop import play

PLAN = ((0.2, 120.0), (0.5, 120.0), (0.95, 120.0))
FAULT = {fault.name: fault for fault in FAULTS}
WORLD = {world.name: world for world in WORLDS}


@pytest.mark.parametrize("interval", [2.0, 15.0])
@pytest.mark.parametrize("world", ["usual", "few_pods"])
def test_healthy_releases_are_not_rolled_back(world: str, interval: float) -> None:
    ended = [
        play(WORLD[world], HEALTHY, rps=150, seed=seed, plan=PLAN, interval=interval, longest=900.0)
        for seed in range(4)
    ]

    assert [one.decision for one in ended].count("rollback") == 0


def test_pods_that_have_just_started_are_slow_for_a_minute_however_often_one_looks() -> None:
    """Twice as slow at the start and a third of that a minute later; with ten looks of 2 s left out each of these was rolled back."""
    cold = replace(WORLD["usual"], cold=2.0)
    ended = [
        play(cold, HEALTHY, rps=150, seed=seed, plan=PLAN, interval=2.0, longest=400.0) for seed in range(6)
    ]

    assert [one.decision for one in ended].count("rollback") == 0


@pytest.mark.parametrize("interval", [2.0, 15.0])
@pytest.mark.parametrize("fault", ["errors_5_points", "gets_nothing"])
def test_faults_are_found_at_either_interval(fault: str, interval: float) -> None:
    ended = [
        play(WORLD["usual"], FAULT[fault], rps=150, seed=seed, plan=PLAN, interval=interval, longest=900.0)
        for seed in range(3)
    ]

    assert {one.decision for one in ended} == {"rollback"}
    assert max(one.seconds for one in ended) <= 300
