"""What this person may do to this rollout now, and the sentence that says why not."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from django.utils import timezone
from django.utils.translation import gettext as _

from releases.domain import DomainError
from releases.domain.actor import Actor
from releases.domain.roles import Action, allows
from releases.domain.states import OPERATOR_EVENTS, Event, State, can
from releases.flow.allowed import check_asked, has_voted
from releases.flow.authorize import Asker, asker_of, covers
from releases.models import Rollout, User
from releases.roles import roles_of
from releases.said import said_of
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


def held_roles(user: User) -> list[tuple[str, int | None]]:
    """Return name and owning group of each role this person may use now; group None: on every service."""
    return list(user.roles.values_list("name", "group_id")) if user.is_active else []


def may_in(user: User, what: Event | Action, *, group_id: int | None) -> bool:
    """Say whether a role grants it on what this owning group has; None: on what belongs to no group."""
    return covers(held_roles(user), [what], concerned={group_id})


def may_any(user: User, what: Sequence[Event | Action], *, concerned: Collection[int | None]) -> bool:
    """Say whether a role grants any of it to each owning group concerned; without groups: anywhere."""
    return covers(held_roles(user), what, concerned=concerned)


def allowed_events(rollout: Rollout, by: Actor) -> list[AllowedEvent]:
    """Return the operator events that the state knows, in the order in which buttons stand.

    ``flow`` is asked what it would say, so that nothing is offered that it refuses. That an old session gives its password
    first is no refusal here: the page asks for it when the button is pressed.
    """
    asker = asker_of(replace(by, is_fresh=True), service=rollout.service)
    known = [event for event in OPERATOR_EVENTS if can(State(rollout.state), event)]
    refusals = {event: _refusal(rollout, event, asker=asker) for event in known}
    return [AllowedEvent(event=event, allowed=not why, why=why) for event, why in refusals.items()]


def _refusal(rollout: Rollout, event: Event, *, asker: Asker) -> str:
    try:
        check_asked(rollout, event, asker=asker, now=timezone.now())
    except DomainError as error:
        return said_of(error)
    if event is Event.APPROVE and has_voted(rollout, person=asker.person, fingerprint=rollout.fingerprint):
        return _("You have voted already.")
    return ""
