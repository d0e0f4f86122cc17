"""Every query of the dashboards, asked of a real Prometheus with data, and every alert, tried by promtool."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from istio.telemetry import Counts, Target
from tests.contracts.prometheus_world import PrometheusWorld

pytestmark = pytest.mark.enable_socket

GRAFANA = Path(__file__).resolve().parents[2] / "deploy" / "grafana"
VARIABLES = {
    "__rate_interval": "5s",
    "__range": "10s",
    "cluster": ".*",
    "namespace": "shop",
    "service": "product",
    "stable": "v1",
    "candidate": "v2",
    "reporter": "source",
}
LIVE_STATES = ("pending", "approved", "running", "paused", "rolling_back", "rolled_back")


def panels(dashboard: str) -> list[tuple[str, str]]:
    """Return (title and target, query) of every target, variables filled in as Grafana does."""
    read: dict[str, Any] = json.loads((GRAFANA / "dashboards" / f"{dashboard}.json").read_text())
    return [
        (f"{panel['title']}: {target['refId']}", filled(target["expr"]))
        for panel in read["panels"]
        for target in panel.get("targets", [])
    ]


def filled(query: str) -> str:
    # Grafana leaves "$1" of label_replace alone, since no variable can have that name.
    return re.sub(r"\$([a-z_]+)", lambda found: VARIABLES[found.group(1)], query)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusWorld]:
    world = PrometheusWorld(tmp_path_factory.mktemp("prometheus"))
    for _ in range(4):
        for version, errors in (("v1", 1), ("v2", 3)):
            serve(world, version, errors=errors)
        for state in LIVE_STATES:
            world.export("weir_rollouts", 1, state=state)
        world.export("weir_live_rollouts", 1, reason="baking")
        world.export("weir_last_pulse_age_seconds", 0.1)
        world.export("weir_decisions_total", 1, decision="approve")
        world.export("weir_audit_events_total", 7)
        world.tick()
    yield world
    world.close()


def serve(world: PrometheusWorld, version: str, *, errors: float) -> None:
    world.serve(
        Target("shop", "product"),
        version,
        Counts(20, errors, {10: 5, 100: 18, math.inf: 20}, 700, 10, 9, 4, 5, 60, 800),
    )
    world.export(
        "shop_assignments_total", 8, service="product", version=version, variant=version, namespace="shop"
    )


def ask(world: PrometheusWorld, query: str) -> list[dict[str, Any]]:
    encoded = urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(f"{world.url}/api/v1/query?{encoded}", timeout=10) as answer:
        rows: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return rows


@pytest.mark.parametrize("dashboard", ["weir-compare", "weir"])
def test_every_panel_shows_a_number(world: PrometheusWorld, dashboard: str) -> None:
    shown = {title: ask(world, query) for title, query in panels(dashboard)}

    empty = [title for title, rows in shown.items() if not rows]
    odd = [
        title for title, rows in shown.items() for row in rows if not math.isfinite(float(row["value"][1]))
    ]
    assert (empty, odd) == ([], [])


@pytest.mark.parametrize(
    ("panel", "stable", "candidate"),
    [
        ("Error rate · 错误率", 0.05, 0.15),
        ("Success rate · 成功率", 0.95, 0.85),
        ("Share of traffic · 流量占比", 0.5, 0.5),
        ("Payment success · 支付成功率", 0.9, 0.9),
        ("Conversion · 转化率", 0.5, 0.5),
        ("Dwell time · 停留时间", 12, 12),
    ],
)
def test_a_panel_compares_what_it_says(
    world: PrometheusWorld, panel: str, stable: float, candidate: float
) -> None:
    queries = dict(panels("weir-compare"))

    values = [float(ask(world, queries[f"{panel}: {ref}"])[0]["value"][1]) for ref in "AB"]

    assert values == pytest.approx([stable, candidate], rel=0.01)


def test_the_dashboard_has_the_variables_weir_s_links_fill_in() -> None:
    read = json.loads((GRAFANA / "dashboards" / "weir-compare.json").read_text())

    assert read["uid"] == "weir-compare"
    assert {"cluster", "namespace", "service", "stable", "candidate"} <= {
        variable["name"] for variable in read["templating"]["list"]
    }


@pytest.mark.parametrize("command", [["check", "rules", "alerts.yml"], ["test", "rules", "alerts.test.yml"]])
def test_promtool_is_content_with_the_alerts(command: list[str]) -> None:
    promtool = shutil.which("promtool")
    assert promtool, "Install Prometheus: apt-get install --no-install-recommends prometheus"

    run = subprocess.run(
        [promtool, *command], cwd=GRAFANA, capture_output=True, text=True, timeout=60, check=False
    )

    assert run.returncode == 0, run.stdout + run.stderr
