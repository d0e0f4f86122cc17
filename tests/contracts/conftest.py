"""A world for each promise: the fake's, and a real Prometheus that serves all of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from istio.telemetry import Target
from tests.contracts.prometheus_world import PrometheusWorld
from tests.contracts.telemetry_worlds import FakeWorld, World

_numbers = itertools.count()


@pytest.fixture(scope="session")
def prometheus_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusWorld]:
    world = PrometheusWorld(Path(tmp_path_factory.mktemp("prometheus")))
    yield world
    world.close()


@pytest.fixture(params=["fake", "prometheus"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "fake":
        return FakeWorld()
    real: PrometheusWorld = request.getfixturevalue("prometheus_world")
    return real


@pytest.fixture
def target() -> Target:
    return Target(f"shop-{next(_numbers)}", "product")
