"""Business metrics: their query templates are checked when they are saved, with the field and what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from services.models import Metric
from tests.api.conftest import World

Bearer = Callable[..., APIClient]
PAID = 'sum by (service, version) ($increase(paid_total{service=~"$services"}))'
TRIED = 'sum by (service, version) ($increase(tried_total{service=~"$services"}))'
METRIC: dict[str, Any] = {
    "name": "paid",
    "title": "Paid",
    "kind": "ratio",
    "numerator": PAID,
    "denominator": TRIED,
}


@pytest.mark.parametrize(
    ("field", "change", "says"),
    [
        ("denominator", {"denominator": ""}, "need the query of their denominator"),
        ("numerator", {"numerator": ""}, "needs a query of its own"),
        ("numerator", {"numerator": "sum(rate(paid_total[5m]))"}, "which time"),
        ("numerator", {"numerator": PAID.replace("$services", "$name")}, "$name is no placeholder"),
        (
            "denominator",
            {"denominator": TRIED.replace("service, version", "service")},
            "must carry the labels",
        ),
        ("numerator", {"numerator": f"({PAID}"}, "Prometheus refuses the query"),
    ],
)
def test_a_template_that_would_fail_in_a_release_is_refused(
    world: World, bearer: Bearer, field: str, change: dict[str, Any], says: str
) -> None:
    answer = bearer(world.operator).post("/api/v1/metrics/", {**METRIC, **change})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == field
    assert says in answer.json()["errors"][0]["detail"]
    assert not Metric.objects.filter(name="paid").exists()


def test_a_prometheus_that_is_away_does_not_keep_a_metric_from_being_saved(
    world: World, bearer: Bearer
) -> None:
    world.telemetry.unreachable = True

    assert bearer(world.operator).post("/api/v1/metrics/", METRIC).status_code == 201


def test_every_preset_can_be_saved_as_it_is(world: World, bearer: Bearer) -> None:
    client = bearer(world.operator)
    presets = client.get("/api/v1/metrics/presets/").json()

    assert len(presets) > 3
    for preset in presets:
        assert client.post("/api/v1/metrics/", preset).status_code == 201, preset["name"]
