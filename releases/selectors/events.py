"""What this person may do to this rollout now, and the sentence that says why not."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from releases.domain.roles import Action, allows
from releases.domain.states import OPERATOR_EVENTS, Event, State, can
from releases.flow.approve import approval_is_open
from releases.flow.authorize import covers, why_not
from releases.flow.shared_object import taken_by
from releases.models import Rollout, User
from releases.roles import roles_of
from services.models import Service


@dataclass(frozen=True, slots=True)
class AllowedEvent:
    """One event that the state knows; ``why`` is empty when it is allowed."""

    event: Event
    allowed: bool
    why: str


def may(user: User, what: Event | Action, service: Service | None) -> bool:
    """Say whether a role of this person grants it."""
    return user.is_active and allows(roles_of(user, service), what)


def may_in(user: User, what: Event | Action, *, group_id: int | None) -> bool:
    """Say whether a role grants it on what this owning group has; None: on what belongs to no group."""
    held = user.roles.values_list("name", "group_id") if user.is_active else ()
    return covers(list(held), [what], concerned={group_id})


def allowed_events(rollout: Rollout, user: User) -> list[AllowedEvent]:
    """Return the operator events that the state knows, in the order in which buttons stand."""
    state = State(rollout.state)
    roles = roles_of(user, rollout.service)
    editors = {edit.by.person_id for edit in rollout.edits.all()}
    found = []
    for event in OPERATOR_EVENTS:
        if can(state, event):
            granted = Event.ROLL_BACK if event is Event.REVERT else event
            why = "" if allows(roles, granted) else why_not(granted, service=rollout.service)
            why = why or _personal(rollout, event, user=user, editors=editors) or _situation(rollout, event)
            found.append(AllowedEvent(event=event, allowed=not why, why=why))
    return found


def _personal(rollout: Rollout, event: Event, *, user: User, editors: set[int]) -> str:
    if event not in {Event.APPROVE, Event.REJECT, Event.REVOKE}:
        return ""
    if user.person_id == rollout.requested_by.person_id:
        return _("You asked for this rollout, so somebody else has to decide.")
    if user.person_id in editors:
        return _("You edited this rollout, so somebody else has to decide.")
    voted = any(
        vote.by.person_id == user.person_id and vote.voided_at is None for vote in rollout.approvals.all()
    )
    if event is Event.REVOKE and not voted:
        return _("You have no vote that could be revoked.")
    if event is Event.APPROVE and voted:
        return _("You have voted already.")
    return ""


def _situation(rollout: Rollout, event: Event) -> str:
    state = State(rollout.state)
    if event in {Event.RESTORE, Event.ADOPT} and rollout.drift is None:
        return _("The mesh is what Weir last wrote.")
    if event is Event.APPROVE and state is State.PAUSED and not approval_is_open(rollout):
        return _("The approval covers what would be written; there is nothing to approve.")
    if event is Event.SUBMIT and (taken := taken_by(rollout.service)):
        return taken
    if event is Event.RESUME and rollout.drift is not None:
        return _("Restore or adopt the mesh first.")
    if event in {Event.PROMOTE, Event.SET_WEIGHT} and rollout.current_step is None:
        return _("Nothing has been shifted yet.")
    return ""
