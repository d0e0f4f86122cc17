"""Votes. A vote approves one fingerprint and nothing else."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from releases.models.rollout import Rollout


class Approval(models.Model):
    """One decision of one person. A trigger refuses the requester and every editor, whoever writes the row.

    A voided vote stays visible with the reason; ``evidence`` is what the voter saw, ``evidence_hash`` its digest.
    """

    class Decision(models.TextChoices):
        APPROVE = "approve", _("approved")
        REJECT = "reject", _("rejected")

    rollout = models.ForeignKey(Rollout, models.PROTECT, related_name="approvals", verbose_name=_("rollout"))
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="approvals", verbose_name=_("by")
    )
    decision = models.CharField(_("decision"), max_length=10, choices=Decision.choices)
    reason = models.TextField(_("reason"), blank=True)
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    evidence = models.JSONField(default=dict)
    evidence_hash = models.CharField(max_length=64)
    channel = models.CharField(_("channel"), max_length=10)
    created_at = models.DateTimeField(_("at"), auto_now_add=True)
    voided_at = models.DateTimeField(_("voided"), null=True, blank=True)
    voided_by = models.CharField(_("voided by"), max_length=150, blank=True)
    voided_why = models.TextField(_("why voided"), blank=True)

    class Meta:
        verbose_name = _("approval")
        verbose_name_plural = _("approvals")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["rollout", "by"],
                condition=Q(voided_at__isnull=True),
                name="one_valid_vote_per_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rollout}: {self.decision} by {self.by}"
