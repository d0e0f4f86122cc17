"""Rollout plans: reusable lists of steps with their gates."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from releases.domain.plan import Plan


class RolloutPlan(models.Model):
    """A plan that rollouts copy when they are made: editing it later changes no rollout.

    It is changed by its owning group; without one it is shared, and changed by its author or who keeps the whole catalogue.
    """

    class Strategy(models.TextChoices):
        CANARY = "canary", _("canary")
        AB_TEST = "ab_test", _("A/B test")
        BLUE_GREEN = "blue_green", _("blue-green")
        MIRROR = "mirror", _("mirror")

    name = models.CharField(_("name"), max_length=100, unique=True)
    title = models.CharField(_("title"), max_length=200, blank=True)
    strategy = models.CharField(
        _("strategy"), max_length=20, choices=Strategy.choices, default=Strategy.CANARY
    )
    evidence = models.JSONField(_("evidence policy"), default=dict, blank=True)
    owners = models.ForeignKey(
        Group,
        models.PROTECT,
        related_name="rollout_plans",
        verbose_name=_("owning group"),
        null=True,
        blank=True,
        help_text=_("Who may change it. Everybody may use it."),
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        verbose_name=_("created by"),
        null=True,
        blank=True,
    )
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("rollout plan")
        verbose_name_plural = _("rollout plans")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def frozen(self) -> Plan:
        """Return the plan as a rollout carries it out, hold-back included. Raises BadPlan when the rows do not make a plan."""
        return self.written().carried_out()

    def written(self) -> Plan:
        """Return the plan as its author wrote it. Raises BadPlan when the rows do not make a plan."""
        steps = [step.as_json() for step in self.steps.all()]
        return Plan.from_json({"strategy": self.strategy, "steps": steps, "evidence": self.evidence})


class PlanStep(models.Model):
    """One step of a plan, in the order of ``position`` (from 0)."""

    class Gate(models.TextChoices):
        AUTO = "auto", _("automatic")
        MANUAL = "manual", _("a person")

    plan = models.ForeignKey(RolloutPlan, models.CASCADE, related_name="steps", verbose_name=_("plan"))
    position = models.PositiveSmallIntegerField(_("position"))
    weight = models.PositiveSmallIntegerField(_("weight, %"))
    bake_seconds = models.PositiveIntegerField(_("bake, seconds"))
    gate = models.CharField(_("gate"), max_length=10, choices=Gate.choices, default=Gate.AUTO)
    not_before = models.DateTimeField(_("not before"), null=True, blank=True)
    rules = models.JSONField(_("rules"), default=list, blank=True)
    sticky = models.JSONField(_("sticky users"), null=True, blank=True)
    mirror = models.JSONField(_("mirror"), null=True, blank=True)

    class Meta:
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        ordering = ["plan", "position"]
        constraints = [
            models.UniqueConstraint(fields=["plan", "position"], name="one_step_per_position"),
            models.CheckConstraint(condition=Q(weight__range=(0, 100)), name="plan_step_weight_is_percent"),
        ]

    def __str__(self) -> str:
        return f"{self.plan.name} {self.position + 1}: {self.weight} %"

    def as_json(self) -> dict[str, Any]:
        """The API's form of a step."""
        return {
            "weight": self.weight,
            "bake_seconds": self.bake_seconds,
            "gate": self.gate,
            "not_before": self.not_before.isoformat() if self.not_before else None,
            "rules": self.rules,
            "sticky": self.sticky,
            "mirror": self.mirror,
        }
