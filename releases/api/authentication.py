"""Who asks: a bearer token of a person, or the browser's session with its CSRF token."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from releases import flow
from releases.api.actors import actor
from releases.models import ApiToken, User

USE_NOTED_EVERY = timedelta(minutes=1)


class BearerAuthentication(BaseAuthentication):
    """Read ``Authorization: Bearer <token>``; ``request.auth`` is then the ``ApiToken``.

    Another scheme, or none, leaves the request to the session. The same sentence answers an unknown, an
    expired and a revoked token, so that nobody learns which tokens exist.
    """

    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """Return the person and the token. Raises AuthenticationFailed (401)."""
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != self.keyword.lower().encode():
            return None
        if len(words) != 2:
            raise AuthenticationFailed(_("The Authorization header must read: Bearer <token>."))
        token = self._token(words[1].decode("latin-1"))
        now = timezone.now()
        if token is None or not token.is_valid(now):
            raise AuthenticationFailed(_("This token is not valid: it is unknown, expired or revoked."))
        # Nobody needs the exact second, and a write per read would make SQLite's one writer the limit.
        unnoted = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - USE_NOTED_EVERY)
        if token.last_used_at is None or token.last_used_at < now - USE_NOTED_EVERY:
            ApiToken.objects.filter(unnoted, pk=token.pk).update(last_used_at=now)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return self.keyword

    def _token(self, secret: str) -> ApiToken | None:
        return ApiToken.objects.select_related("user").filter(digest=ApiToken.digest_of(secret)).first()


class PortalSession(SessionAuthentication):
    """The browser's session. A write without the CSRF token is refused, and the refusal is audited."""

    def enforce_csrf(self, request: Request) -> None:
        """Raise PermissionDenied (403)."""
        try:
            super().enforce_csrf(request)
        except PermissionDenied as error:
            person = request._request.user
            assert isinstance(person, User)  # noqa: S101 - narrows the type; the session has a person
            flow.record_refusal(
                by=actor(person, request=request),
                action="csrf",
                obj=person,
                why=f"{request.method} {request.path}: {error.detail}",
            )
            raise
