"""Who must agree before a rollout of a service may start."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Policy(models.Model):
    """Approval rules of services. ``number`` counts changes and is part of every fingerprint."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    approvals_needed = models.PositiveSmallIntegerField(_("approvals needed"), default=1)
    required_groups = models.ManyToManyField(
        Group,
        verbose_name=_("required groups"),
        blank=True,
        help_text=_("At least one approval from each of these groups."),
    )
    guard_allowed = models.BooleanField(
        _("evidence policy 'guard' allowed"),
        default=False,
        help_text=_(
            "Plans may leave a step when its time is over and no guard fired, without the full evidence of a gate."
        ),
    )
    token_approval_allowed = models.BooleanField(_("approval by API token allowed"), default=False)
    number = models.PositiveIntegerField(_("number"), default=1, editable=False)

    class Meta:
        verbose_name = _("policy")
        verbose_name_plural = _("policies")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=Q(approvals_needed__gte=1), name="policy_needs_an_approval")
        ]

    def __str__(self) -> str:
        return self.name
