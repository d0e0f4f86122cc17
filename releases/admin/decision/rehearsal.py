"""The rehearsal on the decision page: how far it is, what it found, and asking for one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from releases import flow, selectors
from releases.admin.actor import actor_of
from releases.domain import DomainError
from releases.models import Rehearsal, Rollout
from releases.said import said_of
from releases.templatetags.weir import span
from releases.verdicts import metric_label


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step of the table, written out."""

    weight: str
    requests: str
    rise: str
    verdict: str
    false_alarms: int


@dataclass(frozen=True, slots=True)
class MetricCell:
    """What one step sees of one metric, written out; ``is_blind``: nothing at all. Empty where nothing is compared."""

    change: str = ""
    verdict: str = ""
    false_alarms: int = 0
    is_blind: bool = False


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric over the steps, in their order."""

    label: str
    cells: tuple[MetricCell, ...]


@dataclass(frozen=True, slots=True)
class RehearsalPanel:
    """What the page shows. ``blindness`` is said in red."""

    row: Rehearsal
    sentence: str
    blindness: str
    is_open: bool
    steps: tuple[StepLine, ...]
    metrics: tuple[MetricRow, ...]


def rehearsal_panel(rollout: Rollout) -> RehearsalPanel | None:
    """Return the newest rehearsal of this rollout's plan, or None. One query."""
    row = selectors.rehearsal_of(rollout)
    if row is None:
        return None
    steps = (row.result or {}).get("steps", [])
    return RehearsalPanel(
        row=row,
        sentence=selectors.rehearsal_sentence(row),
        blindness=selectors.blindness(row),
        is_open=row.state in {Rehearsal.State.WAITING, Rehearsal.State.RUNNING},
        steps=tuple(_line(step) for step in steps),
        metrics=_metric_rows(steps),
    )


@require_GET
def watch_rehearsal(request: HttpRequest, object_id: str) -> JsonResponse:
    """Say how far the rehearsal is, for the progress bar."""
    rollout = Rollout.objects.filter(pk=object_id).first() if object_id.isdigit() else None
    row = selectors.rehearsal_of(rollout) if rollout else None
    if row is None:
        return JsonResponse({"state": "", "progress": 0, "sentence": ""}, status=404)
    return JsonResponse(
        {"state": row.state, "progress": row.progress, "sentence": selectors.rehearsal_sentence(row)}
    )


@require_POST
def ask(request: HttpRequest, object_id: str) -> HttpResponse:
    """Ask for a rehearsal of the rollout's frozen plan; a worker carries it out."""
    rollout = Rollout.objects.select_related("service", "plan").get(pk=object_id)
    try:
        flow.ask_rehearsal(
            rollout.service, rollout.plan_value, row=rollout.plan, by=actor_of(request), now=timezone.now()
        )
    except DomainError as error:
        messages.error(request, said_of(error))
    return HttpResponseRedirect(reverse("admin:releases_rollout_change", args=[rollout.pk]) + "#rehearsal")


def _line(step: dict[str, float | None]) -> StepLine:
    rise, verdict = step["smallest_rise"], step["verdict_seconds"]
    return StepLine(
        weight=f"{step['weight']:g}",
        requests=f"{step['requests']:,.0f}",
        rise=_("nothing") if rise is None else _("%(points)s pp") % {"points": f"{100 * rise:.2f}"},
        verdict=_("not in time") if verdict is None else span(verdict),
        false_alarms=int(step["false_alarms"] or 0),
    )


def _metric_rows(steps: Sequence[Mapping[str, Any]]) -> tuple[MetricRow, ...]:
    """Lay the metrics out against the steps; a metric that a step does not compare has an empty cell there."""
    seen = [{metric["metric"]: metric for metric in step["metrics"]} for step in steps]
    named = {name: metric for step in seen for name, metric in step.items()}
    return tuple(
        MetricRow(
            label=metric_label(name, edge_ms=metric["edge_ms"]),
            cells=tuple(_cell(step[name]) if name in step else MetricCell() for step in seen),
        )
        for name, metric in named.items()
    )


def _cell(metric: Mapping[str, Any]) -> MetricCell:
    change, verdict = metric["smallest_change"], metric["verdict_seconds"]
    unit = _("%(change)s %%") if metric["is_relative"] else _("%(change)s pp")
    heard = "" if not metric["is_gated"] else _("not in time") if verdict is None else span(verdict)
    return MetricCell(
        change=_("nothing") if change is None else unit % {"change": f"{100 * change:.2g}"},
        verdict=heard,
        false_alarms=metric["false_alarms"],
        is_blind=change is None,
    )
