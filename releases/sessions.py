"""Browser sessions: when the password was last given, and what Django's log-in signals leave in the audit trail.

Signals, since every way in (form, single sign-on, a test's ``force_login``) sends them and nothing else is common to all.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, authenticate
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.exceptions import ValidationError
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from releases import flow
from releases.domain.actor import Actor, Channel
from releases.models import User

_CONFIRMED_AT = "weir.confirmed_at"


def confirm(request: HttpRequest) -> None:
    """Remember that the person has just given the password."""
    request.session[_CONFIRMED_AT] = timezone.now().timestamp()


def is_fresh(request: HttpRequest) -> bool:
    """Say whether the password was given recently enough for a production decision."""
    given: float = request.session.get(_CONFIRMED_AT, 0.0) if hasattr(request, "session") else 0.0
    return bool(timezone.now().timestamp() - given <= settings.REAUTHENTICATE_AFTER_SECONDS)


def address_of(request: HttpRequest | None) -> str:
    """The address of the caller: ``portal.middleware`` has read what trusted proxies say."""
    return str(request.META.get("REMOTE_ADDR") or "") if request is not None else ""


def actor_in(request: HttpRequest, user: User) -> Actor:
    """This person in a browser, as the audit trail names it."""
    return Actor(
        name=user.get_username(),
        channel=Channel.ADMIN,
        user_id=user.pk,
        ip=address_of(request),
        request_id=request.META.get("weir.request_id", ""),
    )


def refuse_guessing(request: HttpRequest | None, *, name: str) -> None:
    """Raise ValidationError while this address has to wait."""
    seconds = flow.wait_before_log_in(address=address_of(request), name=name, now=timezone.now())
    if seconds:
        minutes = -(-seconds // 60)
        raise ValidationError(
            _("Too many failed log-ins from your address. Try again in %(minutes)d minutes.")
            % {"minutes": minutes},
            code="too_many",
        )


def check_password(request: HttpRequest, user: User, password: str) -> None:
    """Take the password of a person who is signed in, and make the session fresh. Raises ValidationError."""
    refuse_guessing(request, name=user.get_username())
    if authenticate(request, username=user.get_username(), password=password) != user:
        raise ValidationError(_("This is not your password."), code="wrong")
    confirm(request)


@receiver(user_logged_in)
def _came_in(sender: Any, request: HttpRequest, user: User, **_kwargs: Any) -> None:
    confirm(request)
    how = "oidc" if "oidc" in str(request.session.get(BACKEND_SESSION_KEY, "")).lower() else "password"
    flow.record_log_in(user, by=actor_in(request, user), how=how)


@receiver(user_logged_out)
def _left(sender: Any, request: HttpRequest, user: User | None, **_kwargs: Any) -> None:
    if user is not None:
        flow.record_log_out(user, by=actor_in(request, user))


@receiver(user_login_failed)
def _failed(
    sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **_kwargs: Any
) -> None:
    name = str(credentials.get("username") or "")
    flow.note_failed_log_in(address=address_of(request), name=name, now=timezone.now())
