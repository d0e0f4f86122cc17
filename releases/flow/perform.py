"""One door for every event a person can cause: the admin, the API and the command line call ``perform``."""

from __future__ import annotations

from collections.abc import Callable

from django.utils.translation import gettext as _

from releases.clock import Clock, database_now
from releases.domain import DomainError, LostRace
from releases.domain.actor import Actor
from releases.domain.roles import Action
from releases.domain.states import Event
from releases.flow import approve, drift, intervene, request, revert
from releases.flow.allowed import check_event
from releases.flow.attempts import tell_refusal
from releases.flow.authorize import check_may
from releases.models import Rollout

_TRIES = 5


def perform(
    rollout: Rollout,
    event: Event,
    *,
    by: Actor,
    why: str = "",
    fingerprint: str = "",
    weight: int | None = None,
    clock: Clock = database_now,
) -> Rollout:
    """Carry out one event and return the rollout as it is then (for ``retry``: the new one).

    The worker changes live rows once a second, so a lost race is looked at again: the event either still makes sense, or the
    second look says why not. A refusal is written to the audit trail and raised. Raises DomainError, MeshError.
    """
    for attempt in range(_TRIES):
        fresh = Rollout.objects.select_related(
            "service__cluster", "service__policy", "stable", "candidate", "plan"
        ).get(pk=rollout.pk)
        try:
            made = _EVENTS[event](fresh, by, why, fingerprint, weight, clock)
        except LostRace:
            if attempt == _TRIES - 1:
                raise
        except DomainError as error:
            tell_refusal(error, action=event.value, by=by, obj=rollout)
            raise
        else:
            return made or fresh
    raise AssertionError("unreachable: the loop returns or raises")


def check_first(rollout: Rollout, what: Event | Action, *, by: Actor, clock: Clock = database_now) -> None:
    """Say, and record, what stands against it before a door complains about the input. Raises NotAllowed, IllegalMove, BadPlan."""
    try:
        if isinstance(what, Event):
            check_event(rollout, what, by=by, now=clock())
        else:
            check_may(what, by=by, service=rollout.service)
    except DomainError as error:
        tell_refusal(error, action=what.value, by=by, obj=rollout)
        raise


_Run = Callable[[Rollout, Actor, str, str, int | None, Clock], Rollout | None]


def _not_by_hand(
    rollout: Rollout, by: Actor, why: str, fingerprint: str, weight: int | None, clock: Clock
) -> None:
    check_may(Event.EDIT, by=by, service=rollout.service)
    raise DomainError(_("This event is the engine's own."))


_EVENTS: dict[Event, _Run] = {
    Event.EDIT: _not_by_hand,
    Event.SUBMIT: lambda row, by, why, _f, _w, _c: request.submit(row, by=by, why=why),
    Event.CANCEL: lambda row, by, why, _f, _w, _c: request.cancel(row, by=by, why=why),
    Event.WITHDRAW: lambda row, by, why, _f, _w, _c: request.withdraw(row, by=by, why=why),
    Event.RETRY: lambda row, by, why, _f, _w, _c: request.retry(row, by=by, why=why),
    Event.APPROVE: lambda row, by, why, fingerprint, _w, _c: approve.approve(
        row, by=by, fingerprint=fingerprint, why=why
    ),
    Event.REJECT: lambda row, by, why, _f, _w, _c: approve.reject(row, by=by, why=why),
    Event.REVOKE: lambda row, by, why, _f, _w, clock: approve.revoke(row, by=by, why=why, clock=clock),
    Event.START: lambda row, by, why, _f, _w, clock: intervene.start(row, by=by, why=why, clock=clock),
    Event.PAUSE: lambda row, by, why, _f, _w, clock: intervene.pause_by_hand(
        row, by=by, why=why, clock=clock
    ),
    Event.RESUME: lambda row, by, why, _f, _w, clock: intervene.resume(row, by=by, why=why, clock=clock),
    Event.SET_WEIGHT: lambda row, by, why, _f, weight, clock: intervene.set_weight(
        row, by=by, why=why, weight=weight, clock=clock
    ),
    Event.PROMOTE: lambda row, by, why, _f, _w, clock: intervene.promote_by_hand(
        row, by=by, why=why, clock=clock
    ),
    Event.ROLL_BACK: lambda row, by, why, _f, _w, clock: intervene.roll_back(
        row, by=by, why=why, clock=clock
    ),
    Event.RESTORE: lambda row, by, why, _f, _w, clock: drift.restore(row, by=by, why=why, clock=clock),
    Event.ADOPT: lambda row, by, why, _f, _w, clock: drift.adopt(row, by=by, why=why, clock=clock),
    Event.REVERT: lambda row, by, why, _f, _w, clock: revert.revert(row, by=by, why=why, clock=clock),
    Event.EXPIRE: _not_by_hand,
    Event.VOID: _not_by_hand,
    Event.COMPLETE: _not_by_hand,
    Event.DONE: _not_by_hand,
}
