"""Everything the decision page shows, read once and frozen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from istio.checks import Finding, Severity
from istio.checks.run import ADVICE, CHECKS
from istio.documents import TrafficError
from istio.mesh import MeshError
from releases import selectors
from releases.admin.decision.baseline import baseline_of
from releases.admin.decision.evidence import Evidence, evidence_of
from releases.admin.decision.rehearsal import RehearsalPanel, rehearsal_panel
from releases.admin.decision.schedule import freezes_of, schedule_of
from releases.admin.decision.sentence import sentence_of
from releases.admin.drawing.difference import Difference, read_difference
from releases.admin.drawing.strip import Held, Strip, draw_strip
from releases.domain import DomainError
from releases.domain.actor import Actor
from releases.domain.states import Event
from releases.flow.opening import calendar_of
from releases.models import Approval, AuditEvent, Rollout, Verdict
from releases.said import said, said_of

PAST = 8
TIMELINE = 50
VERDICTS = 120


@dataclass(frozen=True, slots=True)
class Slot:
    """A named place for a vote: given, against, or open. ``tone`` and ``icon`` are its looks."""

    name: str
    detail: str
    tone: str
    icon: str
    at: datetime | None = None
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class StepView:
    """One step's change and where its traffic goes. ``shares`` is percent by version name, stable first."""

    position: int
    weight: int
    difference: Difference
    shares: tuple[tuple[str, float], tuple[str, float]]

    @property
    def stable_share(self) -> float:
        return self.shares[0][1]

    @property
    def candidate_share(self) -> float:
        return self.shares[1][1]


