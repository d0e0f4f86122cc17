"""The two ends: everything to the candidate, or everything back to the stable version."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from istio.documents import TrafficError
from istio.marks import FENCE, with_annotations
from istio.mesh import Conflict, Manifest, Mesh
from istio.traffic import cleaned
from releases.clock import Clock
from releases.domain import LostRace
from releases.domain.actor import Actor
from releases.domain.reasons import Reason
from releases.domain.states import Event, State
from releases.flow.content import ended
from releases.flow.move import move
from releases.flow.record import record
from releases.flow.shift import write
from releases.models import Rollout, StepRun
from services.connections import mesh_of
from services.models import Service

_CONFLICTS_IN_A_ROW = 5


def promote(rollout: Rollout, *, by: Actor, clock: Clock) -> None:
    """Write 100 % with nothing of Weir left in the object, then complete. Raises Held, LostRace, MeshError."""
    position = len(rollout.plan_value.steps)
    live = mesh_of(rollout.service.cluster).get(rollout.service.virtual_service_ref)
    document = cleaned(ended(live, rollout=rollout, candidate_weight=100))
    written = write(
        rollout,
        live=live,
        document=document,
        position=position,
        planned={"promotion": True},
        weight=100,
        by=by,
        clock=clock,
    )
    with transaction.atomic():
        runs = StepRun.objects.filter(rollout=rollout)
        runs.filter(position=position).update(
            written=100, started_at=written.at, ended_at=written.at, outcome=StepRun.Outcome.PASSED
        )
        runs.filter(outcome=StepRun.Outcome.BAKING).update(
            outcome=StepRun.Outcome.PASSED, ended_at=written.at
        )
        Service.objects.filter(pk=rollout.service_id).update(stable=rollout.candidate)
        move(
            rollout,
            Event.COMPLETE,
            by=by,
            reason=Reason.COMPLETED,
            params={"candidate": rollout.candidate.name},
            ended_at=written.at,
            last_written=written.document,
        )


def begin_roll_back(
    rollout: Rollout,
    *,
    by: Actor,
    why: str,
    reason: Reason,
    params: dict[str, Any] | None = None,
    clock: Clock,
) -> None:
    """Take the lease at once, whoever holds it: the revision goes up, so every forward write that was begun fails.

    Tried again on a lost race, since only another change of the row can win it and a rollback is never refused for that.
    """
    for _attempt in range(20):
        try:
            move(rollout, Event.ROLL_BACK, by=by, why=why, reason=reason, params=params, wake=clock())
        except LostRace:
            rollout.refresh_from_db()
            if State(rollout.state) is State.ROLLING_BACK:
                return
        else:
            return
    raise LostRace(
        f"Rollout {rollout} kept changing while it was being rolled back; the worker goes on trying."
    )


def write_roll_back(rollout: Rollout, *, by: Actor, clock: Clock) -> None:
    """Write weight 0 into the live object, always once, with the fence. Raises MeshError, Conflict after several in a row."""
    mesh = mesh_of(rollout.service.cluster)
    stored, before, note = _put_back(rollout, mesh=mesh)
    with transaction.atomic():
        record("mesh_write", by=by, obj=rollout, why=note, before=before, after=stored)
        at = clock()
        runs = StepRun.objects.filter(
            rollout=rollout, outcome__in=[StepRun.Outcome.BAKING, StepRun.Outcome.WRITING]
        )
        runs.update(outcome=StepRun.Outcome.ROLLED_BACK, ended_at=at)
        move(
            rollout,
            Event.DONE,
            by=by,
            why=note,
            reason=rollout.reason_code,
            params=rollout.reason_params,
            ended_at=at,
            last_written=stored,
            drift=None,
        )


def _put_back(rollout: Rollout, *, mesh: Mesh) -> tuple[Manifest, Manifest, str]:
    """Return (stored, before, note). Each conflict is somebody else's write: read again, render again, put again."""
    for attempt in range(_CONFLICTS_IN_A_ROW):
        live = mesh.get(rollout.service.virtual_service_ref)
        document, note = roll_back_document(rollout, live=live)
        try:
            return mesh.put(document), live, note
        except Conflict:
            if attempt == _CONFLICTS_IN_A_ROW - 1:
                raise
    raise AssertionError("unreachable: the loop returns or raises")


def roll_back_document(rollout: Rollout, *, live: Manifest) -> tuple[Manifest, str]:
    """Render the baseline's traffic into the live object; if the rules cannot edit it, restore the stored baseline and say so."""
    try:
        back, note = ended(live, rollout=rollout, candidate_weight=0), ""
    except TrafficError as error:
        baseline: Manifest = (rollout.baseline or {})["virtual_service"]
        back = {**live, "spec": baseline["spec"]}
        note = f"The live object could not be edited ({error}); the stored baseline was restored."
    return with_annotations(cleaned(back), changes={FENCE: str(rollout.revision)}), note


def pause(
    rollout: Rollout,
    *,
    by: Actor,
    event: Event,
    reason: Reason,
    why: str = "",
    params: dict[str, Any] | None = None,
    clock: Clock,
    **columns: Any,
) -> None:
    """Stop going forward. Traffic stays; what is left of the bake is kept."""
    now = clock()
    with transaction.atomic():
        for run in StepRun.objects.filter(rollout=rollout, outcome=StepRun.Outcome.BAKING).exclude(
            bake_until=None
        ):
            left = max((run.bake_until - now).total_seconds(), 0.0) if run.bake_until else None
            StepRun.objects.filter(pk=run.pk).update(bake_left_seconds=left, bake_until=None)
        move(rollout, event, by=by, why=why, reason=reason, params=params, wake=now, **columns)
