"""What the Telemetry port promises, kept by the fake and by the adapter over a real Prometheus alike.

A test serves requests, lets a scrape happen (``tick``) and asks. Each test has a namespace of its own.
"""

from __future__ import annotations

import itertools
import math
from datetime import timedelta

import pytest

from istio.telemetry import Counts, Missing, Target
from tests.contracts.telemetry_worlds import World, between, requests

pytestmark = pytest.mark.enable_socket


def test_each_version_s_requests_and_errors_are_counted_exactly(world: World, target: Target) -> None:
    world.serve(target, "v1", requests(100, errors=1))
    world.serve(target, "v2", requests(5, errors=1))
    start = world.tick()
    world.serve(target, "v1", requests(37, errors=2))
    world.serve(target, "v2", requests(3))
    end = world.tick()

    found = between(world, target, start=start, end=end)

    assert {version: (counts.requests, counts.errors) for version, counts in found.items()} == {
        "v1": (37, 2),
        "v2": (3, 0),
    }


def test_the_first_error_of_a_version_is_counted(world: World, target: Target) -> None:
    world.serve(target, "v1", requests(10))
    start = world.tick()
    world.serve(target, "v1", requests(4, errors=3))
    end = world.tick()

    assert between(world, target, start=start, end=end)["v1"].errors == 3


def test_the_first_requests_of_a_new_version_are_counted(world: World, target: Target) -> None:
    world.serve(target, "v1", requests(10))
    start = world.tick()
    world.serve(target, "v2", requests(6, errors=1))
    end = world.tick()

    assert between(world, target, start=start, end=end)["v2"] == requests(6, errors=1)


def test_a_window_without_requests_says_zero_of_a_version_that_is_known(world: World, target: Target) -> None:
    world.serve(target, "v1", requests(10, errors=2))
    start = world.tick()
    end = world.tick()

    assert between(world, target, start=start, end=end) == {"v1": requests(0)}


def test_consecutive_windows_add_up(world: World, target: Target) -> None:
    world.serve(target, "v1", requests(1))
    moments = [world.tick()]
    for number in (5, 0, 7):
        world.serve(target, "v1", requests(number, errors=number // 5))
        moments.append(world.tick())

    parts = [between(world, target, start=a, end=b)["v1"] for a, b in itertools.pairwise(moments)]
    whole = between(world, target, start=moments[0], end=moments[-1])["v1"]

    assert [part.requests for part in parts] == [5, 0, 7]
    assert (whole.requests, whole.errors) == (12, 2)


def test_latency_is_cumulative_by_edge_and_summed(world: World, target: Target) -> None:
    world.serve(target, "v1", Counts(1, 0, {10: 0, 100: 1, math.inf: 1}, 50))
    start = world.tick()
    world.serve(target, "v1", Counts(8, 0, {10: 5, 100: 7, math.inf: 8}, 420.5))
    end = world.tick()

    counts = between(world, target, start=start, end=end)["v1"]

    assert list(counts.latency_bucket.items()) == [(10, 5), (100, 7), (math.inf, 8)]
    assert counts.latency_sum_ms == pytest.approx(420.5)


def test_business_results_are_credited_to_the_variant_the_users_saw(world: World, target: Target) -> None:
    seen = Counts(
        requests=10,
        errors=0,
        payments_attempted=4,
        payments_succeeded=3,
        conversions=2,
        dwell_count=2,
        dwell_sum=30,
        dwell_sum_sq=500,
    )
    world.serve(target, "v2", seen)
    start = world.tick()
    world.serve(target, "v2", seen)
    end = world.tick()

    assert between(world, target, start=start, end=end) == {"v2": seen}


def test_business_counts_of_a_service_without_such_metrics_are_none(world: World, target: Target) -> None:
    world.serve(target, "v1", requests(10))
    start = world.tick()
    counts = between(world, target, start=start, end=world.tick())["v1"]

    assert (counts.payments_attempted, counts.payments_succeeded, counts.conversions, counts.dwell_count) == (
        None,
        None,
        None,
        None,
    )


def test_what_nobody_has_seen_is_absent(world: World, target: Target) -> None:
    world.serve(target, "v1", requests(10))
    start = world.tick()
    end = world.tick()
    other = Target(target.namespace, "order")

    found = world.telemetry.window([target, other], end=end, seconds=(end - start).total_seconds())

    assert set(found.counts) == {target}
    assert set(found.counts[target]) == {"v1"}


def test_all_targets_are_read_at_once_and_kept_apart(world: World, target: Target) -> None:
    namesake = Target(f"{target.namespace}-eu", target.service)
    world.serve(target, "v1", requests(1))
    world.serve(namesake, "v1", requests(1))
    start = world.tick()
    world.serve(target, "v1", requests(4))
    world.serve(namesake, "v1", requests(9))
    end = world.tick()

    found = world.telemetry.window([target, namesake], end=end, seconds=(end - start).total_seconds())

    assert found.counts[target]["v1"].requests == 4
    assert found.counts[namesake]["v1"].requests == 9


def test_a_restart_loses_nothing_that_was_scraped_before_it(world: World, target: Target) -> None:
    world.serve(target, "v1", requests(10))
    start = world.tick()
    world.serve(target, "v1", requests(3))
    world.tick()
    world.restart()
    world.serve(target, "v1", requests(4))
    end = world.tick()

    assert between(world, target, start=start, end=end)["v1"].requests == 7


def test_a_silent_mesh_is_absent_not_zero(world: World, target: Target) -> None:
    world.serve(target, "v1", requests(10))
    start = world.tick()
    world.go_silent()
    end = world.tick()
    found = between(world, target, start=start, end=end)
    world.speak_again()
    world.tick()

    assert found == {}


def test_a_window_that_began_in_silence_is_absent_not_the_whole_life(world: World, target: Target) -> None:
    world.serve(target, "v1", requests(1000, errors=500))
    world.tick()
    world.go_silent()
    start = world.tick()
    world.speak_again()
    middle = world.tick()
    world.serve(target, "v1", requests(2))
    end = world.tick()

    assert between(world, target, start=start, end=middle) == {}
    assert between(world, target, start=middle, end=end) == {"v1": requests(2)}


def test_a_telemetry_that_was_away_at_the_start_does_not_tell_the_whole_life(
    world: World, target: Target
) -> None:
    world.serve(target, "v1", requests(1000, errors=500))
    start = world.tick() + timedelta(seconds=1.1)
    world.go_away()
    world.serve(target, "v1", requests(50, errors=50))
    world.come_back()
    back = world.tick()
    world.serve(target, "v1", requests(2))
    end = world.tick()

    assert between(world, target, start=start, end=back) == {}
    assert between(world, target, start=back, end=end) == {"v1": requests(2)}


def test_a_version_that_went_silent_is_stale_and_one_never_seen_is_no_data(
    world: World, target: Target
) -> None:
    world.serve(target, "v1", requests(10))
    start = world.tick()
    world.go_silent()
    end = world.tick()
    found = world.telemetry.window([target], end=end, seconds=(end - start).total_seconds())
    world.speak_again()
    world.tick()

    assert found.of(target, version="v1") is Missing.STALE
    assert found.of(target, version="v2") is Missing.NO_DATA
    assert found.of(Target(target.namespace, "order"), version="v1") is Missing.NO_DATA
