"""From a request to the actor that the audit trail names."""

from __future__ import annotations

from django.http import HttpRequest
from rest_framework.request import Request

from releases.domain.actor import ALL_SCOPES, Actor, Channel
from releases.models import ApiToken, User
from releases.sessions import is_fresh


def actor_of(request: Request) -> Actor:
    """Return the person behind the request. A token acts as its person and is marked as a token."""
    token = request.auth if isinstance(request.auth, ApiToken) else None
    return actor(user_of(request), request=request, token=token)


def actor(user: User, *, request: Request | HttpRequest, token: ApiToken | None = None) -> Actor:
    """Return this person as an actor, with the address and id of the request."""
    return Actor(
        name=user.get_username(),
        channel=Channel.API,
        user_id=user.pk,
        by_token=token is not None,
        ip=request.META.get("REMOTE_ADDR") or "",
        request_id=request.META.get("weir.request_id", ""),
        is_fresh=token is not None or is_fresh(request._request if isinstance(request, Request) else request),
        scopes=ALL_SCOPES if token is None else frozenset(token.scopes),
    )


def user_of(request: Request) -> User:
    """Return the signed-in person; views behind ``IsAuthenticated`` always have one."""
    assert isinstance(request.user, User)  # noqa: S101 - narrows the type; the permission has refused everybody else
    return request.user
