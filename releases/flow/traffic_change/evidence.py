"""What somebody who votes on a change of traffic saw, stored with the vote as it is for rollouts."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from istio.difference import unified_difference
from istio.documents import TrafficError
from istio.mesh import MeshError
from releases.domain import Blocked
from releases.domain.calendar import answer
from releases.flow.evidence_pack import figures_seen
from releases.flow.opening import calendar_of
from releases.flow.quorum import binding_terms
from releases.flow.traffic_change.content import findings_of_change, objects_of
from releases.models import TrafficChange


def evidence_of_change(change: TrafficChange, *, now: datetime) -> dict[str, Any]:
    """Return it as JSON that can be hashed. Reaches out to the mesh and to Prometheus, and raises neither's errors."""
    found = answer(calendar_of(change.service, now=now), at=now)
    return {
        "fingerprint": change.fingerprint,
        "at": now.isoformat(),
        "state": change.state,
        "traffic": change.spec,
        "reason": change.reason,
        "candidate": {"name": change.candidate.name, "image": change.candidate.image},
        "stable": {"name": change.stable.name, "image": change.stable.image},
        "policy": [terms.as_json() for terms in binding_terms(change)],
        **_rendered(change),
        "metrics": figures_seen(change.service, now=now),
        "calendar": {
            "closed": found.closed,
            "reason": found.reason,
            "by": found.by.name if found.by else "",
        },
    }


def _rendered(change: TrafficChange) -> dict[str, Any]:
    """The difference against the baseline, and the checks over what would be written."""
    baseline = change.baseline or {}
    try:
        after = objects_of(change, baseline=baseline)
        checks = findings_of_change(change, document=after["virtual_service"])
    except (Blocked, TrafficError, MeshError, KeyError) as error:
        return {"difference": "", "checks": {"problem": str(error)}}
    parts = (unified_difference(baseline[kind], after[kind]) for kind in sorted(after))
    return {
        "difference": "\n".join(part for part in parts if part),
        "checks": [{**asdict(finding), "severity": finding.severity.value} for finding in checks],
    }
