"""Looking at the mesh: has it drifted, does the candidate run its image, what stands beside the objects.

Looks are shared: one list per kind and namespace answers every rollout that looks within the same few seconds. A write
never trusts a shared look; it reads the object it writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from istio.mesh import DEPLOYMENT, SERVICE, VIRTUAL_SERVICE, Manifest
from istio.sentence import with_parts
from istio.traffic import has_drifted
from releases.flow.checking import KINDS, Surroundings
from releases.flow.content import owned_parts, pair_of
from releases.flow.shared_answers import shared
from releases.models import Rollout
from services.connections import mesh_of
from services.images import runs_image, selector_of
from services.models import Service

_SHARED_SECONDS = 5


def look_at_mesh(rollout: Rollout, *, now: datetime) -> dict[str, Any]:
    """Return the columns ``drift`` and ``version_problem``, with its parts, as the mesh is now. Raises MeshError."""
    service = rollout.service
    around = {kind: shared_list(service, kind, now=now) for kind in (VIRTUAL_SERVICE, SERVICE, DEPLOYMENT)}
    live = _named(around[VIRTUAL_SERVICE], service.virtual_service)
    if live is None or drift_of(rollout, live=live):
        live = mesh_of(service.cluster).get(service.virtual_service_ref)
    problem = version_problem(rollout, around=around)
    return {"drift": drift_of(rollout, live=live), **with_parts({"version_problem": problem})}


def shared_surroundings(service: Service, *, now: datetime) -> Surroundings:
    """Return the live objects of the service's namespace, at most a few seconds old. Raises MeshError."""
    return {kind: shared_list(service, kind, now=now) for kind in KINDS}


def shared_list(service: Service, kind: str, *, now: datetime) -> Sequence[Manifest]:
    """Return one kind's objects of the service's namespace, read once for all who ask in the same few seconds."""
    cluster = service.cluster
    key = f"list:{cluster.pk}:{service.namespace}:{kind}:{now.timestamp() // _SHARED_SECONDS:.0f}"
    return shared(key, lambda: list(mesh_of(cluster).list(kind, namespace=service.namespace)))


def drift_of(rollout: Rollout, *, live: Manifest) -> dict[str, Any] | None:
    """Compare the parts Weir renders with what was last written (before the first write: with the baseline)."""
    expected = expected_of(rollout)
    if expected is None or not has_drifted(live, expected, **pair_of(rollout)):
        return None
    return {
        "baseline": owned_parts((rollout.baseline or {})["virtual_service"], rollout=rollout),
        "written": owned_parts(expected, rollout=rollout),
        "live": owned_parts(live, rollout=rollout),
        "resource_version": live["metadata"].get("resourceVersion", ""),
        "manager": _last_manager(live),
    }


def expected_of(rollout: Rollout) -> Manifest | None:
    """Return the VirtualService as Weir left it: as last written, or as it was when the rollout was submitted."""
    written: Manifest | None = rollout.last_written or (rollout.baseline or {}).get("virtual_service")
    return written


def version_problem(rollout: Rollout, *, around: Surroundings) -> str:
    """Say which Deployment of the candidate does not run the registered image, or return an empty text."""
    service = rollout.service
    host = _named(around[SERVICE], service.host.partition(".")[0])
    if not rollout.candidate.image or not rollout.candidate.labels or host is None:
        return ""
    return runs_image(around[DEPLOYMENT], selector=selector_of(host), version=rollout.candidate)


def _named(items: Sequence[Manifest], name: str) -> Manifest | None:
    return next((item for item in items if item["metadata"]["name"] == name), None)


def _last_manager(live: Manifest) -> str:
    """Name who wrote the object last, as far as its managed fields tell."""
    entries = [
        entry for entry in live["metadata"].get("managedFields") or [] if entry.get("subresource") != "status"
    ]
    newest: Manifest = max(entries, key=lambda entry: entry.get("time") or "", default={})
    return str(newest.get("manager", ""))
