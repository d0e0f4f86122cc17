"""What an event of the trail points back to: the votes that authorised a write, the verdict that a decision follows."""

from __future__ import annotations

from typing import Any

from releases.domain.reasons import Reason
from releases.models import Approval, EmergencyRelease, Rollout, TrafficChange

JUDGED = frozenset({Reason.GUARD_FAILED, Reason.EVIDENCE_UNCLEAR, Reason.EXPERIMENT_LOST})
"""The reasons that a verdict gives."""


def authority_of(rollout: Rollout) -> dict[str, Any]:
    """Return whose word a worker acts on: the votes that count, and what stands in for them where none was needed."""
    votes = rollout.approvals.filter(decision=Approval.Decision.APPROVE, voided_at=None)
    found: dict[str, Any] = {"approvals": list(votes.order_by("pk").values_list("pk", flat=True))}
    if rollout.standard_change_id:
        found["standard_change"] = rollout.standard_change_id
    if not found["approvals"]:
        release = EmergencyRelease.objects.filter(rollout=rollout).values_list("pk", flat=True).first()
        found |= {"emergency_release": release} if release else {}
    return found


def authority_of_change(change: TrafficChange) -> dict[str, Any]:
    """Return whose word a write by hand follows: the votes that count, or that it needs none since it leads back."""
    votes = change.approvals.filter(decision=Approval.Decision.APPROVE, voided_at=None)
    found: dict[str, Any] = {
        "change": str(change),
        "votes": list(votes.order_by("pk").values_list("pk", flat=True)),
    }
    return found if change.needs_vote else {**found, "leads_back": True}


def verdict_behind(rollout: Rollout, *, reason: Reason) -> dict[str, Any]:
    """Return the newest verdict as the trail names it, with the hashes of its queries and samples; nothing for other reasons."""
    verdict = rollout.verdicts.order_by("-at").first() if reason in JUDGED else None
    if verdict is None:
        return {}
    asked = rollout.snapshots.filter(at=verdict.at).values_list("asked", flat=True).first()
    named = {
        "id": verdict.pk,
        "outcome": verdict.outcome,
        "metric": verdict.metric,
        "since": verdict.snapshots_from.isoformat() if verdict.snapshots_from else None,
        "until": verdict.at.isoformat(),
        "queries_hash": asked or "",
        "samples_hash": verdict.snapshots_hash,
    }
    return {"verdict": named}
