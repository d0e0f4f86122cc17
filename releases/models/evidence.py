"""What was measured and what was concluded from it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from releases.models.rollout import Rollout
from services.models import Service


class AskedQueries(models.Model):
    """What Prometheus was asked for a window, word for word, stored once per wording."""

    digest = models.CharField(max_length=64, primary_key=True)
    queries = models.JSONField(_("queries"))

    class Meta:
        verbose_name = _("asked queries")
        verbose_name_plural = _("asked queries")

    def __str__(self) -> str:
        return self.digest[:12]


class MetricSnapshot(models.Model):
    """Both versions' counts over one window. ``stable`` and ``candidate`` are ``istio.telemetry.Counts`` or null: no data.

    ``problem`` says why there are none: ``istio.telemetry.Missing``. ``asked`` holds the queries; their time is ``at``.
    ``resolution_seconds`` is 0 as measured; after thinning (``flow.thin``) the row is the sum of the ``windows`` that ended in
    one minute or hour, ``window_seconds`` what they took together, ``at`` the end of the last.
    """

    rollout = models.ForeignKey(Rollout, models.PROTECT, related_name="snapshots", verbose_name=_("rollout"))
    step = models.PositiveSmallIntegerField(_("step"), null=True)
    at = models.DateTimeField(_("end of the window"))
    window_seconds = models.FloatField(_("window, seconds"))
    weight = models.PositiveSmallIntegerField(_("weight, %"))
    stable = models.JSONField(_("stable"), null=True)
    candidate = models.JSONField(_("candidate"), null=True)
    problem = models.CharField(_("why there are no counts"), max_length=20, blank=True)
    asked = models.ForeignKey(
        AskedQueries, models.PROTECT, related_name="+", verbose_name=_("queries"), null=True
    )
    resolution_seconds = models.PositiveIntegerField(_("resolution, seconds"), default=0)
    windows = models.PositiveIntegerField(_("windows added up"), default=1)

    class Meta:
        verbose_name = _("snapshot")
        verbose_name_plural = _("snapshots")
        ordering = ["rollout", "at"]
        constraints = [models.UniqueConstraint(fields=["rollout", "at"], name="one_snapshot_per_instant")]

    def __str__(self) -> str:
        return f"{self.rollout} {self.at:%F %T}"


class SnapshotPack(models.Model):
    """The snapshots of an hour of one rollout exactly as they were measured, compressed; the rows are sums since then.

    ``until`` is the end of the hour, ``packed`` what ``flow.as_measured`` reads. What the verdicts used is never lost.
    """

    rollout = models.ForeignKey(
        Rollout, models.PROTECT, related_name="snapshot_packs", verbose_name=_("rollout")
    )
    until = models.DateTimeField(_("end of the hour"))
    snapshots = models.PositiveIntegerField(_("snapshots"))
    packed = models.BinaryField()

    class Meta:
        verbose_name = _("packed snapshots")
        verbose_name_plural = _("packed snapshots")
        ordering = ["rollout", "until"]
        constraints = [models.UniqueConstraint(fields=["rollout", "until"], name="one_pack_per_hour")]

    def __str__(self) -> str:
        return f"{self.rollout} {self.until:%F %T}"


class Verdict(models.Model):
    """What the judge said, with everything needed to say it again: rule, settings, range, numbers.

    ``state_before`` is the judge's memory before this look. It is kept at every change and every few looks in between:
    ``flow.recompute`` goes back to the nearest one and shows the judge the stored snapshots from there on. ``judge_version`` is
    0 where it was not noted yet. ``shadow``: nothing was done by it.
    """

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
    judge_version = models.PositiveSmallIntegerField(_("version of the judge"), default=0)
    reason_code = models.CharField(_("reason code"), max_length=40)
    numbers = models.JSONField(_("numbers"), default=dict)
    settings = models.JSONField(_("settings"), default=dict)
    state_before = models.JSONField(null=True)
    shadow = models.BooleanField(_("shadow mode"), default=False)
    snapshots_from = models.DateTimeField(null=True)
    snapshots_hash = models.CharField(max_length=64, blank=True)

    class Meta:
        verbose_name = _("verdict")
        verbose_name_plural = _("verdicts")
        ordering = ["rollout", "-at"]
        indexes = [models.Index(fields=["rollout", "-at"], name="verdict_latest")]  # selectors.latest_verdict

    def __str__(self) -> str:
        return f"{self.rollout} {self.outcome}"


class JudgeMemory(models.Model):
    """What the judge knows of a rollout after its last look, and the settings that were fixed before the first."""

    rollout = models.OneToOneField(Rollout, models.PROTECT, related_name="memory", primary_key=True)
    settings = models.JSONField()
    state = models.JSONField()
    looks = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("judge's memory")
        verbose_name_plural = _("judge's memories")

    def __str__(self) -> str:
        return f"{self.rollout} after {self.looks} looks"


class Calibration(models.Model):
    """A service's own noise between versions that are equally good, learnt from releases that ended well.

    ``psi`` is for scrapes of 15 s and never below the default of the metric's rule. ``sums`` are what it is computed from.
    """

    service = models.ForeignKey(
        Service, models.PROTECT, related_name="calibrations", verbose_name=_("service")
    )
    metric = models.CharField(_("metric"), max_length=63)
    psi = models.FloatField(_("variance between versions per scrape"))
    releases = models.PositiveIntegerField(_("releases learnt from"), default=0)
    sums = models.JSONField(default=dict)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("calibration")
        verbose_name_plural = _("calibrations")
        ordering = ["service", "metric"]
        constraints = [
            models.UniqueConstraint(fields=["service", "metric"], name="one_calibration_per_metric")
        ]

    def __str__(self) -> str:
        return f"{self.service} {self.metric}"
