"""After the end: one write back to the previous stable version, for seven days, without a vote."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction

from releases.clock import Clock
from releases.domain.actor import Actor
from releases.domain.reasons import Reason
from releases.domain.states import Event
from releases.flow.allowed import check_event
from releases.flow.conclude import put_back
from releases.flow.move import change, move
from releases.models import Rollout
from services.connections import mesh_of
from services.models import Service

_LOOKED_AFTER = timedelta(seconds=30)


def revert(rollout: Rollout, *, by: Actor, why: str, clock: Clock) -> None:
    """Write all traffic back to the version that was stable before. Raises IllegalMove when it is too late or too new."""
    check_event(rollout, Event.REVERT, by=by, now=clock())
    # If this process ends after the write, the pulse finds the row due and completes it.
    change(rollout, event=None, next_wake_up=clock() + _LOOKED_AFTER)
    note = put_back(rollout, mesh=mesh_of(rollout.service.cluster), by=by, clock=clock)
    _end(rollout, by=by, why=" ".join(filter(None, [why, note])))


def end_revert(rollout: Rollout, *, landed: bool, by: Actor) -> None:
    """Complete a revert whose process ended after its write; if it ended before, nothing happened. Raises LostRace."""
    if landed:
        _end(rollout, by=by, why="")
    else:
        change(rollout, event=None, next_wake_up=None, leased_until=None)


def _end(rollout: Rollout, *, by: Actor, why: str) -> None:
    with transaction.atomic():
        Service.objects.filter(pk=rollout.service_id).update(stable=rollout.stable)
        move(
            rollout,
            Event.REVERT,
            by=by,
            why=why,
            reason=Reason.ROLLED_BACK_BY_PERSON,
            ended_at=rollout.ended_at,
        )
