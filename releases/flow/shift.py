"""Writing one traffic target to the mesh, so that a crash between any two lines leads to the same write or to none.

Order: read the live object, look whether it is what was last written, commit the intent by compare-and-set on the
revision (which a rollback would have raised), write with the resourceVersion read, commit what came back
(``mesh_write``). A worker that comes late fails at one of the two: its revision is old, or its resourceVersion is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from istio.marks import annotated
from istio.mesh import DEPLOYMENT, SERVICE, Manifest, Mesh, Ref
from istio.traffic import has_drifted
from releases.clock import Clock
from releases.domain.actor import Actor
from releases.domain.reasons import Reason
from releases.flow.content import owned_parts, pair_of, render_spec, with_candidate_subset
from releases.flow.mesh_write import put
from releases.flow.move import note
from releases.models import Rollout
from services.connections import mesh_of
from services.images import runs_image, selector_of


class Held(Exception):
    """The write must not happen: pause with this reason. ``columns`` are stored on the rollout."""

    def __init__(
        self, reason: Reason, *, params: dict[str, Any] | None = None, columns: dict[str, Any] | None = None
    ) -> None:
        super().__init__(reason.value)
        self.reason, self.params, self.columns = reason, params or {}, columns or {}


def shift_traffic(rollout: Rollout, *, position: int, by: Actor, clock: Clock) -> None:
    """Bring the mesh to the traffic of this step and begin its bake. Raises Held, LostRace, TrafficError, MeshError."""
    step = rollout.plan_value.steps[position]
    run = rollout.step_runs.filter(position=position).first()
    weight = run.desired if run and run.desired is not None else step.weight
    mesh = mesh_of(rollout.service.cluster)
    ensure_subset(rollout, mesh=mesh, by=by, clock=clock)
    if problem := version_problem(rollout, mesh=mesh):
        raise Held(Reason.VERSION_CHANGED, params={"problem": problem}, columns={"version_problem": problem})
    spec = replace(step.traffic, candidate_weight=weight)
    live = undrifted(rollout, mesh=mesh)
    document = annotated(
        render_spec(spec, live, rollout=rollout),
        rollout=str(rollout),
        step=str(position + 1),
        fingerprint=rollout.fingerprint,
        fence=rollout.revision,
    )
    put(
        rollout,
        mesh=mesh,
        live=live,
        document=document,
        by=by,
        clock=clock,
        position=position,
        weight=weight,
        planned=step.as_json(),
    )
    until = rollout.step_runs.get(position=position).bake_until
    params = {"until": until.isoformat() if until else None, "step": position, "weight": weight}
    note(rollout, reason=Reason.BAKING, params=params, wake=clock())


def undrifted(rollout: Rollout, *, mesh: Mesh) -> Manifest:
    """Read the live object, which must be what was last written (or the baseline). Raises Held, MeshError."""
    live = mesh.get(rollout.service.virtual_service_ref)
    if drift := drift_of(rollout, live=live):
        raise Held(Reason.DRIFTED, columns={"drift": drift})
    return live


def ensure_subset(rollout: Rollout, *, mesh: Mesh, by: Actor, clock: Clock) -> None:
    """Add the candidate's subset to the DestinationRule, before the VirtualService names it. Nothing to add: no write."""
    rule = mesh.get(rollout.service.destination_rule_ref)
    complete = with_candidate_subset(rule, rollout=rollout)
    if complete != rule:
        put(rollout, mesh=mesh, live=rule, document=complete, by=by, clock=clock)


def drift_of(rollout: Rollout, *, live: Manifest) -> dict[str, Any] | None:
    """Compare the parts Weir renders with what was last written (before the first write: with the baseline)."""
    expected = rollout.last_written or (rollout.baseline or {}).get("virtual_service")
    if expected is None or not has_drifted(live, expected, **pair_of(rollout)):
        return None
    return {
        "baseline": owned_parts((rollout.baseline or {})["virtual_service"], rollout=rollout),
        "written": owned_parts(expected, rollout=rollout),
        "live": owned_parts(live, rollout=rollout),
        "resource_version": live["metadata"].get("resourceVersion", ""),
        "manager": _last_manager(live),
    }


def version_problem(rollout: Rollout, *, mesh: Mesh) -> str:
    """Say which Deployment of the candidate does not run the registered image, or return an empty text."""
    if not rollout.candidate.image or not rollout.candidate.labels:
        return ""
    host = Ref(SERVICE, rollout.service.namespace, rollout.service.host.partition(".")[0])
    deployments = mesh.list(DEPLOYMENT, namespace=rollout.service.namespace)
    return runs_image(deployments, selector=selector_of(mesh.get(host)), version=rollout.candidate)


def _last_manager(live: Manifest) -> str:
    """Name who wrote the object last, as far as its managed fields tell."""
    entries = [
        entry for entry in live["metadata"].get("managedFields") or [] if entry.get("subresource") != "status"
    ]
    newest: dict[str, Any] = max(entries, key=lambda entry: str(entry.get("time") or ""), default={})
    return str(newest.get("manager", ""))
