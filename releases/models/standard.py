"""Releases that need no vote: plans approved in advance, and emergencies that are reviewed afterwards."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from releases.models.plan import RolloutPlan
from releases.models.proposal import Proposal
from services.models import Service


class StandardChange(models.Model):
    """A plan approved in advance for one service, within bounds. ``plan_digest`` binds it to the plan as it was then.

    The proposal it came from names the two people. Taken back, or changed in any step, it approves nothing more.
    """

    proposal = models.OneToOneField(
        Proposal, models.PROTECT, related_name="standard_change", verbose_name=_("proposal")
    )
    plan = models.ForeignKey(
        RolloutPlan, models.SET_NULL, related_name="standard_changes", verbose_name=_("plan"), null=True
    )
    plan_digest = models.CharField(max_length=64)
    service = models.ForeignKey(
        Service, models.PROTECT, related_name="standard_changes", verbose_name=_("service")
    )
    max_weight = models.PositiveSmallIntegerField(_("highest weight, %"), default=100)
    valid_until = models.DateTimeField(_("valid until"))
    revoked_at = models.DateTimeField(_("taken back"), null=True, blank=True)
    revoked_by = models.CharField(_("taken back by"), max_length=150, blank=True)

    class Meta:
        verbose_name = _("standard change")
        verbose_name_plural = _("standard changes")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(max_weight__range=(1, 100)), name="standard_weight_is_percent"
            ),
        ]

    def __str__(self) -> str:
        return f"S-{self.pk}"

    def holds(self, now: datetime) -> bool:
        """Say whether it still approves anything."""
        return self.revoked_at is None and now < self.valid_until


class EmergencyRelease(models.Model):
    """A release that did not wait for votes. Somebody else reviews it within a day; until then, no other."""

    class Outcome(models.TextChoices):
        JUSTIFIED = "justified", _("justified")
        NOT_JUSTIFIED = "not_justified", _("not justified")

    rollout = models.OneToOneField(
        "releases.Rollout", models.PROTECT, related_name="emergency_release", verbose_name=_("rollout")
    )
    declared_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("declared by")
    )
    incident = models.CharField(_("incident"), max_length=100)
    reason = models.TextField(_("reason"))
    declared_at = models.DateTimeField(_("declared"))
    due_at = models.DateTimeField(_("review due"))
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("reviewed by"), null=True
    )
    reviewed_at = models.DateTimeField(_("reviewed"), null=True)
    outcome = models.CharField(_("outcome"), max_length=15, choices=Outcome.choices, blank=True)
    findings = models.TextField(_("findings"), blank=True)

    class Meta:
        verbose_name = _("emergency release")
        verbose_name_plural = _("emergency releases")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(reviewed_by__isnull=True) | ~Q(reviewed_by=F("declared_by")),
                name="emergency_reviewed_by_somebody_else",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(reviewed_at__isnull=True), name="emergency_review_open"
            ),  # the inbox, and what blocks the next one
        ]

    def __str__(self) -> str:
        return f"E-{self.pk}"

    def is_overdue(self, now: datetime) -> bool:
        return self.reviewed_at is None and self.due_at < now