@dataclass(frozen=True, slots=True)
class Check:
    """A finding with the steps it was found in, counted from 1; none: it holds for all."""

    finding: Finding
    steps: tuple[int, ...]

    @property
    def blocks(self) -> bool:
        return self.finding.severity is Severity.ERROR

    @property
    def title(self) -> str:
        """What is checked, in the reader's language; the finding itself where its code has no check."""
        known = ADVICE.get(self.finding.code)
        return said(known[0] if known else self.finding.message)

    @property
    def details(self) -> tuple[str, ...]:
        """The finding as the mesh's own words say it, and what to do about it."""
        known = ADVICE.get(self.finding.code)
        return (said(self.finding.message), said(known[1])) if known else ()


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One event of the rollout as a sentence."""

    event: AuditEvent
    sentence: str


@dataclass(frozen=True, slots=True)
class VerdictLine:
    """The newest of verdicts that said the same of a step, as a sentence; ``count`` of them, the first at ``since``."""

    verdict: Verdict
    sentence: str
    count: int
    since: datetime


@dataclass(frozen=True, slots=True)
class DecisionPage:
    """The page, top to bottom.

    ``problem`` says why there is no preview, ``fingerprint`` is what a vote would be for.
    """

    rollout: Rollout
    fingerprint: str
    slots: tuple[Slot, ...]
    voided: tuple[Approval, ...]
    sentence: SafeString | str
    problem: str
    checks: tuple[Check, ...]
    steps: tuple[StepView, ...]
    conflicts: tuple[str, ...]
    baseline_from: str
    rollback_command: str
    evidence: Evidence
    rehearsal: RehearsalPanel | None
    verdicts: tuple[VerdictLine, ...]
    schedule: tuple[Held, ...]
    strip: Strip | None
    past: tuple[Rollout, ...]
    events: tuple[selectors.AllowedEvent, ...]
    timeline: tuple[AuditLine, ...]

    @property
    def drift(self) -> dict[str, Any] | None:
        """What somebody else changed in the mesh, place by place."""
        return selectors.drift_seen(self.rollout.drift)

    @property
    def passed(self) -> tuple[str, ...]:
        """The titles of the checks that found nothing."""
        found = {check.finding.code for check in self.checks}
        return tuple(said(check.title) for check in CHECKS if check.code not in found)

    @property
    def blocking(self) -> int:
        return sum(check.blocks for check in self.checks)

    @property
    def weight_now(self) -> int:
        """The weight that was written last, in percent."""
        written = [run.written for run in self.rollout.step_runs.all() if run.written is not None]
        return written[-1] if written else 0


def decision_page(rollout: Rollout, *, by: Actor, now: datetime) -> DecisionPage:
    """Read the page for one person. Where a cluster does not answer there is a page, only without preview."""
    problem = ""
    preview: selectors.Preview | None = None
    try:
        preview = selectors.preview(rollout)
    except (DomainError, MeshError, TrafficError) as error:
        problem = said_of(error)
    events = tuple(selectors.allowed_events(rollout, by))
    previews = preview.steps if preview else ()
    asks = rollout.started_at is None and any(event.event is Event.APPROVE for event in events)
    calendar = calendar_of(rollout.service, now=rollout.started_at or now, rollout=rollout)
    schedule = schedule_of(rollout, calendar=calendar, now=now)
    verdicts = list(rollout.verdicts.order_by("-at")[:VERDICTS])
    return DecisionPage(
        rollout=rollout,
        fingerprint=rollout.fingerprint or (preview.fingerprint if preview else ""),
        slots=tuple(_slots(rollout)),
        voided=tuple(vote for vote in rollout.approvals.all() if vote.voided_at),
        sentence=sentence_of(rollout, schedule=schedule, now=now) if asks else selectors.why(rollout),
        problem=problem,
        checks=tuple(_checks(preview)) if preview else (),
        steps=tuple(_step_view(rollout, step) for step in previews),
        conflicts=tuple(
            selectors.conflict_sentence(conflict) for step in previews for conflict in step.conflicts
        ),
        baseline_from=preview.baseline_from if preview else "",
        rollback_command=preview.rollback_command if preview else "",
        rehearsal=rehearsal_panel(rollout),
        evidence=baseline_of(rollout, now=now)
        if rollout.started_at is None and rollout.ended_at is None
        else evidence_of(rollout, latest=verdicts[0] if verdicts else None),
        verdicts=tuple(_log(verdicts)),
        schedule=tuple(schedule),
        strip=draw_strip(
            schedule,
            now=None if rollout.ended_at else timezone.localtime(now),
            shades=freezes_of(calendar, schedule=schedule),
        ),
        past=tuple(_past(rollout)),
        events=events,
        timeline=tuple(_timeline(rollout)),
    )


def _slots(rollout: Rollout) -> list[Slot]:
    """Return the places for votes: those given, those of required groups, the rest of what is needed."""
    votes = [vote for vote in rollout.approvals.all() if vote.voided_at is None]
    slots = [_given(vote) for vote in votes]
    voted = {group.pk for vote in votes for group in vote.by.groups.all()}
    policy = rollout.service.policy
    missing = [group.name for group in policy.required_groups.all() if group.pk not in voted]
    missing += [_("Approver")] * (policy.approvals_needed - len(votes) - len(missing))
    return slots + [
        Slot(name=name, detail=_("open"), tone="hold", icon="person", is_open=True) for name in missing
    ]


def _given(vote: Approval) -> Slot:
    if vote.decision == Approval.Decision.REJECT:
        return Slot(name=str(vote.by), detail=_("rejected"), tone="fail", icon="cross", at=vote.created_at)
    return Slot(name=str(vote.by), detail=_("approved"), tone="pass", icon="check", at=vote.created_at)


def _checks(preview: selectors.Preview) -> list[Check]:
    """Return each finding once, blocking ones first, with the steps in which it was found."""
    steps: dict[Finding, list[int]] = {finding: [] for finding in preview.findings}
    for step in preview.steps:
        for finding in step.findings:
            steps.setdefault(finding, []).append(step.position + 1)
    checks = [Check(finding, tuple(found)) for finding, found in steps.items()]
    return sorted(checks, key=lambda check: (not check.blocks, check.finding.code))


def _step_view(rollout: Rollout, step: selectors.StepPreview) -> StepView:
    stable, candidate = (
        (name, step.effective.get(name, 0.0)) for name in (rollout.stable.name, rollout.candidate.name)
    )
    difference = read_difference(step.difference)
    return StepView(
        position=step.position, weight=step.weight, difference=difference, shares=(stable, candidate)
    )


def _past(rollout: Rollout) -> Sequence[Rollout]:
    """The rollouts of the service before this one, oldest first."""
    earlier = Rollout.objects.filter(service=rollout.service, pk__lt=rollout.pk, started_at__isnull=False)
    return list(earlier.select_related("candidate").prefetch_related("step_runs").order_by("-pk")[:PAST])[
        ::-1
    ]


def _log(verdicts: Sequence[Verdict]) -> list[VerdictLine]:
    """Fold neighbours of the same step and outcome into one line, newest first."""
    lines: list[VerdictLine] = []
    for (_step, _outcome), group in groupby(verdicts, key=lambda verdict: (verdict.step, verdict.outcome)):
        rows = list(group)
        sentence = selectors.verdict_sentence(rows[0])
        lines.append(VerdictLine(rows[0], sentence, count=len(rows), since=rows[-1].at))
    return lines


def _timeline(rollout: Rollout) -> list[AuditLine]:
    """The newest events of the rollout, newest first."""
    events = rollout.audit_events.order_by("-seq")[:TIMELINE]
    return [AuditLine(event, selectors.audit_sentence(event)) for event in events]
