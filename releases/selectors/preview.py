"""What would be written, step by step, before anybody decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from istio.checks import UNREADABLE, Finding, Severity
from istio.difference import rollback_patch, unified_difference
from istio.documents import TrafficError
from istio.effective import effective_split
from istio.mesh import Manifest, MeshError
from istio.sentence import message_of
from releases.domain.calendar import Conflict
from releases.flow.checking import Surroundings, baseline_of, findings_of, surroundings_of
from releases.flow.content import Rendered, ended, fingerprint_of, rendered_steps
from releases.models import Rollout
from releases.said import said_of
from releases.selectors.calendar import schedule_forecast
from services.models import Service


@dataclass(frozen=True, slots=True)
class StepPreview:
    """One step: its objects as they would be written, what changes against the step before, where requests go."""

    position: int
    weight: int
    objects: list[Manifest]
    difference: str
    effective: dict[str, float]
    findings: tuple[Finding, ...]
    starts_at: datetime | None
    conflicts: tuple[Conflict, ...]
    planned: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Preview:
    """All steps. ``baseline_from`` says whether the objects were read now ("live") or when it was submitted ("stored")."""

    fingerprint: str
    baseline_from: str
    steps: tuple[StepPreview, ...]
    rollback_command: str
    findings: tuple[Finding, ...]


def preview(rollout: Rollout) -> Preview:
    """Render the rollout. What can not be rendered, and a cluster that can not be asked, is a finding.

    Raises MeshError only for a draft that has no stored baseline to be rendered from.
    """
    baseline = rollout.baseline or baseline_of(rollout.service)
    origin = "stored" if rollout.baseline else "live"
    try:
        rendered = rendered_steps(rollout, baseline=baseline)
        fingerprint = fingerprint_of(rollout, baseline=baseline)
    except TrafficError as error:
        finding = Finding(code=error.code, severity=Severity.ERROR, path="spec", message=message_of(error))
        return Preview(
            fingerprint="", baseline_from=origin, steps=(), rollback_command="", findings=(finding,)
        )
    surroundings, unchecked = _surroundings(rollout.service)
    times = schedule_forecast(rollout, now=timezone.now())
    steps: list[StepPreview] = []
    before = baseline
    for item in rendered:
        step = rollout.plan_value.steps[item.position]
        after = {
            "virtual_service": item.virtual_service,
            "destination_rule": item.destination_rule or before["destination_rule"],
        }
        steps.append(
            StepPreview(
                position=item.position,
                weight=step.weight,
                objects=list(after.values()),
                difference=_difference(before, after, position=item.position, origin=origin),
                effective=_effective(rollout, item),
                findings=tuple(findings_of(rollout, item, surroundings=surroundings))
                if surroundings is not None
                else unchecked,
                starts_at=times[item.position].begins,
                conflicts=times[item.position].conflicts,
                planned=step.as_json(),
            )
        )
        before = after
    back = ended(rendered[-1].virtual_service, rollout=rollout, candidate_weight=0)
    return Preview(
        fingerprint=fingerprint,
        baseline_from=origin,
        steps=tuple(steps),
        rollback_command=rollback_patch(
            rendered[-1].virtual_service,
            back,
            host=rollout.service.host,
            routes=rollout.service.routes,
        ),
        findings=tuple(dict.fromkeys(finding for step in steps for finding in step.findings)),
    )


def _surroundings(service: Service) -> tuple[Surroundings | None, tuple[Finding, ...]]:
    """Read what stands beside the objects; a cluster that does not answer is told as a finding, and nothing is checked."""
    try:
        return surroundings_of(service), ()
    except MeshError as error:
        message = _("The checks could not be made: %(error)s") % {"error": said_of(error)}
        return None, (Finding(code=UNREADABLE, severity=Severity.WARNING, path="/spec", message=message),)


def _difference(
    before: dict[str, Manifest], after: dict[str, Manifest], *, position: int, origin: str
) -> str:
    """Return what the step changes against the step before it, or the first against the objects as they were."""
    was = _step(position) if position else (_("live") if origin == "live" else _("when submitted"))
    changed = (
        unified_difference(before[kind], after[kind], was=was, becomes=_step(position + 1))
        for kind in ("destination_rule", "virtual_service")
    )
    return "\n".join(filter(None, changed))


def _step(number: int) -> str:
    return _("step %(number)d") % {"number": number}


def _effective(rollout: Rollout, item: Rendered) -> dict[str, float]:
    """Return percent per version name; subsets that are no registered version keep their subset's name."""
    service = rollout.service
    split = effective_split(
        item.virtual_service,
        host=service.host,
        routes=service.routes,
        namespace=service.namespace,
        stable=rollout.stable.subset,
    )
    names = {rollout.stable.subset: rollout.stable.name, rollout.candidate.subset: rollout.candidate.name}
    return {names.get(subset, subset): share for subset, share in split.items()}
