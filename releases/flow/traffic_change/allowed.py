"""May this person cause this event of a change of traffic? ``flow`` asks before it acts, pages before they offer it."""

from __future__ import annotations

from django.utils.translation import gettext as _

from releases.domain import NotAllowed
from releases.domain.roles import Action
from releases.domain.states import Event
from releases.domain.traffic_change import ChangeEvent, ChangeState, change_target
from releases.flow.authorize import Asker, check_fresh, check_granted, check_scope, check_token
from releases.models import TrafficChange


def check_change_event(change: TrafficChange, event: ChangeEvent, *, asker: Asker) -> None:
    """Raise the first thing that stands against it, permission before state: NotAllowed, PasswordNeeded, IllegalMove."""
    check_change_permission(change, event, asker=asker)
    change_target(ChangeState(change.state), event)


def check_change_permission(change: TrafficChange, event: ChangeEvent, *, asker: Asker) -> None:
    """Ask for the role, and of who decides more: what leads back needs no more than a rollback. Raises NotAllowed."""
    match event:
        case ChangeEvent.APPROVE | ChangeEvent.REJECT:
            _check_vote(change, Event(event.value), asker=asker)
        case ChangeEvent.APPLY if change.rollout_id:
            check_granted(Event.SET_WEIGHT, asker=asker)
        case ChangeEvent.APPLY if not change.needs_vote:
            check_touch(asker)
        case ChangeEvent.APPLY:
            check_granted(Action.CHANGE_TRAFFIC, asker=asker)
            check_fresh(asker.by)
        case _:
            check_granted(Action.CHANGE_TRAFFIC, asker=asker)
    if event not in {ChangeEvent.APPROVE, ChangeEvent.REJECT}:
        check_scope(asker.by, needed="write")


def check_touch(asker: Asker) -> None:
    """Let in who may change traffic, and who may at least roll back. Raises NotAllowed."""
    try:
        check_granted(Action.CHANGE_TRAFFIC, asker=asker)
    except NotAllowed:
        check_granted(Event.ROLL_BACK, asker=asker)


def _check_vote(change: TrafficChange, what: Event, *, asker: Asker) -> None:
    if asker.person is None:
        raise NotAllowed(_("Only a person can decide."))
    if asker.person == change.requested_by.person_id:
        raise NotAllowed(_("You asked for this change, so somebody else has to decide."))
    check_granted(what, asker=asker)
    check_token(asker.by, policy=change.service.policy)
