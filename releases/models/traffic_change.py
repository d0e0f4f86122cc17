"""Changes of a service's traffic by hand, and the votes on them. ``flow.traffic_change`` moves them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from istio.traffic import TrafficSpec
from releases.domain.traffic_change import ChangeState
from releases.models.approval import Approval
from releases.models.rollout import Rollout
from services.models import Service, Version

CHANGE_STATE_LABELS = [
    (ChangeState.PENDING.value, _("waiting for approval")),
    (ChangeState.APPROVED.value, _("may be applied")),
    (ChangeState.WRITING.value, _("being written")),
    (ChangeState.APPLIED.value, _("applied")),
    (ChangeState.REJECTED.value, _("rejected")),
    (ChangeState.WITHDRAWN.value, _("withdrawn")),
    (ChangeState.EXPIRED.value, _("expired")),
]


class TrafficChange(models.Model):
    """One change of weights and rules, from the request to the write.

    ``baseline`` holds the objects as they were when it was asked for, ``before`` and ``desired`` the VirtualService
    as it was read for the write and as it shall be, committed before the mesh is touched; ``written`` is what came
    back. ``rollout`` is the live one within whose approved bound it is; that rollout's steps do the writing then.
    ``in_force_until`` is empty while the mesh does what this change said.
    """

    service = models.ForeignKey(
        Service, models.PROTECT, related_name="traffic_changes", verbose_name=_("service")
    )
    stable = models.ForeignKey(Version, models.PROTECT, related_name="+", verbose_name=_("stable version"))
    candidate = models.ForeignKey(
        Version, models.PROTECT, related_name="+", verbose_name=_("candidate version")
    )
    rollout = models.ForeignKey(
        Rollout,
        models.PROTECT,
        related_name="traffic_changes",
        verbose_name=_("rollout"),
        null=True,
        blank=True,
    )
    spec = models.JSONField(_("traffic"))
    weight = models.PositiveSmallIntegerField(_("weight"))
    state = models.CharField(
        _("state"), max_length=20, choices=CHANGE_STATE_LABELS, default=ChangeState.PENDING
    )
    needs_vote = models.BooleanField(_("needs a vote"), default=True)
    reason = models.TextField(_("reason"))
    problem = models.TextField(_("problem"), blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="traffic_changes",
        verbose_name=_("requested by"),
    )
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    policy_number = models.PositiveIntegerField(default=0)
    policy_terms = models.JSONField(null=True, editable=False)
    baseline = models.JSONField(null=True, blank=True)
    before = models.JSONField(null=True, blank=True)
    desired = models.JSONField(null=True, blank=True)
    written = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True)
    writing_since = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    in_force_until = models.DateTimeField(null=True, blank=True)
    revision = models.PositiveBigIntegerField(default=1)

    class Meta:
        verbose_name = _("traffic change")
        verbose_name_plural = _("traffic changes")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["service"],
                condition=Q(state=ChangeState.WRITING),
                name="one_change_is_written_per_service",
            ),
            models.CheckConstraint(condition=Q(weight__range=(0, 100)), name="change_weight_is_percent"),
            models.CheckConstraint(
                condition=~Q(stable=models.F("candidate")), name="change_is_between_two_versions"
            ),
        ]
        indexes = [
            # selectors.changes: those of one service, newest first.
            models.Index(fields=["service", "-id"], name="change_history"),
            # selectors.changes_in_force: what the mesh does now, for every page with a split.
            models.Index(
                fields=["service"],
                condition=Q(state=ChangeState.APPLIED, in_force_until=None),
                name="change_in_force",
            ),
            # selectors.unfinished_changes: the worker looks here for writes that a crash interrupted.
            models.Index(
                fields=["writing_since"],
                condition=Q(ended_at=None, writing_since__isnull=False),
                name="change_unfinished",
            ),
        ]

    def __str__(self) -> str:
        return f"T-{self.pk}" if self.pk else "T-"

    @property
    def spec_value(self) -> TrafficSpec:
        """The traffic as a value."""
        return TrafficSpec.from_json(self.spec)


class TrafficVote(models.Model):
    """One decision of one person on one change. A trigger refuses the requester, whoever writes the row."""

    change = models.ForeignKey(TrafficChange, models.PROTECT, related_name="approvals")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("by"))
    decision = models.CharField(_("decision"), max_length=10, choices=Approval.Decision.choices)
    reason = models.TextField(_("reason"), blank=True)
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    evidence = models.JSONField(default=dict)
    evidence_hash = models.CharField(max_length=64)
    channel = models.CharField(_("channel"), max_length=10)
    created_at = models.DateTimeField(_("at"), auto_now_add=True)
    voided_at = models.DateTimeField(_("voided"), null=True, blank=True)
    voided_why = models.TextField(_("why voided"), blank=True)

    class Meta:
        verbose_name = _("vote on a traffic change")
        verbose_name_plural = _("votes on traffic changes")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["change", "by"],
                condition=Q(voided_at__isnull=True),
                name="one_valid_vote_on_a_change_per_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.change}: {self.decision} by {self.by}"
