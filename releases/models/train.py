"""Rollouts that end together or not at all. Where a train is, its members say (``domain.train``)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from releases.domain.train import Order
from releases.models.rollout import Rollout


class Train(models.Model):
    """A named group of rollouts."""

    name = models.CharField(_("name"), max_length=100)
    order = models.CharField(
        _("order"),
        max_length=10,
        choices=[(Order.ORDERED.value, _("one after the other")), (Order.TOGETHER.value, _("together"))],
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("created by")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("release train")
        verbose_name_plural = _("release trains")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"RT-{self.pk}" if self.pk else "RT-"


class TrainMember(models.Model):
    """One rollout at its place in the train. A rollout is in one train at most."""

    train = models.ForeignKey(Train, models.PROTECT, related_name="members", verbose_name=_("release train"))
    rollout = models.OneToOneField(
        Rollout, models.PROTECT, related_name="train_member", verbose_name=_("rollout")
    )
    position = models.PositiveSmallIntegerField(_("position"))

    class Meta:
        verbose_name = _("member of a release train")
        verbose_name_plural = _("members of release trains")
        ordering = ["train", "position"]
        constraints = [models.UniqueConstraint(fields=["train", "position"], name="one_member_per_place")]

    def __str__(self) -> str:
        return f"{self.train} {self.position + 1}"
