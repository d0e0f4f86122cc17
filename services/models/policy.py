"""Who must agree before a rollout of a service may start."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Policy(models.Model):
    """Approval rules of services. ``number`` counts changes and is part of every fingerprint.

    ``signing`` says how many of the signers: ``approvals_needed`` of them, every one (会签), or any one (或签). The signers
    are the approvers in these groups; without groups, every approver of the service.
    """

    GROUPS = ("required_groups", "signers")

    class Signing(models.TextChoices):
        QUORUM = "quorum", _("as many as needed")
        ALL = "all", _("all must sign")
        ANY = "any", _("any one signs")

    name = models.CharField(_("name"), max_length=100, unique=True)
    approvals_needed = models.PositiveSmallIntegerField(_("approvals needed"), default=1)
    required_groups = models.ManyToManyField(
        Group,
        verbose_name=_("required groups"),
        blank=True,
        help_text=_("At least one approval from each of these groups."),
    )
    signing = models.CharField(_("signing"), max_length=10, choices=Signing.choices, default=Signing.QUORUM)
    signers = models.ManyToManyField(
        Group,
        verbose_name=_("signers"),
        related_name="+",
        blank=True,
        help_text=_("Whose votes count. Empty: those of every approver of the service."),
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
