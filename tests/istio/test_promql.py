"""The queries as text: what they may contain, and that Prometheus' own parser takes each of them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from istio import promql
from istio.presets import ISTIO, SPRING_BOOT
from istio.telemetry import Target

PRODUCT = Target("shop", "product")
HOSTILE = Target('shop"} or vector(1) #', "pro\nduct\\")


def every_query(target: Target) -> dict[str, str]:
    found = {
        "requests": promql.requests([target], source=ISTIO, seconds=15),
        "buckets": promql.latency_buckets([target], source=ISTIO, seconds=0.25),
        "sum": promql.latency_sum([target], source=SPRING_BOOT, seconds=15),
        "business": promql.business("shop_conversions_total", [target], seconds=15),
        "splitting": promql.splitting_services("shop_", [target]),
        "age": promql.newest_sample_age(),
        "scrapes": promql.scrape_count(target, source=ISTIO, seconds=120),
    }
    found |= promql.figures(target, source=ISTIO, seconds=60)
    for splits_users in (True, False):
        figures = promql.business_figures(target, prefix="shop_", splits_users=splits_users, seconds=60)
        found |= {f"{figure}_{splits_users}": query for figure, query in figures.items()}
    return found


@pytest.mark.parametrize("target", [PRODUCT, HOSTILE], ids=["plain", "hostile"])
def test_prometheus_own_parser_takes_every_query(target: Target, tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    assert promtool, "Install Prometheus: apt-get install --no-install-recommends prometheus"
    rules = [
        {"record": f"weir:q{number}", "expr": query}
        for number, query in enumerate(every_query(target).values())
    ]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))

    checked = subprocess.run(
        [promtool, "check", "rules", str(file)], capture_output=True, text=True, timeout=30, check=False
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_name_cannot_end_its_string() -> None:
    query = promql.requests([HOSTILE], source=ISTIO, seconds=15)

    assert '"shop"}' not in query
    assert "\n" not in query


def test_names_are_matched_literally() -> None:
    query = promql.requests([Target("shop", "a.b")], source=ISTIO, seconds=15)

    assert r'destination_service_name=~"a\\.b"' in query


def test_many_services_are_asked_for_by_namespace() -> None:
    targets = [Target("shop", f"service-{number}") for number in range(500)]

    query = promql.requests(targets, source=ISTIO, seconds=15)

    assert 'destination_service_namespace=~"shop"' in query
    assert "destination_service_name=~" not in query


def test_a_window_leaves_out_its_left_edge() -> None:
    query = promql.increase("m", by=["version"], seconds=15)

    assert "present_over_time(m[14999ms])" in query
    assert "offset 15000ms" in query


def test_the_window_s_start_has_five_seconds_grace_at_least() -> None:
    assert "present_over_time(m[5000ms] offset 1000ms)" in promql.increase("m", by=["v"], seconds=1)
    assert "present_over_time(m[60000ms] offset 60000ms)" in promql.increase("m", by=["v"], seconds=60)
