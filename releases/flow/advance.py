"""One pass over one rollout: lease the row, collect the facts, decide, do the one thing, write it down.

Nothing else moves a rollout. A lost, doubled, late or reordered call changes nothing but a little time. Network calls
happen outside transactions; whatever a killed worker leaves behind leads at the next pulse to the same write or to none.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, assert_never

from django.conf import settings
from django.db import transaction

from istio.documents import TrafficError
from istio.mesh import Conflict, MeshError, Rejected, Unreachable
from istio.sentence import message_of
from releases.clock import Clock
from releases.domain import LostRace
from releases.domain.actor import Actor
from releases.domain.decision import (
    LOOK_AGAIN,
    Action,
    Cancel,
    Complete,
    Expire,
    Hold,
    Measure,
    Promote,
    RollBack,
    Shift,
    Start,
    Verify,
    Wait,
    decide,
)
from releases.domain.reasons import Reason
from releases.domain.retries import pause_before_retry
from releases.domain.states import MOVING, Event, State
from releases.flow.approve import approval_problem
from releases.flow.conclude import begin_roll_back, complete, pause, promote, write_roll_back
from releases.flow.facts import facts_of
from releases.flow.lapse import expire, void
from releases.flow.measure import measure
from releases.flow.mesh_write import settle
from releases.flow.move import lease, move, note
from releases.flow.queue import queue_of
from releases.flow.record import take_chain_lock
from releases.flow.revert import end_revert
from releases.flow.shift import Held, NotYet, shift_traffic
from releases.models import Rollout
from services.connections import mesh_of

logger = logging.getLogger(__name__)

_STEPS_IN_A_PASS = 4
_GOES_ON = Start | Measure | Promote | RollBack
"""After these there is something to decide at once."""


def advance(rollout_id: int, *, clock: Clock, by: Actor) -> Action | None:
    """Do what is due for one rollout and return the last action, or None when there was nothing to take.

    Never raises for what the outside did: the reason goes on the row, and the next pulse tries again.
    """
    rollout = lease(rollout_id, now=clock())
    if rollout is None:
        return None
    action: Action | None = None
    try:
        landed = settle(rollout, mesh=mesh_of(rollout.service.cluster), by=by, clock=clock)
        if State(rollout.state) not in MOVING:
            end_revert(rollout, landed=landed, by=by)
            return None
        for _ in range(_STEPS_IN_A_PASS):
            action = decided(rollout, now=clock())
            carry_out(rollout, action, by=by, clock=clock)
            if not isinstance(action, _GOES_ON) or State(rollout.state) not in MOVING:
                break
        else:
            note(rollout, reason=rollout.reason_code, params=rollout.reason_params, wake=clock())
    except LostRace:
        logger.info("%s changed hands during the pass", rollout)
    except Conflict:
        note_problem(rollout, reason=rollout.reason_code, detail="", at=clock())
    except MeshError as error:
        refused = isinstance(error, Rejected)
        reason = Reason.MESH_REFUSED if refused else Reason.MESH_UNREACHABLE
        asked = error.retry_after_seconds if isinstance(error, Unreachable) else None
        note_problem(rollout, reason=reason, detail=message_of(error), at=clock(), asked=asked)
    except Exception as error:
        logger.exception("%s: the pass failed", rollout)
        detail = f"{type(error).__name__}: {error}"
        note_problem(rollout, reason=Reason.INTERNAL_ERROR, detail=detail, at=clock())
    return action


def decided(rollout: Rollout, *, now: datetime) -> Action:
    """Decide; render and hash the content again only when a forward write is due."""
    facts = facts_of(rollout, now=now)
    action = decide(facts, now=now)
    if isinstance(action, Verify):
        action = decide(replace(facts, approval_problem=approval_problem(rollout)), now=now)
    return action


def carry_out(rollout: Rollout, action: Action, *, by: Actor, clock: Clock) -> None:
    """Do one action. What must not happen after all (``Held``, a document that can not be edited) pauses the rollout."""
    try:
        _carry_out(rollout, action, by=by, clock=clock)
    except Held as held:
        pause(
            rollout,
            by=by,
            event=Event.PAUSE,
            reason=held.reason,
            params=held.params,
            clock=clock,
            **held.columns,
        )
    except NotYet as not_yet:
        note(rollout, reason=not_yet.reason, params=not_yet.params, wake=clock() + LOOK_AGAIN)
    except TrafficError as error:
        params = {"problem": message_of(error), "code": error.code}
        pause(
            rollout,
            by=by,
            event=Event.PAUSE,
            reason=Reason.CHECKS_FAILED,
            params=params,
            clock=clock,
        )


def _carry_out(rollout: Rollout, action: Action, *, by: Actor, clock: Clock) -> None:
    match action:
        case Wait(until=until, reason=reason, params=params):
            _wait(rollout, until=until, reason=reason, params=params)
        case Start():
            _start(rollout, by=by, clock=clock)
        case Expire() | Cancel():
            _end_unused(rollout, action, by=by, clock=clock)
        case Verify():
            raise AssertionError("unreachable: decided() answers this one")
        case Shift(position=position):
            shift_traffic(rollout, position=position, by=by, clock=clock)
        case Measure():
            measure(rollout, now=clock())
        case Promote():
            promote(rollout, by=by, clock=clock)
        case Complete():
            complete(rollout, by=by, clock=clock)
        case RollBack(reason=reason, params=params):
            _roll_back(rollout, reason=reason, params=params, by=by, clock=clock)
        case Hold(reason=Reason.APPROVAL_VOID, params=params):
            void(rollout, problem=params["problem"], by=by, clock=clock)
        case Hold(reason=reason, params=params):
            pause(rollout, by=by, event=Event.PAUSE, reason=reason, params=params, clock=clock)
        case _:
            assert_never(action)


def _end_unused(rollout: Rollout, action: Expire | Cancel, *, by: Actor, clock: Clock) -> None:
    """End what has not begun: nobody used it in time, or its release train failed without it."""
    if isinstance(action, Expire):
        expire(rollout, by=by, clock=clock)
    else:
        params = dict(action.params)
        move(rollout, Event.CANCEL, by=by, reason=Reason.TRAIN_FAILED, params=params, ended_at=clock())


def note_problem(
    rollout: Rollout, *, reason: Reason | str, detail: str, at: datetime, asked: float | None = None
) -> None:
    """Write a passing trouble on the row, and when it is tried again: later each time, or as the other side ``asked``.

    Without ``detail`` at once. If the row changed meanwhile, somebody else knows better.
    """
    rollout = Rollout.objects.get(pk=rollout.pk)
    if State(rollout.state) not in MOVING:
        return
    params, wake = rollout.reason_params, at
    if detail:
        tries = int(params.get("tries", 0)) + 1
        params = {**params, "problem": detail, "tries": tries}
        urgent = State(rollout.state) is State.ROLLING_BACK
        wake = at + timedelta(seconds=pause_before_retry(tries, urgent=urgent, asked=asked))
    keep = State(rollout.state) in {State.PAUSED, State.ROLLING_BACK}
    try:
        note(rollout, reason=rollout.reason_code if keep else reason, params=params, wake=wake)
    except LostRace:
        logger.info("%s changed hands while a problem was noted", rollout)


def _start(rollout: Rollout, *, by: Actor, clock: Clock) -> None:
    """Begin, if no limit was reached meanwhile: two workers that both saw the last free place come here one after the other.

    The first step is due since this look was: after an outage beyond the grace it is held, like every step.
    """
    with transaction.atomic():
        take_chain_lock()
        queue = queue_of(rollout, now=clock())
        if queue.holds:
            raise NotYet(Reason.WAITING_FOR_TURN, params=queue.as_params())
        move(
            rollout,
            Event.START,
            by=by,
            reason=Reason.WRITING,
            wake=rollout.next_wake_up or clock(),
            started_at=clock(),
            leased_until=rollout.leased_until,
        )


def _wait(rollout: Rollout, *, until: datetime, reason: Reason, params: Mapping[str, Any]) -> None:
    """A pause keeps the reason for which it was made; everything else says what it waits for now."""
    if State(rollout.state) is State.PAUSED:
        note(rollout, reason=rollout.reason_code, params=rollout.reason_params, wake=until)
    else:
        note(rollout, reason=reason, params=params, wake=until)


def _roll_back(
    rollout: Rollout, *, reason: Reason, params: Mapping[str, Any], by: Actor, clock: Clock
) -> None:
    if State(rollout.state) is not State.ROLLING_BACK:
        begin_roll_back(
            rollout,
            by=by,
            why="",
            reason=reason,
            params=params,
            clock=clock,
            lease_seconds=settings.LEASE_SECONDS,
        )
    write_roll_back(rollout, by=by, clock=clock)
