"""What the Telemetry port tells over time and of itself: history, own metrics, series, freshness, its errors.

A test serves requests, lets a scrape happen (``tick``) and asks. Each test has a namespace of its own.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from istio.telemetry import Counts, Missing, QueryRejected, Question, Target, TelemetryUnreachable
from tests.contracts.prometheus_world import PrometheusWorld
from tests.contracts.telemetry_worlds import World, between, requests

pytestmark = pytest.mark.enable_socket


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


def test_history_tells_a_version_that_went_silent_from_one_never_seen(world: World, target: Target) -> None:
    world.serve(target, "v1", requests(10))
    world.tick()
    world.go_silent()
    start = end = world.tick()
    while end - start < timedelta(seconds=2):
        end = world.tick()

    history = world.telemetry.history(target, start=start, end=end, step_seconds=1)
    world.speak_again()
    world.tick()

    assert history.windows == {}
    assert history.missing
    for at in history.missing:
        assert history.of(at, version="v1") is Missing.STALE
        assert history.of(at, version="v2") is Missing.NO_DATA


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
