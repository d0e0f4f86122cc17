"""Who is asking: from a signed-in request to the Actor that ``flow`` and the audit trail know."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from releases import selectors
from releases.domain.actor import Actor, Channel
from releases.domain.roles import Action, allows
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
    """Say whether a role of the person grants it on some service; the roles are read once per request."""
    if _ROLES not in request.META:
        request.META[_ROLES] = selectors.roles_of(person(request), None)
    return person(request).is_active and allows(request.META[_ROLES], what)


def may_everywhere(request: HttpRequest, what: Event | Action) -> bool:
    """Say whether a role of the person that holds on every service grants it."""
    return selectors.may_in(person(request), what, group_id=None)


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
