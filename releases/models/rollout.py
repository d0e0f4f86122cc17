"""A rollout and its steps. A state changes in ``flow.move`` and nowhere else."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from releases.domain.plan import Plan
from releases.domain.states import LIVE, State
from releases.models.plan import RolloutPlan
from services.models import Service, Version

HOUR_SECONDS = 3600
"""The coarsest resolution in which figures are kept."""
STATE_LABELS = [
    (State.DRAFT.value, _("draft")),
    (State.PENDING.value, _("waiting for approval")),
    (State.APPROVED.value, _("approved")),
    (State.RUNNING.value, _("running")),
    (State.PAUSED.value, _("paused")),
    (State.ROLLING_BACK.value, _("rolling back")),
    (State.COMPLETED.value, _("completed")),
    (State.ROLLED_BACK.value, _("rolled back")),
    (State.REJECTED.value, _("rejected")),
    (State.CANCELLED.value, _("cancelled")),
    (State.EXPIRED.value, _("expired")),
    (State.REVERTED.value, _("reverted")),
]


class Rollout(models.Model):
    """One release of one candidate by one frozen plan.

    ``revision`` counts every change; a change that finds another revision lost the race. ``baseline`` holds the objects
    as they were when it was submitted, ``last_written`` the VirtualService as Weir last wrote it, ``writing`` a write that
    was begun and not yet acknowledged (``flow.mesh_write``). ``next_wake_up`` is null while the worker has nothing to do
    with the row. ``reason_code`` and ``reason_params`` explain to people where it is; the engine reads neither.
    ``version_problem`` says in English what is wrong with the image, its parts what a page says it from.
    ``gates_passed`` counts the steps whose manual gate a person has opened. ``figures_resolution_seconds`` says how coarse its
    snapshots are by now: 0 as measured, then minutes, then hours (``flow.thin``).
    """

    service = models.ForeignKey(Service, models.PROTECT, related_name="rollouts", verbose_name=_("service"))
    stable = models.ForeignKey(Version, models.PROTECT, related_name="+", verbose_name=_("stable version"))
    candidate = models.ForeignKey(
        Version, models.PROTECT, related_name="rollouts", verbose_name=_("candidate version")
    )
    plan = models.ForeignKey(
        RolloutPlan, models.SET_NULL, related_name="rollouts", verbose_name=_("plan"), null=True
    )
    plan_name = models.CharField(_("plan"), max_length=100)
    frozen_plan = models.JSONField(_("frozen plan"))
    state = models.CharField(_("state"), max_length=20, choices=STATE_LABELS, default=State.DRAFT.value)
    reason_code = models.CharField(_("reason code"), max_length=40, blank=True)
    reason_params = models.JSONField(default=dict, blank=True)
    current_step = models.PositiveSmallIntegerField(_("current step"), null=True, blank=True)
    fingerprint = models.CharField(_("fingerprint"), max_length=64, blank=True)
    policy_number = models.PositiveIntegerField(default=0)
    baseline = models.JSONField(null=True, blank=True)
    last_written = models.JSONField(null=True, blank=True)
    writing = models.JSONField(null=True, blank=True)
    drift = models.JSONField(null=True, blank=True)
    promote_requested = models.BooleanField(default=False)
    gates_passed = models.PositiveSmallIntegerField(default=0)
    version_problem = models.TextField(blank=True)
    version_problem_parts = models.JSONField(default=dict, blank=True)

    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="rollouts", verbose_name=_("requested by")
    )
    reason = models.TextField(_("reason"))
    impact = models.TextField(_("impact"))
    test_evidence = models.TextField(_("test evidence"))
    rollback_note = models.TextField(_("rollback note"))
    changes_data = models.BooleanField(
        _("changes a schema or data"),
        default=False,
        help_text=_(
            "Both versions run side by side: not every such change is fit for a progressive release."
        ),
    )
    compatibility_note = models.TextField(_("compatibility note"), blank=True)
    policy_terms = models.JSONField(null=True, blank=True, editable=False)
    standard_change = models.ForeignKey(
        "releases.StandardChange",
        models.PROTECT,
        related_name="rollouts",
        verbose_name=_("standard change"),
        null=True,
        blank=True,
        editable=False,
    )
    ticket = models.CharField(_("ticket"), max_length=200, blank=True)
    retry_of = models.ForeignKey(
        "self", models.PROTECT, related_name="retries", verbose_name=_("retry of"), null=True, blank=True
    )

    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    submitted_at = models.DateTimeField(_("submitted"), null=True, blank=True)
    start_at = models.DateTimeField(_("start at"), null=True, blank=True)
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    next_wake_up = models.DateTimeField(_("looked at again"), null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    revision = models.PositiveBigIntegerField(default=1)
    figures_resolution_seconds = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("rollout")
        verbose_name_plural = _("rollouts")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["service"], condition=Q(state__in=sorted(LIVE)), name="one_live_rollout_per_service"
            ),
            models.CheckConstraint(
                condition=~Q(stable=models.F("candidate")), name="rollout_changes_the_version"
            ),
        ]
        indexes = [
            # selectors.due_rollouts: the pulse looks here every second.
            models.Index(
                fields=["next_wake_up"], condition=Q(next_wake_up__isnull=False), name="rollout_due"
            ),
            # selectors.history_of: the rollouts of one service, newest first.
            models.Index(fields=["service", "-id"], name="rollout_history"),
            # The list of rollouts: in one state, in the order of states, in the order of their making.
            models.Index(fields=["state", "id"], name="rollout_of_state"),
            models.Index(fields=["created_at", "id"], name="rollout_by_age"),
            # The board's last ended ones, the calendar's of a month, the traffic moved a moment ago.
            models.Index(fields=["ended_at"], name="rollout_by_end"),
            # The list of experiments.
            models.Index(
                fields=["-id"], condition=Q(frozen_plan__strategy="ab_test"), name="rollout_experiment"
            ),
            # flow.thin: what ended long ago and has not been thinned to the coarsest yet.
            models.Index(
                fields=["ended_at"],
                condition=Q(ended_at__isnull=False, figures_resolution_seconds__lt=HOUR_SECONDS),
                name="rollout_to_thin",
            ),
        ]

    def __str__(self) -> str:
        return f"R-{self.pk}" if self.pk else "R-"

    @property
    def plan_value(self) -> Plan:
        """The frozen plan as a value."""
        return Plan.from_json(self.frozen_plan)


class RolloutEdit(models.Model):
    """Who changed what of a rollout before it was approved: an editor cannot approve it."""

    rollout = models.ForeignKey(Rollout, models.PROTECT, related_name="edits")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    changes = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("edit")
        verbose_name_plural = _("edits")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.rollout} edited by {self.by}"


class StepRun(models.Model):
    """One step as it was carried out: ``desired`` is committed before the mesh is written, ``written`` read back after.

    Weights are percent for the candidate. ``started_at`` is the moment of the acknowledged write, from which the bake
    counts to ``bake_until``; while the rollout is paused ``bake_left_seconds`` keeps what was left of it. ``mismatch_accepted``
    says that a person resumed it although the observed split contradicts the written one, ``evidence_accepted`` although its
    evidence stayed unclear for as long as the plan allows. The row after the last planned step is the promotion.
    """

    class Outcome(models.TextChoices):
        WRITING = "writing", _("being written")
        BAKING = "baking", _("in its bake")
        PASSED = "passed", _("passed")
        ROLLED_BACK = "rolled_back", _("rolled back")
        SKIPPED = "skipped", _("skipped")

    rollout = models.ForeignKey(Rollout, models.PROTECT, related_name="step_runs")
    position = models.PositiveSmallIntegerField()
    planned = models.JSONField()
    desired = models.PositiveSmallIntegerField(null=True, blank=True)
    written = models.PositiveSmallIntegerField(null=True, blank=True)
    observed = models.FloatField(null=True, blank=True)
    mismatch_accepted = models.BooleanField(default=False)
    evidence_accepted = models.BooleanField(default=False)
    desired_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    bake_until = models.DateTimeField(null=True, blank=True)
    bake_left_seconds = models.FloatField(null=True, blank=True)
    outcome = models.CharField(max_length=20, choices=Outcome.choices, blank=True)

    class Meta:
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        ordering = ["rollout", "position"]
        constraints = [
            models.UniqueConstraint(fields=["rollout", "position"], name="one_run_per_step"),
            models.CheckConstraint(
                condition=Q(desired__isnull=True) | Q(desired__range=(0, 100)), name="desired_is_percent"
            ),
            models.CheckConstraint(
                condition=Q(written__isnull=True) | Q(written__range=(0, 100)), name="written_is_percent"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rollout} step {self.position + 1}"
