"""The two ends: everything to the candidate, or everything back to the stable version."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from istio.documents import TrafficError, annotations_of
from istio.marks import FENCE, with_annotations
from istio.mesh import Conflict, Manifest, Mesh, NotFound
from releases.clock import Clock
from releases.domain import LostRace
from releases.domain.actor import Actor
from releases.domain.reasons import Reason
from releases.domain.states import Event, State
from releases.flow.authority import verdict_behind
from releases.flow.calibrate import learn_from
from releases.flow.content import ended, restored, without_ours
from releases.flow.mesh_write import fence_for, put, settle
from releases.flow.move import move
from releases.flow.shift import prepare, undrifted
from releases.models import Rollout, StepRun
from releases.said import said_of
from services.connections import mesh_of
from services.models import Service

_CONFLICTS_IN_A_ROW = 5


def promote(rollout: Rollout, *, by: Actor, clock: Clock) -> None:
    """Write 100 % with nothing of Weir left in the object, checked like every larger weight. It completes when confirmed.

    Raises Held, NotYet, LostRace, TrafficError, MeshError.
    """
    mesh = mesh_of(rollout.service.cluster)
    live = undrifted(rollout, mesh=mesh)
    document = without_ours(ended(live, rollout=rollout, candidate_weight=100), service=rollout.service)
    position = len(rollout.plan_value.steps)
    if not rollout.step_runs.filter(written=100).exists():
        prepare(rollout, document=document, position=position, weight=100, mesh=mesh, by=by, clock=clock)
    put(
        rollout,
        mesh=mesh,
        live=live,
        document=document,
        by=by,
        clock=clock,
        position=position,
        weight=100,
        planned={"promotion": True},
    )


def complete(rollout: Rollout, *, by: Actor, clock: Clock) -> None:
    """The candidate has everything: it is the service's stable version now. Raises LostRace."""
    at = clock()
    with transaction.atomic():
        rollout.step_runs.filter(outcome=StepRun.Outcome.BAKING).update(
            outcome=StepRun.Outcome.PASSED, ended_at=at
        )
        Service.objects.filter(pk=rollout.service_id).update(stable=rollout.candidate)
        move(
            rollout,
            Event.COMPLETE,
            by=by,
            reason=Reason.COMPLETED,
            params={"candidate": rollout.candidate.name},
            ended_at=at,
        )
    learn_from(rollout)  # after the end is committed: what it teaches must not hold it up


def begin_roll_back(
    rollout: Rollout,
    *,
    by: Actor,
    why: str,
    reason: Reason,
    params: Mapping[str, Any] | None = None,
    clock: Clock,
    lease_seconds: float,
) -> None:
    """Take the lease at once, whoever holds it: the revision goes up, so every forward write that was begun fails.

    The caller holds it for ``lease_seconds`` to try the write itself; then it is any worker's. Tried again on a lost race, since only another change of the row can win it and a rollback is never refused for that.
    """
    for _attempt in range(20):
        try:
            move(
                rollout,
                Event.ROLL_BACK,
                by=by,
                why=why,
                reason=reason,
                params=params,
                wake=clock(),
                leased_until=clock() + timedelta(seconds=lease_seconds),
                after=verdict_behind(rollout, reason=reason),
            )
        except LostRace:
            rollout.refresh_from_db()
            if State(rollout.state) is State.ROLLING_BACK:
                return
        else:
            return
    raise LostRace(
        f"Rollout {rollout} kept changing while it was being rolled back; the worker goes on trying."
    )


def write_roll_back(rollout: Rollout, *, by: Actor, clock: Clock, call_seconds: float | None = None) -> None:
    """Write weight 0 into the live object, always once, with the fence. Raises MeshError, Conflict after several in a row.

    An object that is gone gives the candidate nothing: then there is nothing to write. ``call_seconds`` bounds each call.
    """
    try:
        note = put_back(
            rollout, mesh=mesh_of(rollout.service.cluster, seconds=call_seconds), by=by, clock=clock
        )
    except NotFound as error:
        note = _("Nothing was written: %(error)s") % {"error": said_of(error)}
    with transaction.atomic():
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
            writing=None,
        )


def put_back(rollout: Rollout, *, mesh: Mesh, by: Actor, clock: Clock) -> str:
    """Write the rollback and return its note. Each conflict is another write, perhaps a late one of ours: settle, render, put again."""
    for attempt in range(_CONFLICTS_IN_A_ROW):
        settle(rollout, mesh=mesh, by=by, clock=clock)
        live = mesh.get(rollout.service.virtual_service_ref)
        document, note = roll_back_document(rollout, live=live)
        if _is_back(rollout, live=live, document=document):
            return note
        try:
            put(rollout, mesh=mesh, live=live, document=document, by=by, clock=clock, why=note)
        except Conflict:
            if attempt == _CONFLICTS_IN_A_ROW - 1:
                raise
        else:
            return note
    raise AssertionError("unreachable: the loop returns or raises")


def _is_back(rollout: Rollout, *, live: Manifest, document: Manifest) -> bool:
    """Say whether the rollback is on the mesh already, by a worker that ended before it could say so."""
    written = rollout.last_written
    if written is None or written["metadata"].get("resourceVersion") != live["metadata"]["resourceVersion"]:
        return False
    fence = annotations_of(live).get(FENCE)
    return fence is not None and with_annotations(document, changes={FENCE: fence}) == live


def roll_back_document(rollout: Rollout, *, live: Manifest) -> tuple[Manifest, str]:
    """Render the baseline's traffic into the live object; if the rules cannot edit it, restore the stored routes and say so."""
    try:
        back, note = ended(live, rollout=rollout, candidate_weight=0), ""
    except TrafficError as error:
        back = restored(_stored_back(rollout), live, service=rollout.service)
        note = _(
            "The live object could not be edited (%(problem)s); this service's routes were restored as they were "
            "before the release."
        ) % {"problem": said_of(error)}
    back = without_ours(back, service=rollout.service)
    return with_annotations(back, changes={FENCE: fence_for(rollout, live=live)}), note


def _stored_back(rollout: Rollout) -> Manifest:
    """Return the stored baseline with nothing for the candidate: one that was adopted may give it some."""
    baseline: Manifest = (rollout.baseline or {})["virtual_service"]
    try:
        return ended(baseline, rollout=rollout, candidate_weight=0)
    except TrafficError:
        return baseline


def pause(
    rollout: Rollout,
    *,
    by: Actor,
    event: Event,
    reason: Reason,
    why: str = "",
    params: Mapping[str, Any] | None = None,
    clock: Clock,
    wake: datetime | None = None,
    **columns: Any,
) -> None:
    """Stop going forward. Traffic stays; what is left of the bake is kept. It is looked at again at once, or at ``wake``."""
    now = clock()
    with transaction.atomic():
        # The row first: whoever acknowledges a write meanwhile waits for it, and then sees the pause.
        told = verdict_behind(rollout, reason=reason)
        move(
            rollout,
            event,
            by=by,
            why=why,
            reason=reason,
            params=params,
            wake=wake or now,
            after=told,
            **columns,
        )
        for run in StepRun.objects.filter(rollout=rollout, outcome=StepRun.Outcome.BAKING).exclude(
            bake_until=None
        ):
            left = max((run.bake_until - now).total_seconds(), 0.0) if run.bake_until else None
            StepRun.objects.filter(pk=run.pk).update(bake_left_seconds=left, bake_until=None)
