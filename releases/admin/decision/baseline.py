"""Before a rollout begins: how both versions behave now, from Prometheus, on the axes they will be judged on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from istio.telemetry import TelemetryError
from releases.admin.decision.evidence import Evidence
from releases.admin.drawing.chart import Chart, Points, draw_chart
from releases.domain.evidence.settings import ERRORS
from releases.models import Rollout
from releases.said import said_of
from services.connections import telemetry_of

WINDOW = timedelta(hours=1)
_STEP_SECONDS = 30.0

Figures = Mapping[str, Mapping[str, Points]]


def baseline_of(rollout: Rollout, *, now: datetime) -> Evidence:
    """Read the last hour of both versions; a Prometheus that does not answer leaves its sentence instead."""
    service, since = rollout.service, now - WINDOW
    try:
        lines = telemetry_of(service.cluster).series(
            service.target, start=since, end=now, step_seconds=_STEP_SECONDS
        )
    except TelemetryError as error:
        return Evidence(charts=(), since=None, until=None, requests={}, before=True, problem=said_of(error))
    figures: dict[str, dict[str, Points]] = {}
    for line in lines:
        figures.setdefault(line.figure, {})[line.version] = list(line.points)
    drawn = [_errors(rollout, figures), _latency(rollout, figures)]
    return Evidence(
        charts=tuple(chart for chart in drawn if chart),
        since=since,
        until=now,
        requests=_requests(rollout, figures),
        before=True,
    )


def _errors(rollout: Rollout, figures: Figures) -> Chart | None:
    """Draw errors, and what the judge lets the candidate have on top of the stable version's at the last step."""
    series = {
        name: [(at, 100 * value) for at, value in points]
        for name, points in _of(rollout, figures=figures, figure="error_ratio").items()
    }
    stable = [value for _at, value in series[rollout.stable.name]]
    edge = sum(stable) / len(stable) + 100 * (ERRORS.final_margin or 0) if stable else None
    threshold = (edge, _("tolerated up to %(edge)s %%") % {"edge": f"{edge:.2f}"}) if edge else None
    return _chart(_("Error ratio in percent"), series=series, unit="%", digits=2, threshold=threshold)


def _latency(rollout: Rollout, figures: Figures) -> Chart | None:
    series = _of(rollout, figures=figures, figure="p99_ms")
    return _chart(_("p99 in milliseconds"), series=series, unit="ms", digits=0, threshold=None)


def _of(rollout: Rollout, *, figures: Figures, figure: str) -> dict[str, Points]:
    found = figures.get(figure, {})
    return {name: found.get(name, []) for name in (rollout.stable.name, rollout.candidate.name)}


def _chart(
    title: str,
    *,
    series: Mapping[str, Points],
    unit: str,
    digits: int,
    threshold: tuple[float, str] | None,
) -> Chart | None:
    instants = sorted(at for points in series.values() for at, _value in points)
    clock = {at: _time_of_day(at) for at in _ends(instants)}
    return draw_chart(
        title, series=series, unit=unit, digits=digits, clock=clock, threshold=threshold, bands=()
    )


def _ends(instants: Sequence[float]) -> Sequence[float]:
    return (instants[0], instants[-1]) if instants else ()


def _time_of_day(at: float) -> str:
    return f"{timezone.localtime(datetime.fromtimestamp(at, tz=timezone.get_current_timezone())):%H:%M}"


def _requests(rollout: Rollout, figures: Figures) -> dict[str, int]:
    """Count the requests behind the charts: rates times the distance of their points."""
    rates = _of(rollout, figures=figures, figure="rps")
    return {
        name: round(sum(value for _at, value in points) * _STEP_SECONDS) for name, points in rates.items()
    }
