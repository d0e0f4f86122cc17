"""What was measured so far, as small charts of both versions on the same axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from istio.telemetry import Counts
from releases.admin.drawing.chart import Chart, Points, draw_chart
from releases.domain.evidence.scrape import counts_from_json, quantile_ms, total
from releases.domain.evidence.settings import SLOW_SHARES
from releases.domain.evidence.weighing import slow_name
from releases.models import MetricSnapshot, Rollout, Verdict

SNAPSHOTS = 400
"""The newest so many are drawn: enough to see the last hours, few enough to read at once."""

_POINTS = 80
"""Windows are added up to at most so many points: a ratio of few requests says nothing."""

Figure = Callable[[Counts], float | None]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Charts and the requests behind them. ``before``: nothing has begun, this is how it is without the rollout."""

    charts: tuple[Chart, ...]
    since: datetime | None
    until: datetime | None
    requests: Mapping[str, int]
    before: bool = False
    problem: str = ""


def evidence_of(rollout: Rollout, *, latest: Verdict | None) -> Evidence:
    """Read the newest snapshots and lay out error ratio and p99. One query."""
    rows = list(reversed(rollout.snapshots.order_by("-at")[:SNAPSHOTS]))
    if not rows:
        return Evidence(charts=(), since=None, until=None, requests={})
    bins = _binned(rows)
    names = {"stable": rollout.stable.name, "candidate": rollout.candidate.name}
    tolerated = _tolerated(latest)
    drawn = [
        _chart(
            _("Error ratio in percent"),
            unit="%",
            digits=2,
            bins=bins,
            names=names,
            figure=_error_percent,
            edge=tolerated.get("errors"),
        ),
        _chart(
            _("p99 in milliseconds"),
            unit="ms",
            digits=0,
            bins=bins,
            names=names,
            figure=_p99,
            edge=tolerated.get("p99"),
        ),
    ]
    requests = {
        name: round(sum((_side(row, side) or {}).get("requests", 0) for row in rows))
        for side, name in names.items()
    }
    charts = tuple(chart for chart in drawn if chart)
    return Evidence(charts=charts, since=rows[0].at, until=rows[-1].at, requests=requests)


@dataclass(frozen=True, slots=True)
class _Bin:
    """Consecutive windows of both versions added up; ``at`` is the end of the last."""

    at: datetime
    step: int | None
    weight: int
    stable: Counts | None
    candidate: Counts | None


def _binned(rows: Sequence[MetricSnapshot]) -> list[_Bin]:
    """Add up windows, never across a change of the step."""
    size = -(-len(rows) // _POINTS)
    groups: list[list[MetricSnapshot]] = []
    for row in rows:
        if not groups or len(groups[-1]) >= size or groups[-1][-1].step != row.step:
            groups.append([])
        groups[-1].append(row)
    return [
        _Bin(
            at=group[-1].at,
            step=group[-1].step,
            weight=group[-1].weight,
            stable=_sum(group, side="stable"),
            candidate=_sum(group, side="candidate"),
        )
        for group in groups
    ]


def _sum(rows: Sequence[MetricSnapshot], *, side: str) -> Counts | None:
    return total([counts for row in rows if (counts := counts_from_json(_side(row, side)))])


def _side(row: MetricSnapshot, side: str) -> dict[str, Any] | None:
    value: dict[str, Any] | None = row.stable if side == "stable" else row.candidate
    return value


def _chart(
    title: str,
    *,
    unit: str,
    digits: int,
    bins: Sequence[_Bin],
    names: Mapping[str, str],
    figure: Figure,
    edge: tuple[float, str] | None,
) -> Chart | None:
    series: dict[str, Points] = {
        names["stable"]: _points(bins, side="stable", figure=figure),
        names["candidate"]: _points(bins, side="candidate", figure=figure),
    }
    clock = {
        bins[place].at.timestamp(): f"{timezone.localtime(bins[place].at):%H:%M:%S}"
        for place in {0, len(bins) - 1}
    }
    return draw_chart(
        title, series=series, unit=unit, digits=digits, clock=clock, threshold=edge, bands=_bands(bins)
    )


def _points(bins: Sequence[_Bin], *, side: str, figure: Figure) -> Points:
    found = [(part.at.timestamp(), part.stable if side == "stable" else part.candidate) for part in bins]
    values = [(at, figure(counts)) for at, counts in found if counts is not None]
    return [(at, value) for at, value in values if value is not None]


def _bands(bins: Sequence[_Bin]) -> list[tuple[float, float, str]]:
    """Return from, to and weight of each step that was measured; every second one is drawn."""
    bands: list[tuple[float, float, str]] = []
    for number, part in enumerate(bins):
        at = part.at.timestamp()
        if number and bins[number - 1].step == part.step:
            bands[-1] = (bands[-1][0], at, bands[-1][2])
        else:
            bands.append((bins[number - 1].at.timestamp() if number else at, at, f"{part.weight} %"))
    return bands


def _error_percent(counts: Counts) -> float | None:
    return 100 * counts.errors / counts.requests if counts.requests else None


def _p99(counts: Counts) -> float | None:
    return quantile_ms(counts, 0.99)


def _tolerated(verdict: Verdict | None) -> dict[str, tuple[float, str]]:
    """Return the edges that the last verdict judged by, for the charts that show the figure.

    Errors: the stable version's ratio and what is tolerated on top. p99: the edge of the histogram that one in a
    hundred requests of the stable version exceeds; requests beyond it are counted as slow.
    """
    judged = {metric["metric"]: metric for metric in (verdict.numbers.get("metrics", []) if verdict else [])}
    edges: dict[str, tuple[float, str]] = {}
    errors, slow = judged.get("errors"), judged.get(slow_name(SLOW_SHARES[-1]))
    if errors and errors["stable"][1]:
        events, requests = errors["stable"]
        edge = 100 * (events / requests + errors["tolerated"])
        edges["errors"] = (edge, _("tolerated up to %(edge)s %%") % {"edge": f"{edge:.2f}"})
    if slow and slow["edge_ms"]:
        edges["p99"] = (slow["edge_ms"], _("slow beyond %(edge)s ms") % {"edge": f"{slow['edge_ms']:g}"})
    return edges
