"""The calendar: freezes, release windows, the operator's own holidays. What they mean is ``releases.domain.calendar``."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from releases.domain.calendar import Days, Effect, Schedule
from releases.domain.calendar import Freeze as FreezeValue
from releases.domain.calendar import Window as WindowValue
from releases.models.rollout import Rollout
from services.models import Cluster, Service


def new_uid() -> str:
    """A name for an entry that other calendars keep."""
    return f"{uuid.uuid4()}@weir"


class Entry(models.Model):
    """What freezes and windows share: where they hold, and when. Neither service nor cluster: everywhere.

    ``starts_at`` and ``ends_at`` are the instants of the first occurrence, ``starts_local`` and ``ends_local`` what stood on
    the wall in ``time_zone``; a rule counts on the wall.
    """

    class DayKind(models.TextChoices):
        ANY = "any", _("every day")
        WORKING = "working", _("working days")
        RESTING = "resting", _("weekends and holidays")

    name = models.CharField(_("name"), max_length=100)
    reason = models.TextField(_("reason"), blank=True)
    cluster = models.ForeignKey(
        Cluster, models.PROTECT, related_name="+", verbose_name=_("cluster"), null=True, blank=True
    )
    service = models.ForeignKey(
        Service, models.PROTECT, related_name="+", verbose_name=_("service"), null=True, blank=True
    )
    starts_at = models.DateTimeField(_("begins"))
    ends_at = models.DateTimeField(_("ends"), null=True, blank=True)
    starts_local = models.CharField(max_length=19, editable=False)
    ends_local = models.CharField(max_length=19, blank=True, editable=False)
    time_zone = models.CharField(_("time zone"), max_length=64, default="Asia/Shanghai")
    rule = models.CharField(
        _("recurrence rule"), max_length=500, blank=True, help_text="FREQ=WEEKLY;BYDAY=FR"
    )
    days = models.CharField(_("days"), max_length=10, choices=DayKind.choices, default=DayKind.ANY)
    uid = models.CharField(max_length=255, unique=True, default=new_uid, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("created by"), null=True
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name

    @property
    def schedule(self) -> Schedule:
        """When it holds, as a value."""
        return Schedule(self.starts_at, self.ends_at, self.time_zone, self.rule, Days(self.days))

    @property
    def scope(self) -> str:
        """Where it holds, in the reader's language."""
        where = self.service or self.cluster
        return str(where) if where else str(_("everything"))


class Freeze(Entry):
    """A period in which nothing moves forward. It is never deleted: it ends, or somebody lifts it."""

    class Effects(models.TextChoices):
        HOLD = "hold", _("hold the weight")
        FINISH_STEP = "finish_step", _("finish the step")
        ROLL_BACK = "roll_back", _("roll back")

    effect = models.CharField(
        _("running rollouts"), max_length=15, choices=Effects.choices, default=Effects.HOLD
    )
    red_button = models.BooleanField(_("red button"), default=False, editable=False)
    lifted_at = models.DateTimeField(_("lifted"), null=True, blank=True, editable=False)
    lifted_by = models.CharField(_("lifted by"), max_length=150, blank=True, editable=False)

    class Meta:
        verbose_name = _("freeze")
        verbose_name_plural = _("freezes")
        ordering = ["-starts_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(cluster__isnull=True) | Q(service__isnull=True), name="freeze_has_one_scope"
            ),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")),
                name="freeze_ends_after_it_begins",
            ),
        ]

    def value(self) -> FreezeValue:
        return FreezeValue(self.pk, self.name, self.schedule, Effect(self.effect))

    def is_active(self, now: datetime) -> bool:
        """Say whether it has begun and is not over; one that comes again is active between its occurrences too."""
        over = self.ends_at is not None and self.ends_at <= now and not self.rule
        return self.lifted_at is None and self.starts_at <= now and not over


class ReleaseWindow(Entry):
    """A period in which things may move forward. Where a service has one, all other times are closed."""

    class Meta:
        verbose_name = _("release window")
        verbose_name_plural = _("release windows")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(cluster__isnull=True) | Q(service__isnull=True), name="window_has_one_scope"
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="window_ends_after_it_begins"
            ),
        ]

    def value(self) -> WindowValue:
        return WindowValue(self.pk, self.name, self.schedule)


class Holiday(models.Model):
    """A day on the operator's own list: off, or worked. It outweighs what the library knows."""

    day = models.DateField(_("day"), unique=True)
    name = models.CharField(_("name"), max_length=100)
    working = models.BooleanField(_("worked"), default=False)

    class Meta:
        verbose_name = _("holiday")
        verbose_name_plural = _("holidays")
        ordering = ["day"]

    def __str__(self) -> str:
        return f"{self.day} {self.name}"


class FreezeOverride(models.Model):
    """One rollout may go on in spite of one freeze: one person asked, another agreed."""

    freeze = models.ForeignKey(Freeze, models.PROTECT, related_name="overrides", verbose_name=_("freeze"))
    rollout = models.ForeignKey(
        Rollout, models.PROTECT, related_name="freeze_overrides", verbose_name=_("rollout")
    )
    reason = models.TextField(_("reason"))
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("asked by")
    )
    agreed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("agreed by")
    )
    created_at = models.DateTimeField(_("at"), auto_now_add=True)

    class Meta:
        verbose_name = _("freeze override")
        verbose_name_plural = _("freeze overrides")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["freeze", "rollout"], name="one_override_per_freeze"),
            models.CheckConstraint(condition=~Q(asked_by=F("agreed_by")), name="override_takes_two"),
        ]

    def __str__(self) -> str:
        return f"{self.rollout}: {self.freeze}"
