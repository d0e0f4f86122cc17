"""What the Telemetry port promises, kept by the fake and by the adapter over a real Prometheus alike.

A test serves requests, lets a scrape happen (``tick``) and asks. Each test has a namespace of its own.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest

from istio.telemetry import Counts, Missing, QueryRejected, Question, Target, Telemetry, TelemetryUnreachable
from tests.contracts.prometheus_world import PrometheusWorld
from tests.fakes.telemetry import FakeTelemetry

pytestmark = pytest.mark.enable_socket

_numbers = itertools.count()


class World(Protocol):
    """What a test can do to the mesh and to whoever watches it."""

    @property
    def telemetry(self) -> Telemetry: ...
    def serve(self, target: Target, version: str, counts: Counts) -> None: ...
    def tick(self) -> datetime: ...
    def restart(self) -> None: ...
    def go_silent(self) -> None: ...
    def speak_again(self) -> None: ...
    def go_away(self) -> None: ...
    def come_back(self) -> None: ...
    def unreachable(self) -> Telemetry: ...


class FakeWorld:
    """The contract's world on the fake: a second per tick, no real time."""

    def __init__(self) -> None:
        self.telemetry = FakeTelemetry()
        self._now = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)

    def serve(self, target: Target, version: str, counts: Counts) -> None:
        self.telemetry.serve(target, version, counts, at=self._now + timedelta(seconds=0.5))

    def tick(self) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now

    def restart(self) -> None:
        """Change nothing: the fake counts events, not counters."""

    def go_silent(self) -> None:
        self.telemetry.silence(since=self._now + timedelta(seconds=0.5))

    def speak_again(self) -> None:
        self.telemetry.end_silence(at=self._now + timedelta(seconds=0.5))

    def go_away(self) -> None:
        self.go_silent()
        self._now += timedelta(seconds=2)

    def come_back(self) -> None:
        self.speak_again()

    def unreachable(self) -> Telemetry:
        telemetry = FakeTelemetry()
        telemetry.unreachable = True
        return telemetry


@pytest.fixture(scope="module")
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


def between(world: World, target: Target, *, start: datetime, end: datetime) -> dict[str, Counts]:
    found = world.telemetry.window([target], end=end, seconds=(end - start).total_seconds())
    return dict(found.counts.get(target, {}))


def requests(number: float, *, errors: float = 0.0) -> Counts:
    return Counts(requests=number, errors=errors)


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


def test_history_is_the_same_windows_again(world: World, target: Target) -> None:
    world.serve(target, "v1", requests(10))
    start = world.tick()
    for number in (5, 9, 7):
        world.serve(target, "v1", requests(number, errors=number // 9))
        end = world.tick()
    while end - start < timedelta(seconds=2):  # a whole window of a second fits, wherever the seconds begin
        end = world.tick()

    history = world.telemetry.history(target, start=start, end=end, step_seconds=1)

    windows = history.windows
    assert all(history.queries), "what was asked can be told"
    assert history.queries
    assert list(windows) == sorted(windows)
    assert windows
    for at, versions in windows.items():
        moment = datetime.fromtimestamp(at, tz=UTC)
        assert versions == between(world, target, start=moment - timedelta(seconds=1), end=moment)


def test_a_business_metric_of_one_s_own_is_counted_by_its_template(world: World, target: Target) -> None:
    asked = Question(
        "payments",
        'sum by (namespace, service, version, variant) ($increase(shop_payments_succeeded_total{namespace=~"$namespaces"}))',
        'sum by (namespace, service, version, variant) ($increase(shop_payments_attempted_total{namespace=~"$namespaces"}))',
    )
    seen = Counts(requests=10, errors=0, payments_attempted=4, payments_succeeded=3, conversions=2)
    world.serve(target, "v2", seen)
    start = world.tick()
    world.serve(target, "v2", seen)
    end = world.tick()
    found = world.telemetry.window(
        [target], end=end, seconds=(end - start).total_seconds(), questions=[asked]
    )

    assert dict(found.counts[target]["v2"].custom) == {"payments": (3, 4)}


def test_a_query_that_is_none_is_rejected_and_a_good_one_names_its_labels(
    world: World, target: Target
) -> None:
    world.serve(target, "v1", requests(3))
    world.tick()

    with pytest.raises(QueryRejected):
        world.telemetry.check("sum by (service (")
    labels = world.telemetry.check(
        "sum by (destination_service_name, destination_version) (istio_requests_total)"
    )
    assert frozenset({"destination_service_name", "destination_version"}) in labels


def test_series_show_ratios_and_rates_of_every_version(world: World, target: Target) -> None:
    start = world.tick()
    for _ in range(5):
        world.serve(target, "v1", Counts(10, 0, {100: 10, math.inf: 10}, 300))
        world.serve(target, "v2", Counts(10, 5, {100: 5, math.inf: 10}, 900))
        end = world.tick()

    series = world.telemetry.series(target, start=start, end=end, step_seconds=0.2)
    last = {(line.figure, line.version): line.points[-1][1] for line in series}

    assert last["error_ratio", "v1"] == 0
    assert last["success_ratio", "v1"] == 1
    assert last["error_ratio", "v2"] == pytest.approx(0.5, abs=0.01)
    assert last["p50_ms", "v1"] == pytest.approx(50, rel=0.05)
    assert any(value > 0 for line in series if line.figure == "rps" for _, value in line.points)
    assert all(list(line.points) == sorted(line.points) for line in series)
    assert not any(math.isnan(value) for line in series for _, value in line.points)


def test_series_show_a_service_s_own_metrics_by_their_name(world: World, target: Target) -> None:
    counter = 'sum by (namespace, service, version, variant) ($increase(shop_payments_{}_total{{namespace=~"$namespaces"}}))'
    paid = Question("paid", counter.format("succeeded"), counter.format("attempted"))
    tried = Question("tried", counter.format("attempted"))
    start = world.tick()
    for _ in range(5):
        world.serve(target, "v2", Counts(requests=10, errors=0, payments_attempted=4, payments_succeeded=3))
        end = world.tick()

    series = world.telemetry.series(target, start=start, end=end, step_seconds=0.2, questions=[paid, tried])

    own = {line.figure: line for line in series if line.figure in {"paid", "tried"}}
    assert {line.version for line in own.values()} == {"v2"}
    assert own["paid"].points[-1][1] == pytest.approx(0.75, abs=0.01)
    assert any(value > 0 for _, value in own["tried"].points)


def test_the_newest_sample_is_fresh(world: World) -> None:
    world.tick()

    assert 0 <= world.telemetry.ping() < 5


def test_an_unreachable_telemetry_raises_its_own_error(world: World, target: Target) -> None:
    away = world.unreachable()
    now = datetime.now(tz=UTC)

    with pytest.raises(TelemetryUnreachable):
        away.window([target], end=now, seconds=5)
    with pytest.raises(TelemetryUnreachable):
        away.series(target, start=now - timedelta(minutes=1), end=now, step_seconds=5)
    with pytest.raises(TelemetryUnreachable):
        away.ping()


def test_prometheus_repeating_an_old_sample_is_absent_not_zero(
    prometheus_world: PrometheusWorld, target: Target
) -> None:
    prometheus_world.serve(target, "v1", requests(10))
    last_scrape = prometheus_world.tick()

    # Between two scrapes: Prometheus would answer with the last sample as if it were of now.
    found = prometheus_world.telemetry.window(
        [target], end=last_scrape + timedelta(seconds=0.1), seconds=0.09
    )

    assert found.counts == {}
    assert found.of(target, version="v1") is Missing.STALE
