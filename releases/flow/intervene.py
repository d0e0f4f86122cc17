"""The operator's hand: start, pause, resume, roll back, promote, set a weight."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from istio.mesh import MeshError
from releases.clock import Clock
from releases.domain import BadPlan, LostRace
from releases.domain.actor import Actor
from releases.domain.reasons import Reason
from releases.domain.states import Event, State
from releases.flow.allowed import check_event
from releases.flow.authorize import check_fresh
from releases.flow.conclude import begin_roll_back, pause, write_roll_back
from releases.flow.move import move
from releases.flow.waiting import wait_for_lease
from releases.models import Rollout, StepRun

_DOOR_PAUSE_SECONDS = 0.2
_CALLS = 3
"""A rollback's calls of the mesh: settle, read, write. The door's time is for all of them."""


def start(rollout: Rollout, *, by: Actor, why: str, clock: Clock) -> None:
    """Begin now instead of at ``start_at``. Every gate of the first step still holds."""
    now = clock()
    check_event(rollout, Event.START, by=by, now=now)
    move(rollout, Event.START, by=by, why=why, reason=Reason.WRITING, wake=now, started_at=now)


def pause_by_hand(rollout: Rollout, *, by: Actor, why: str, clock: Clock) -> None:
    """Stop going forward. Answers only when no worker is in the middle of a write."""
    check_event(rollout, Event.PAUSE, by=by, now=clock())
    wait_for_lease(rollout, clock=clock)
    pause(rollout, by=by, event=Event.PAUSE, why=why, reason=Reason.PAUSED_BY_PERSON, clock=clock)


def resume(rollout: Rollout, *, by: Actor, why: str, clock: Clock) -> None:
    """Go on with what was left of the bake.

    Resuming a rollout that waits for a person opens the gate it waits at; one whose evidence stayed unclear goes on
    without it from this step. Guards still judge.
    """
    now = clock()
    check_event(rollout, Event.RESUME, by=by, now=now)
    columns: dict[str, Any] = {"version_problem": ""}  # looked at again before the next write
    if rollout.reason_code == Reason.WAITING_FOR_PERSON:
        columns["gates_passed"] = int(rollout.reason_params.get("step", 0)) + 1
    told = None
    if rollout.reason_code == Reason.EVIDENCE_UNCLEAR:
        told = {"accepted": rollout.reason_code, "step": rollout.current_step}
    with transaction.atomic():
        if told:
            rollout.step_runs.filter(outcome=StepRun.Outcome.BAKING).update(evidence_accepted=True)
        if rollout.reason_code == Reason.SPLIT_MISMATCH:
            rollout.step_runs.filter(outcome=StepRun.Outcome.BAKING).update(mismatch_accepted=True)
        for run in rollout.step_runs.exclude(bake_left_seconds=None).filter(outcome=StepRun.Outcome.BAKING):
            until = now + timedelta(seconds=run.bake_left_seconds or 0)
            StepRun.objects.filter(pk=run.pk).update(bake_until=until, bake_left_seconds=None)
        move(rollout, Event.RESUME, by=by, why=why, reason=Reason.WRITING, wake=now, after=told, **columns)


def roll_back(rollout: Rollout, *, by: Actor, why: str, clock: Clock) -> None:
    """Give all traffic back, now. Needs no lease, metric, pod, approval or window.

    The row is moved first, which makes every forward write that was begun fail; then the door tries the write itself for
    ``ROLLBACK_DOOR_SECONDS``. What it cannot write in that time the worker goes on trying at every pulse.
    """
    check_event(rollout, Event.ROLL_BACK, by=by, now=clock())
    begin_roll_back(
        rollout,
        by=by,
        why=why,
        reason=Reason.ROLLED_BACK_BY_PERSON,
        clock=clock,
        lease_seconds=settings.ROLLBACK_DOOR_SECONDS,
    )
    deadline = time.monotonic() + settings.ROLLBACK_DOOR_SECONDS
    while State(rollout.state) is State.ROLLING_BACK:
        try:
            write_roll_back(rollout, by=by, clock=clock, call_seconds=settings.ROLLBACK_DOOR_SECONDS / _CALLS)
        except MeshError:
            if time.monotonic() + _DOOR_PAUSE_SECONDS >= deadline:
                return
            time.sleep(_DOOR_PAUSE_SECONDS)
        except LostRace:
            rollout.refresh_from_db()


def promote_by_hand(rollout: Rollout, *, by: Actor, why: str, clock: Clock) -> None:
    """Skip what is left of the plan: record the intent; the engine writes 100 %, confirms, and completes."""
    check_event(rollout, Event.PROMOTE, by=by, now=clock())
    move(
        rollout, Event.PROMOTE, by=by, why=why, reason=Reason.PROMOTING, wake=clock(), promote_requested=True
    )


def set_weight(rollout: Rollout, *, by: Actor, why: str, weight: int | None, clock: Clock) -> None:
    """Set the current step's weight, up to the approved maximum reached so far; while paused only downwards."""
    check_event(rollout, Event.SET_WEIGHT, by=by, now=clock())
    if weight is None or isinstance(weight, bool) or not 0 <= weight <= 100:
        raise BadPlan(_("The weight is a whole number from 0 to 100."), field="weight")
    step = rollout.current_step or 0
    most = rollout.plan_value.steps[step].weight
    if weight > most:
        text = _("Step %(step)d is approved up to %(most)d %%; %(weight)d %% is above it.")
        raise BadPlan(text % {"step": step + 1, "most": most, "weight": weight}, field="weight")
    wait_for_lease(rollout, clock=clock)
    run = rollout.step_runs.get(position=rollout.current_step or 0)
    if State(rollout.state) is State.PAUSED and weight > (run.written or 0):
        raise BadPlan(_("A paused rollout only goes down; resume it first."), field="weight")
    if weight > (run.written or 0):
        check_fresh(by)
    with transaction.atomic():
        StepRun.objects.filter(pk=run.pk).update(desired=weight)
        columns = {} if State(rollout.state) is State.RUNNING else {"reason_params": rollout.reason_params}
        reason = Reason.WRITING if not columns else rollout.reason_code
        move(
            rollout,
            Event.SET_WEIGHT,
            by=by,
            why=why,
            reason=reason,
            wake=clock(),
            after={"weight": weight},
            **columns,
        )
