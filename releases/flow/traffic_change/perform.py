"""One door for every event of a change: the admin, the API and the worker come through here."""

from __future__ import annotations

from django.utils.translation import gettext as _

from releases.clock import Clock, database_now
from releases.domain import DomainError, LostRace
from releases.domain.actor import Actor
from releases.domain.traffic_change import ChangeEvent, ChangeState, change_target
from releases.flow.authorize import asker_of
from releases.flow.intervene import set_weight
from releases.flow.record import record_refusal
from releases.flow.traffic_change.allowed import check_change_event, check_change_permission
from releases.flow.traffic_change.back import write_back
from releases.flow.traffic_change.decide import approve_change, reject_change, withdraw_change
from releases.flow.traffic_change.landing import settle_untold
from releases.flow.traffic_change.move import action_of, move_change, store
from releases.flow.traffic_change.situation import rollout_of
from releases.flow.traffic_change.write import finish_writing, write_change
from releases.models import TrafficChange
from services.connections import mesh_of

_TRIES = 5


def perform_change(
    change: TrafficChange,
    event: ChangeEvent,
    *,
    by: Actor,
    why: str = "",
    fingerprint: str = "",
    clock: Clock = database_now,
) -> TrafficChange:
    """Carry out one event and return the change as it is then.

    A lost race is looked at again; a refusal is written to the audit trail and raised. Raises DomainError, MeshError.
    """
    for attempt in range(_TRIES):
        fresh = _read(change.pk)
        try:
            _run(fresh, event, by=by, why=why, fingerprint=fingerprint, clock=clock)
        except LostRace:
            if attempt == _TRIES - 1:
                raise
        except DomainError as error:
            record_refusal(by=by, action=action_of(event), obj=fresh, why=str(error))
            raise
        else:
            return fresh
    raise AssertionError("unreachable: the loop returns or raises")


def finish_change(change_id: int, *, by: Actor, clock: Clock) -> None:
    """Finish a write that was interrupted. The worker calls this; doing it twice does nothing. Raises MeshError.

    A change that is not being written left the subset it needs: that write is told, the change waits for its next click.
    """
    change = _read(change_id)
    if change.writing_since is None or change.ended_at is not None:
        return
    try:
        if change.state == ChangeState.WRITING:
            _finish(change, by=by, clock=clock)
            return
        settle_untold(change, mesh=mesh_of(change.service.cluster), by=by)
        store(change, writing_since=None)
    except LostRace:
        return  # somebody else is at it


def check_change_first(change: TrafficChange, event: ChangeEvent, *, by: Actor) -> None:
    """Say, and record, what stands against it before a door complains about the input. Raises NotAllowed, IllegalMove."""
    try:
        check_change_event(change, event, asker=asker_of(by, service=change.service))
    except DomainError as error:
        record_refusal(by=by, action=action_of(event), obj=change, why=str(error))
        raise


def _run(
    change: TrafficChange, event: ChangeEvent, *, by: Actor, why: str, fingerprint: str, clock: Clock
) -> None:
    match event:
        case ChangeEvent.APPROVE:
            approve_change(change, by=by, fingerprint=fingerprint, why=why)
        case ChangeEvent.REJECT:
            reject_change(change, by=by, why=why)
        case ChangeEvent.WITHDRAW:
            withdraw_change(change, by=by, why=why)
        case ChangeEvent.APPLY:
            _apply(change, by=by, why=why, clock=clock)
        case _:
            raise DomainError(_("This event is Weir's own."))


def _apply(change: TrafficChange, *, by: Actor, why: str, clock: Clock) -> None:
    check_change_permission(change, ChangeEvent.APPLY, asker=asker_of(by, service=change.service))
    if change.rollout_id:
        _within_rollout(change, by=by, why=why, clock=clock)
    elif change.state == ChangeState.WRITING:
        _finish(change, by=by, clock=clock)
    else:
        write_change(change, by=by, why=why, clock=clock)


def _finish(change: TrafficChange, *, by: Actor, clock: Clock) -> None:
    if change.baseline is None:  # all back, which is tried until it works
        write_back(change, by=by, clock=clock)
    else:
        finish_writing(change, by=by, clock=clock)


def _within_rollout(change: TrafficChange, *, by: Actor, why: str, clock: Clock) -> None:
    """Hand the weight to the live rollout, whose worker writes it with the rollout's own marks and fence."""
    change_target(ChangeState(change.state), ChangeEvent.APPLY)
    set_weight(rollout_of(change), by=by, why=why or change.reason, weight=change.weight, clock=clock)
    now = clock()
    move_change(change, ChangeEvent.APPLY, by=by, why=why, writing_since=now)
    move_change(
        change,
        ChangeEvent.DONE,
        by=by,
        why=why,
        after={"weight": change.weight},
        ended_at=now,
        in_force_until=now,
    )


def _read(change_id: int) -> TrafficChange:
    return TrafficChange.objects.select_related(
        "service__cluster", "service__policy", "service__stable", "stable", "candidate", "rollout"
    ).get(pk=change_id)
