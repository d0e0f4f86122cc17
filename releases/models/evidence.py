"""What was measured and what was concluded from it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from releases.models.rollout import Rollout


class MetricSnapshot(models.Model):
    """Both versions' counts over one window. ``stable`` and ``candidate`` are ``istio.telemetry.Counts`` or null: no data."""

    rollout = models.ForeignKey(Rollout, models.PROTECT, related_name="snapshots", verbose_name=_("rollout"))
    step = models.PositiveSmallIntegerField(_("step"), null=True)
    at = models.DateTimeField(_("end of the window"))
    window_seconds = models.FloatField(_("window, seconds"))
    weight = models.PositiveSmallIntegerField(_("weight, %"))
    stable = models.JSONField(_("stable"), null=True)
    candidate = models.JSONField(_("candidate"), null=True)

    class Meta:
        verbose_name = _("snapshot")
        verbose_name_plural = _("snapshots")
        ordering = ["rollout", "at"]
        constraints = [models.UniqueConstraint(fields=["rollout", "at"], name="one_snapshot_per_instant")]

    def __str__(self) -> str:
        return f"{self.rollout} {self.at:%F %T}"


class Verdict(models.Model):
    """What the judge said, with everything needed to say it again: rule, settings, range, numbers."""

    class Outcome(models.TextChoices):
        PASS = "pass", _("pass")
        FAIL = "fail", _("fail")
        INCONCLUSIVE = "inconclusive", _("inconclusive")
        NO_DATA = "no_data", _("no data")

    rollout = models.ForeignKey(Rollout, models.PROTECT, related_name="verdicts", verbose_name=_("rollout"))
    step = models.PositiveSmallIntegerField(_("step"), null=True)
    at = models.DateTimeField(_("at"))
    outcome = models.CharField(_("outcome"), max_length=15, choices=Outcome.choices)
    metric = models.CharField(_("metric"), max_length=63, blank=True)
    rule = models.CharField(_("rule"), max_length=63)
    reason_code = models.CharField(_("reason code"), max_length=40)
    numbers = models.JSONField(_("numbers"), default=dict)
    settings = models.JSONField(_("settings"), default=dict)
    snapshots_from = models.DateTimeField(null=True)
    snapshots_hash = models.CharField(max_length=64, blank=True)

    class Meta:
        verbose_name = _("verdict")
        verbose_name_plural = _("verdicts")
        ordering = ["rollout", "-at"]
        indexes = [models.Index(fields=["rollout", "-at"], name="verdict_latest")]  # selectors.latest_verdict

    def __str__(self) -> str:
        return f"{self.rollout} {self.outcome}"
