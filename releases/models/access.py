"""People, their roles on services, and the tokens by which their machines act for them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from django.contrib.auth.models import AbstractUser, Group
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from releases.domain.roles import RoleName

if TYPE_CHECKING:
    from datetime import datetime


ROLE_LABELS = {
    RoleName.VIEWER: _("viewer"),
    RoleName.REQUESTER: _("requester"),
    RoleName.APPROVER: _("approver"),
    RoleName.OPERATOR: _("operator"),
    RoleName.CALENDAR_MANAGER: _("calendar manager"),
    RoleName.POLICY_ADMINISTRATOR: _("policy administrator"),
    RoleName.AUDITOR: _("auditor"),
    RoleName.USER_ADMINISTRATOR: _("user administrator"),
}
"""What the roles are called, in the reader's language."""


class User(AbstractUser):
    """A person. Approvals compare persons, never log-ins or tokens."""

    title = models.CharField(
        _("title"), max_length=100, blank=True, help_text=_("Shown instead of the user name.")
    )

    belongs_to = models.ForeignKey(
        "self",
        models.PROTECT,
        related_name="service_accounts",
        verbose_name=_("belongs to"),
        null=True,
        blank=True,
        help_text=_("The person a service account acts for: the two are one person when votes are counted."),
    )

    class Meta(AbstractUser.Meta):
        verbose_name = _("user")  # type: ignore[assignment]  # the stubs want str, Django takes lazy text
        verbose_name_plural = _("users")  # type: ignore[assignment]  # as above

    def __str__(self) -> str:
        return self.title or self.username

    @property
    def person_id(self) -> int:
        """Whose decisions these are: the person a service account belongs to, or the user."""
        return self.belongs_to_id or self.pk

    def logins(self) -> models.QuerySet[User]:
        """Every account of the same person."""
        return User.objects.filter(Q(pk=self.person_id) | Q(belongs_to=self.person_id))


class Role(models.Model):
    """What a person may do on the services of one owning group; without a group: on every service."""

    user = models.ForeignKey(User, models.CASCADE, related_name="roles", verbose_name=_("user"))
    name = models.CharField(
        _("role"), max_length=30, choices=[(role.value, said) for role, said in ROLE_LABELS.items()]
    )
    group = models.ForeignKey(
        Group, models.CASCADE, related_name="+", verbose_name=_("owning group"), null=True, blank=True
    )

    class Meta:
        verbose_name = _("role")
        verbose_name_plural = _("roles")
        constraints = [
            models.UniqueConstraint(fields=["user", "name", "group"], name="one_role_per_group"),
            models.UniqueConstraint(
                fields=["user", "name"], condition=Q(group__isnull=True), name="one_role_everywhere"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {ROLE_LABELS[RoleName(self.name)]}" + (f" ({self.group})" if self.group else "")


class ApiToken(models.Model):
    """A bearer token of a person: shown once, stored as a digest, with scopes and an end."""

    user = models.ForeignKey(User, models.PROTECT, related_name="api_tokens", verbose_name=_("user"))
    name = models.CharField(_("name"), max_length=100)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(_("scopes"), default=list, help_text=_("read, write, approve"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"))
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.user}: {self.name}"

    @staticmethod
    def digest_of(secret: str) -> str:
        """The form in which a token is stored. Tokens are long and random, so a plain hash is enough."""
        return hashlib.sha256(secret.encode()).hexdigest()

    def is_valid(self, now: datetime) -> bool:
        return self.revoked_at is None and now < self.expires_at and self.user.is_active
