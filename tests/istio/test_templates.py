"""Query templates: what is refused, in words, and that what passes is a query that Prometheus' own parser takes."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from istio.presets import METRICS
from istio.telemetry import Target
from istio.templates import LONGEST, BadTemplate, check_template, render_template

SHOP = [Target("shop", "product"), Target("shop", "order")]
GOOD = 'sum by (service, version) ($increase(orders_total{service=~"$services", note="a) b"}))'


@pytest.mark.parametrize(
    ("code", "template"),
    [
        ("unknown_placeholder", 'sum by (service, version) (rate(x{service=~"$service"}[$window]))'),
        ("no_window", 'sum by (service, version) (x{service=~"$services"})'),
        ("no_services", "sum by (service, version) (rate(x[$window]))"),
        ("no_labels", 'sum by (service) (rate(x{service=~"$services"}[$window]))'),
        ("no_labels", 'sum(rate(x{service=~"$services"}[$window]))'),
        ("open_bracket", 'sum by (service, version) ($increase(x{service=~"$services"}'),
        ("no_selector", 'sum by (service, version) ($increase(rate(x{service=~"$services"}[1m])))'),
        ("no_selector", 'sum by (service, version) ($increase(x{service=~"$services"}[5m]))'),
        ("too_long", "x" * (LONGEST + 1)),
    ],
)
def test_a_template_that_cannot_serve_every_service_is_refused(code: str, template: str) -> None:
    with pytest.raises(BadTemplate) as refused:
        check_template(template)

    assert refused.value.code == code


def test_placeholders_become_names_and_the_window() -> None:
    query = render_template(
        'sum by (service, version) (rate(x{service=~"$services",namespace=~"$namespaces"}[$window]))',
        SHOP,
        seconds=15,
    )

    assert query == 'sum by (service, version) (rate(x{service=~"order|product",namespace=~"shop"}[15000ms]))'


def test_a_bracket_in_a_string_does_not_end_the_selector() -> None:
    check_template(GOOD)

    assert 'note="a) b"}[14999ms]' in render_template(GOOD, SHOP, seconds=15)


def test_every_preset_is_a_good_template_for_prometheus_own_parser(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    assert promtool, "Install Prometheus: apt-get install --no-install-recommends prometheus"
    templates = [text for metric in METRICS for text in (metric.numerator, metric.denominator) if text]
    for template in templates:
        check_template(template)
    rules = [
        {"record": f"weir:q{number}", "expr": render_template(template, SHOP, seconds=15)}
        for number, template in enumerate([*templates, GOOD])
    ]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "templates", "rules": rules}]}))

    checked = subprocess.run(
        [promtool, "check", "rules", str(file)], capture_output=True, text=True, timeout=30, check=False
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr
