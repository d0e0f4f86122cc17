"""Writing one traffic target to the mesh, so that a crash between any two lines leads to the same write or to none.

Order: read the live object, look whether it is what was last written, commit ``desired`` by compare-and-set on the
revision (which a rollback would have raised), write with the resourceVersion read, commit what came back. A worker that
comes late fails at one of the two: its revision is old, or its resourceVersion is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from istio.documents import TrafficError
from istio.marks import annotated
from istio.mesh import DEPLOYMENT, SERVICE, Manifest, Mesh, Ref
from istio.traffic import has_drifted, owned_part
from releases.clock import Clock
from releases.domain.actor import Actor
from releases.domain.reasons import Reason
from releases.flow.content import render_spec, with_candidate_subset
from releases.flow.move import change, note
from releases.flow.record import record
from releases.models import Rollout, StepRun
from services.connections import mesh_of
from services.images import runs_image, selector_of


class Held(Exception):
    """The write must not happen: pause with this reason. ``columns`` are stored on the rollout."""

    def __init__(
        self, reason: Reason, *, params: dict[str, Any] | None = None, columns: dict[str, Any] | None = None
    ) -> None:
        super().__init__(reason.value)
        self.reason, self.params, self.columns = reason, params or {}, columns or {}


@dataclass(frozen=True, slots=True)
class Written:
    """What a write left behind."""

    document: Manifest
    at: datetime


def shift_traffic(rollout: Rollout, *, position: int, by: Actor, clock: Clock) -> None:
    """Bring the mesh to the traffic of this step and begin its bake. Raises Held, LostRace, TrafficError, MeshError."""
    step = rollout.plan_value.steps[position]
    run = rollout.step_runs.filter(position=position).first()
    weight = run.desired if run and run.desired is not None else step.weight
    mesh = mesh_of(rollout.service.cluster)
    ensure_subset(rollout, mesh=mesh, by=by)
    if problem := version_problem(rollout, mesh=mesh):
        raise Held(Reason.VERSION_CHANGED, params={"problem": problem}, columns={"version_problem": problem})
    spec = replace(step.traffic, candidate_weight=weight)
    live = mesh.get(rollout.service.virtual_service_ref)
    document = annotated(
        render_spec(spec, live, rollout=rollout),
        rollout=str(rollout),
        step=str(position + 1),
        fingerprint=rollout.fingerprint,
        fence=rollout.revision,
    )
    written = write(
        rollout,
        live=live,
        document=document,
        position=position,
        planned=step.as_json(),
        weight=weight,
        by=by,
        clock=clock,
    )
    bake_until = written.at + timedelta(seconds=step.bake_seconds)
    resumed = run is not None and run.started_at is not None and run.written is not None
    with transaction.atomic():
        mine = StepRun.objects.filter(rollout=rollout, position=position)
        begun: dict[str, Any] = (
            {} if resumed else {"started_at": written.at, "bake_until": bake_until, "bake_left_seconds": None}
        )
        mine.update(written=weight, outcome=StepRun.Outcome.BAKING, **begun)
        StepRun.objects.filter(rollout=rollout, position__lt=position, outcome=StepRun.Outcome.BAKING).update(
            outcome=StepRun.Outcome.PASSED, ended_at=written.at
        )
        params = {"until": bake_until.isoformat(), "step": position, "weight": weight}
        note(
            rollout,
            reason=Reason.BAKING,
            params=params,
            wake=clock(),
            current_step=position,
            last_written=written.document,
            drift=None,
        )


def write(
    rollout: Rollout,
    *,
    live: Manifest,
    document: Manifest,
    position: int,
    planned: dict[str, Any],
    weight: int,
    by: Actor,
    clock: Clock,
) -> Written:
    """Commit the intent, put the document, and record it with before and after. Raises Held on drift, LostRace, MeshError."""
    run = rollout.step_runs.filter(position=position).first()
    interrupted = (
        run is not None and run.desired == weight and run.written != weight and run.before is not None
    )
    if (
        interrupted
        and run
        and _parts(live, rollout) == _parts(document, rollout)
        and _is_ours(live, document)
    ):
        # The mesh was written and the worker ended before it could say so: complete the record, write nothing.
        _record_write(rollout, before=run.before, after=live, by=by)
        return Written(document=live, at=clock())
    if drift := drift_of(rollout, live=live):
        raise Held(Reason.DRIFTED, columns={"drift": drift})
    with transaction.atomic():
        change(
            rollout, event=None
        )  # LostRace if anybody, a rollback above all, changed the row since it was leased
        StepRun.objects.update_or_create(
            rollout=rollout,
            position=position,
            defaults={
                "planned": planned,
                "desired": weight,
                "before": live,
                "desired_at": clock(),
                "outcome": StepRun.Outcome.WRITING,
            },
        )
    if document == live:
        return Written(document=live, at=clock())
    stored = mesh_of(rollout.service.cluster).put(document)
    at = clock()
    _record_write(rollout, before=live, after=stored, by=by)
    return Written(document=stored, at=at)


def ensure_subset(rollout: Rollout, *, mesh: Mesh, by: Actor) -> None:
    """Add the candidate's subset to the DestinationRule, before the VirtualService names it. Nothing to add: no write."""
    rule = mesh.get(rollout.service.destination_rule_ref)
    complete = with_candidate_subset(rule, rollout=rollout)
    if complete != rule:
        stored = mesh.put(complete)
        _record_write(rollout, before=rule, after=stored, by=by)


def drift_of(rollout: Rollout, *, live: Manifest) -> dict[str, Any] | None:
    """Compare the parts Weir renders with what was last written (before the first write: with the baseline)."""
    expected = rollout.last_written or (rollout.baseline or {}).get("virtual_service")
    if expected is None or not has_drifted(live, expected, **_pair(rollout)):
        return None
    return {
        "baseline": _parts((rollout.baseline or {})["virtual_service"], rollout),
        "written": _parts(expected, rollout),
        "live": _parts(live, rollout),
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


def _parts(document: Manifest, rollout: Rollout) -> Any:
    """Return the parts Weir renders, or the sentence that says why they can not be found in this object any more."""
    try:
        return owned_part(document, **_pair(rollout))
    except TrafficError as error:
        return {"problem": str(error), "code": error.code}


def _pair(rollout: Rollout) -> dict[str, Any]:
    service = rollout.service
    return {
        "host": service.host,
        "stable": rollout.stable.subset,
        "candidate": rollout.candidate.subset,
        "routes": service.routes,
        "namespace": service.namespace,
    }


def _is_ours(live: Manifest, document: Manifest) -> bool:
    names = ("weir.dev/rollout", "weir.dev/step", "weir.dev/fingerprint")
    mine, there = (item["metadata"].get("annotations") or {} for item in (document, live))
    return all(mine.get(name) == there.get(name) for name in names)


def _last_manager(live: Manifest) -> str:
    """Name who wrote the object last, as far as its managed fields tell."""
    entries = [
        entry for entry in live["metadata"].get("managedFields") or [] if entry.get("subresource") != "status"
    ]
    newest: dict[str, Any] = max(entries, key=lambda entry: str(entry.get("time") or ""), default={})
    return str(newest.get("manager", ""))


@transaction.atomic
def _record_write(rollout: Rollout, *, before: Manifest | None, after: Manifest, by: Actor) -> None:
    record("mesh_write", by=by, obj=rollout, before=before, after=after)
