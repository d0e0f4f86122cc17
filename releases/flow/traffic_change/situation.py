"""What stands in the way of applying a change now: rollouts, neighbours, the calendar, the votes. Rows only; the mesh is asked when it is done."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from releases.domain import IllegalMove, Stale
from releases.domain.states import Event
from releases.domain.traffic_change import ChangeState
from releases.flow.allowed import check_asked
from releases.flow.authorize import Asker
from releases.flow.closed import closed_sentence
from releases.flow.shared_object import refuse_taken
from releases.flow.traffic_change.decide import approval_problem_of
from releases.flow.traffic_change.request import CARRYING, live_rollout, refuse_live
from releases.models import Rollout, TrafficChange


def check_apply(change: TrafficChange, *, asker: Asker, now: datetime) -> None:
    """Raise what would stop a click on *apply* before the mesh is asked; one that is being written is only finished."""
    if change.state == ChangeState.WRITING:
        return
    if change.rollout_id:
        check_asked(rollout_of(change), Event.SET_WEIGHT, asker=asker, now=now)
    else:
        refuse_outdated(change, now=now)


def rollout_of(change: TrafficChange) -> Rollout:
    """Return the live rollout within whose bound the change was asked for. Raises IllegalMove when it is over."""
    rollout = live_rollout(change.service)
    if rollout is None or rollout.pk != change.rollout_id:
        text = _("Rollout %(rollout)s is over; ask for the change again.")
        raise IllegalMove(text % {"rollout": change.rollout})
    return rollout


def refuse_outdated(change: TrafficChange, *, now: datetime) -> None:
    """Raise IllegalMove when a rollout has the traffic or the calendar is closed, Stale without the votes for this."""
    rollout = live_rollout(change.service)
    if rollout is not None and (change.needs_vote or rollout.state in CARRYING):
        refuse_live(change, rollout=rollout)
    if not change.needs_vote:
        return
    refuse_taken(change.service)
    if closed := closed_sentence(change.service, now=now):
        raise IllegalMove(closed)
    if problem := approval_problem_of(change, now=now):
        raise Stale(_("%(change)s can not be applied: %(problem)s.") % {"change": change, "problem": problem})
