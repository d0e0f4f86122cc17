"""Single sign-on: who the provider says somebody is becomes an account here. What that account may do, Weir says."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction
from mozilla_django_oidc.auth import OIDCAuthenticationBackend

from releases.domain.actor import Actor, Channel
from releases.flow.record import record
from releases.models import User


class PersonBackend(OIDCAuthenticationBackend):  # type: ignore[misc]  # the package has no types
    """Finds a person by the configured claim, never by an address that the provider lets people change."""

    def filter_users_by_claims(self, claims: dict[str, Any]) -> Any:
        return User.objects.filter(username=self._name(claims)) if self._name(claims) else User.objects.none()

    def verify_claims(self, claims: dict[str, Any]) -> bool:
        return bool(self._name(claims))

    @transaction.atomic
    def create_user(self, claims: dict[str, Any]) -> User:
        """Make an account without password, staff rights or roles; a user administrator gives those."""
        user = User(
            username=self._name(claims),
            title=str(claims.get("name", ""))[:100],
            email=claims.get("email", ""),
        )
        user.set_unusable_password()
        user.save()
        by = Actor(name="oidc", channel=Channel.ADMIN)
        record("create_user", by=by, obj=user, after={"username": user.username, "title": user.title})
        return user

    def update_user(self, user: User, claims: dict[str, Any]) -> User:
        """Leave the account as it is: a name that changes elsewhere must not change who approved what here."""
        return user

    def _name(self, claims: dict[str, Any]) -> str:
        return str(claims.get(settings.OIDC_USERNAME_CLAIM, ""))[:150]
