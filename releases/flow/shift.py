"""Writing one traffic target to the mesh, so that a crash between any two lines leads to the same write or to none.

Order: read the live object, look whether it is what was last written, commit the intent by compare-and-set on the
revision (which a rollback would have raised), write with the resourceVersion read, commit what came back
(``mesh_write``). A worker that comes late fails at one of the two: its revision is old, or its resourceVersion is.
One read and one write of the VirtualService; what stands beside it is a shared look.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from istio.checks import Severity
from istio.marks import annotated
from istio.mesh import DESTINATION_RULE, Manifest, Mesh
from istio.sentence import Sentence, in_a_row, with_parts
from releases.clock import Clock
from releases.domain.actor import Actor
from releases.domain.decision import next_look
from releases.domain.reasons import Reason
from releases.domain.states import State
from releases.flow.checking import Surroundings, findings_about
from releases.flow.content import owned_parts, render_spec, with_candidate_subset
from releases.flow.look import drift_of, shared_surroundings, version_problem
from releases.flow.mesh_write import fence_for, put
from releases.flow.move import note
from releases.models import Rollout
from services.connections import mesh_of


class Held(Exception):
    """The write must not happen: pause with this reason. ``columns`` are stored on the rollout."""

    def __init__(
        self, reason: Reason, *, params: dict[str, Any] | None = None, columns: dict[str, Any] | None = None
    ) -> None:
        super().__init__(reason.value)
        self.reason, self.params, self.columns = reason, params or {}, columns or {}


class NotYet(Exception):
    """The write must not happen now, and nobody has to decide anything: look again soon."""

    def __init__(self, reason: Reason, *, params: dict[str, Any]) -> None:
        super().__init__(reason.value)
        self.reason, self.params = reason, params


def shift_traffic(rollout: Rollout, *, position: int, by: Actor, clock: Clock) -> None:
    """Bring the mesh to the traffic of this step and begin its bake. Raises Held, NotYet, LostRace, TrafficError, MeshError."""
    step = rollout.plan_value.steps[position]
    run = rollout.step_runs.filter(position=position).first()
    weight = run.desired if run and run.desired is not None else step.weight
    mesh = mesh_of(rollout.service.cluster)
    live = undrifted(rollout, mesh=mesh)
    document = render_spec(replace(step.traffic, candidate_weight=weight), live, rollout=rollout)
    if run is None or run.written is None or weight > run.written:
        prepare(rollout, document=document, position=position, weight=weight, mesh=mesh, by=by, clock=clock)
    put(
        rollout,
        mesh=mesh,
        live=live,
        document=_marked(document, live=live, rollout=rollout, position=position),
        by=by,
        clock=clock,
        position=position,
        weight=weight,
        planned=step.as_json(),
    )
    _note_bake(rollout, position=position, weight=weight, clock=clock)


def undrifted(rollout: Rollout, *, mesh: Mesh) -> Manifest:
    """Read the live object, which must be what was last written (or the baseline). Raises Held, MeshError."""
    live = mesh.get(rollout.service.virtual_service_ref)
    if drift := drift_of(rollout, live=live):
        raise Held(Reason.DRIFTED, columns={"drift": drift})
    return live


def ensure_subset(rollout: Rollout, *, around: Surroundings, mesh: Mesh, by: Actor, clock: Clock) -> None:
    """Add the candidate's subset to the DestinationRule, before the VirtualService names it. Nothing to add: no write."""
    service = rollout.service
    listed = {item["metadata"]["name"]: item for item in around[DESTINATION_RULE]}
    seen = listed.get(service.destination_rule)
    if seen is not None and with_candidate_subset(seen, rollout=rollout) == seen:
        return
    rule = mesh.get(service.destination_rule_ref)  # the look is shared and may be some seconds old
    complete = with_candidate_subset(rule, rollout=rollout)
    if complete != rule:
        put(rollout, mesh=mesh, live=rule, document=complete, by=by, clock=clock)


def _marked(document: Manifest, *, live: Manifest, rollout: Rollout, position: int) -> Manifest:
    """Return a copy that says whose it is, or the live object where the traffic would be the same: then nothing is written."""
    if owned_parts(live, rollout=rollout) == owned_parts(document, rollout=rollout):
        return live
    return annotated(
        document,
        rollout=str(rollout),
        step=str(position + 1),
        fingerprint=rollout.fingerprint,
        fence=fence_for(rollout, live=live),
    )


def prepare(
    rollout: Rollout,
    *,
    document: Manifest,
    position: int,
    weight: int,
    mesh: Mesh,
    by: Actor,
    clock: Clock,
) -> None:
    """Look at everything a larger weight relies on: image, checks, subset. Raises Held, NotYet, LostRace, MeshError."""
    around = shared_surroundings(rollout.service, now=clock())
    if problem := version_problem(rollout, around=around):
        columns = with_parts({"version_problem": problem})
        raise Held(Reason.VERSION_CHANGED, params={"problem": problem}, columns=columns)
    findings = findings_about(rollout, virtual_service=document, weight=weight, surroundings=around)
    blocking = [
        Sentence("{code}: {message}", code=item.code, message=item.message)
        for item in findings
        if item.severity is Severity.ERROR
    ]
    if blocking:
        problem = in_a_row(blocking[:3])
        raise NotYet(Reason.WAITING_FOR_CHECKS, params={"step": position, "problem": problem})
    ensure_subset(rollout, around=around, mesh=mesh, by=by, clock=clock)


def _note_bake(rollout: Rollout, *, position: int, weight: int, clock: Clock) -> None:
    """Say that the step bakes and when to look at it. A paused rollout keeps the reason for which it was paused."""
    if State(rollout.state) is State.PAUSED:
        note(rollout, reason=rollout.reason_code, params=rollout.reason_params, wake=clock())
        return
    until = rollout.step_runs.get(position=position).bake_until
    look = next_look(clock(), seconds=rollout.plan_value.evidence.interval_seconds)
    params = {"until": until.isoformat() if until else None, "step": position, "weight": weight}
    steps = rollout.plan_value.steps
    if position < len(steps):
        params |= steps[position].aim(weight)
    note(rollout, reason=Reason.BAKING, params=params, wake=min(filter(None, [until, look])))
