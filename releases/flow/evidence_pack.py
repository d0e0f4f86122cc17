"""What a voter saw: the difference, the checks, the figures, the calendar and the policy, stored with the vote.

It is collected before the vote's transaction. What did not answer is part of it, in words: a vote is not stopped by
Prometheus being away, and nobody can say later that the figures were there.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from istio.difference import unified_difference
from istio.documents import TrafficError
from istio.mesh import MeshError
from istio.telemetry import Counts, TelemetryError
from releases.domain.calendar import answer, forecast
from releases.flow.checking import findings_for
from releases.flow.content import rendered_steps
from releases.flow.opening import calendar_of
from releases.flow.quorum import binding_terms
from releases.models import Rollout
from services.connections import telemetry_of
from services.models import Service

LOOK_BACK = timedelta(hours=1)
_YOUNGER_SECONDS = (600.0, 60.0, 15.0)


def evidence_pack(rollout: Rollout, *, now: datetime) -> dict[str, Any]:
    """Return it as JSON that can be hashed. Reaches out to the mesh and to Prometheus, and raises neither's errors."""
    return {
        "fingerprint": rollout.fingerprint,
        "at": now.isoformat(),
        "state": rollout.state,
        "plan": rollout.frozen_plan,
        "candidate": {"name": rollout.candidate.name, "image": rollout.candidate.image},
        "stable": {"name": rollout.stable.name, "image": rollout.stable.image},
        "statements": {
            "reason": rollout.reason,
            "impact": rollout.impact,
            "test_evidence": rollout.test_evidence,
            "rollback_note": rollout.rollback_note,
            "changes_data": rollout.changes_data,
            "compatibility_note": rollout.compatibility_note,
        },
        "policy": [terms.as_json() for terms in binding_terms(rollout)],
        "differences": _differences(rollout),
        "checks": _checks(rollout),
        "metrics": figures_seen(rollout.service, now=now),
        "calendar": _calendar(rollout, now=now),
    }


def recent_counts(service: Service, *, now: datetime) -> dict[str, Counts]:
    """Count what each version did in the last hour, or since a shorter while where no counter is that old. Raises TelemetryError.

    Counts are exact: of a counter that was first seen within the window, only a Prometheus that watched before knows the growth.
    """
    end = (now - timedelta(seconds=1)).replace(microsecond=0)
    found: dict[str, Counts] = {}
    for seconds in (LOOK_BACK.total_seconds(), *_YOUNGER_SECONDS):
        window = telemetry_of(service.cluster).window([service.target], end=end, seconds=seconds)
        found = dict(window.counts.get(service.target, {}))
        if any(counts.requests > 0 for counts in found.values()):
            break
    return found


def _differences(rollout: Rollout) -> list[str] | dict[str, str]:
    """Each step against the one before, the first against the baseline."""
    baseline = rollout.baseline or {}
    try:
        steps = rendered_steps(rollout, baseline=baseline)
    except (TrafficError, KeyError) as error:
        return {"problem": str(error)}
    found: list[str] = []
    before = baseline
    for step in steps:
        after = {
            "virtual_service": step.virtual_service,
            "destination_rule": step.destination_rule or before["destination_rule"],
        }
        parts = (
            unified_difference(before[kind], after[kind]) for kind in ("destination_rule", "virtual_service")
        )
        found.append("\n".join(part for part in parts if part))
        before = after
    return found


def _checks(rollout: Rollout) -> list[dict[str, Any]] | dict[str, str]:
    try:
        found = findings_for(rollout, baseline=rollout.baseline or {})
    except (MeshError, TrafficError, KeyError) as error:
        return {"problem": str(error)}
    return [{**asdict(finding), "severity": finding.severity.value} for finding in found]


def figures_seen(service: Service, *, now: datetime) -> dict[str, Any]:
    """Return what each version did lately, or why nobody knows."""
    try:
        counts = recent_counts(service, now=now)
    except TelemetryError as error:
        return {"problem": str(error)}
    versions = {
        name: {"requests": round(found.requests), "errors": round(found.errors)}
        for name, found in sorted(counts.items())
    }
    return {"seconds": int(LOOK_BACK.total_seconds()), "versions": versions}


def _calendar(rollout: Rollout, *, now: datetime) -> dict[str, Any]:
    calendar = calendar_of(rollout.service, now=now, rollout=rollout)
    found = answer(calendar, at=now)
    start = rollout.started_at or max(rollout.start_at or now, now)
    planned = forecast(rollout.plan_value.steps, start=start, calendar=calendar)
    return {
        "closed": found.closed,
        "reason": found.reason,
        "by": found.by.name if found.by else "",
        "conflicts": [
            {"step": conflict.position, "by": conflict.by.name, "rolls_back": conflict.rolls_back}
            for step in planned
            for conflict in step.conflicts
        ],
    }
