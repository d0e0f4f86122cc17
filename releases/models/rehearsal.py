"""A plan played over a service's recorded past: asked for, under way, and what came out."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from releases.models.plan import RolloutPlan
from services.models import Service


class Rehearsal(models.Model):
    """The row is the queue: beat looks for waiting ones. ``problem`` is English, ``problem_parts`` what a page says it from. ``result`` is what ``flow.rehearse`` wrote, null until it is done.

    ``plan_digest`` is of ``frozen_plan``: an approval page finds the rehearsal of the very plan it is about.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    service = models.ForeignKey(Service, models.PROTECT, related_name="rehearsals", verbose_name=_("service"))
    plan = models.ForeignKey(
        RolloutPlan, models.SET_NULL, related_name="rehearsals", verbose_name=_("plan"), null=True
    )
    frozen_plan = models.JSONField(_("frozen plan"))
    plan_digest = models.CharField(max_length=64)
    until = models.DateTimeField(_("until"))
    window_seconds = models.PositiveIntegerField(_("recorded past, seconds"))
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.WAITING)
    progress = models.PositiveSmallIntegerField(_("progress, %"), default=0)
    result = models.JSONField(_("result"), null=True)
    problem = models.TextField(_("problem"), blank=True)
    problem_parts = models.JSONField(default=dict, blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        verbose_name=_("requested by"),
        null=True,
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    started_at = models.DateTimeField(_("started"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        verbose_name = _("rehearsal")
        verbose_name_plural = _("rehearsals")
        ordering = ["-id"]
        indexes = [
            # selectors.rehearsal_of: the newest rehearsal of this plan on this service.
            models.Index(fields=["service", "plan_digest", "-id"], name="rehearsal_newest"),
            # tasks.take_rehearsals looks here every few seconds.
            models.Index(
                fields=["id"], condition=models.Q(state__in=["waiting", "running"]), name="rehearsal_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.service} {self.pk}"
