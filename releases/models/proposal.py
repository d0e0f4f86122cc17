"""Changes that take two people: one proposes, another agrees, and only then is anything changed."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from releases.models.calendar import Freeze
from releases.models.plan import RolloutPlan
from releases.models.rollout import Rollout
from services.models import Policy, Service


class Proposal(models.Model):
    """One change that waits for, or got, its second person. Exactly one of the targets is set, by ``kind``.

    ``before`` and ``after`` hold the changed fields as JSON; the change is made from ``after`` when somebody agrees.
    """

    class Kind(models.TextChoices):
        CHANGE_POLICY = "change_policy", _("change a policy")
        CHANGE_SERVICE = "change_service", _("change who decides on a service")
        CHANGE_FREEZE = "change_freeze", _("change an active freeze")
        LIFT_FREEZE = "lift_freeze", _("lift an active freeze")
        OVERRIDE_FREEZE = "override_freeze", _("override a freeze for one rollout")
        STANDARD_CHANGE = "standard_change", _("approve a plan in advance")
        GIVE_ROLE = "give_role", _("give a role")
        CHANGE_ACCOUNT = "change_account", _("change what an account stands for")

    class State(models.TextChoices):
        OPEN = "open", _("waits for a second person")
        AGREED = "agreed", _("agreed")
        REFUSED = "refused", _("refused")
        WITHDRAWN = "withdrawn", _("withdrawn")

    kind = models.CharField(_("what"), max_length=20, choices=Kind.choices)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.OPEN)
    policy = models.ForeignKey(
        Policy, models.PROTECT, related_name="proposals", verbose_name=_("policy"), null=True
    )
    service = models.ForeignKey(
        Service, models.PROTECT, related_name="proposals", verbose_name=_("service"), null=True
    )
    freeze = models.ForeignKey(
        Freeze, models.PROTECT, related_name="proposals", verbose_name=_("freeze"), null=True
    )
    rollout = models.ForeignKey(
        Rollout, models.PROTECT, related_name="proposals", verbose_name=_("rollout"), null=True
    )
    plan = models.ForeignKey(
        RolloutPlan, models.SET_NULL, related_name="proposals", verbose_name=_("plan"), null=True
    )
    account = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="proposals_about",
        verbose_name=_("account"),
        null=True,
    )
    before = models.JSONField(_("before"), default=dict)
    after = models.JSONField(_("after"), default=dict)
    reason = models.TextField(_("reason"))
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="proposals", verbose_name=_("asked by")
    )
    asked_at = models.DateTimeField(_("asked"), auto_now_add=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("decided by"), null=True
    )
    decided_at = models.DateTimeField(_("decided"), null=True)
    answer = models.TextField(_("answer"), blank=True)

    class Meta:
        verbose_name = _("proposal")
        verbose_name_plural = _("proposals")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="withdrawn") | Q(decided_by__isnull=True) | ~Q(decided_by=F("asked_by")),
                name="proposal_takes_two",
            ),
            models.CheckConstraint(
                condition=Q(account__isnull=True)
                | (~Q(account=F("asked_by")) & (Q(decided_by__isnull=True) | ~Q(account=F("decided_by")))),
                name="proposal_is_about_somebody_else",
            ),
        ]
        indexes = [
            models.Index(fields=["asked_at"], condition=Q(state="open"), name="proposal_open"),  # the inbox
        ]

    def __str__(self) -> str:
        return f"P-{self.pk}"

    @property
    def target(self) -> models.Model | None:
        """The row that the change is about."""
        return self.policy or self.freeze or self.plan or self.rollout or self.service or self.account
