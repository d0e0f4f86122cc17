"""A figure by which versions are compared."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from istio.telemetry import Question


class Metric(models.Model):
    """What is measured, in which unit, and in which direction it is worse.

    The query templates are those of istio/templates.py; a metric without them is one of the standard figures.
    """

    class Kind(models.TextChoices):
        RATIO = "ratio", _("ratio")
        LATENCY = "latency", _("latency")
        RATE = "rate", _("rate")
        COUNT = "count", _("count")
        MEAN = "mean", _("mean")

    class Part(models.TextChoices):
        GUARD = "guard", _("guard")
        KPI = "kpi", _("KPI")

    class Direction(models.TextChoices):
        LOWER = "lower_is_better", _("lower is better")
        HIGHER = "higher_is_better", _("higher is better")

    name = models.SlugField(_("name"), max_length=63, unique=True)
    title = models.CharField(_("title"), max_length=200)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    role = models.CharField(_("role"), max_length=10, choices=Part.choices, default=Part.GUARD)
    direction = models.CharField(
        _("direction"), max_length=20, choices=Direction.choices, default=Direction.LOWER
    )
    unit = models.CharField(_("unit"), max_length=20, blank=True)
    margin = models.FloatField(_("tolerated margin"), default=0.0)
    numerator = models.TextField(_("query template"), blank=True)
    denominator = models.TextField(_("query template of the denominator"), blank=True)

    class Meta:
        verbose_name = _("metric")
        verbose_name_plural = _("metrics")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.title or self.name

    @property
    def question(self) -> Question | None:
        """What has to be asked for this metric, or None for a standard figure."""
        return Question(self.name, self.numerator, self.denominator) if self.numerator else None
