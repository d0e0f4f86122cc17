"""Who is asking: from a signed-in request to the Actor that ``flow`` and the audit trail know."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from releases import selectors
from releases.domain.actor import Actor, Channel
from releases.domain.roles import Action, RoleName, allows
from releases.domain.states import Event
from releases.models import User
from releases.sessions import is_fresh

_ROLES = "weir.roles"


def person(request: HttpRequest) -> User:
    """Return the signed-in person. Raises PermissionDenied for nobody."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def may(request: HttpRequest, what: Event | Action) -> bool:
    """Say whether a role of the person grants it on some service."""
    return allows((RoleName(name) for name, _group in _held(request)), what)


def may_everywhere(request: HttpRequest, what: Event | Action) -> bool:
    """Say whether a role of the person that holds on every service grants it."""
    return allows((RoleName(name) for name, group in _held(request) if group is None), what)


def _held(request: HttpRequest) -> list[tuple[str, int | None]]:
    """Return the person's roles, read once per request: a page asks for each kind of row what may be done to it."""
    if _ROLES not in request.META:
        request.META[_ROLES] = selectors.held_roles(person(request))
    held: list[tuple[str, int | None]] = request.META[_ROLES]
    return held


def actor_of(request: HttpRequest) -> Actor:
    """Return the person as an actor, with the address and the request's id for the audit trail."""
    user = person(request)
    return Actor(
        name=user.get_username(),
        channel=Channel.ADMIN,
        user_id=user.pk,
        ip=request.META.get("REMOTE_ADDR", ""),
        request_id=request.META.get("weir.request_id", ""),
        is_fresh=is_fresh(request),
    )
