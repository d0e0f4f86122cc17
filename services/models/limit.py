"""How many releases may run at once."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from services.models.cluster import Cluster


class RolloutLimit(models.Model):
    """A cluster, or the services a group owns, takes so many running rollouts; the rest wait in the order of their approval."""

    cluster = models.OneToOneField(
        Cluster, models.PROTECT, related_name="limit", verbose_name=_("cluster"), null=True, blank=True
    )
    group = models.OneToOneField(
        Group, models.PROTECT, related_name="limit", verbose_name=_("group"), null=True, blank=True
    )
    rollouts = models.PositiveSmallIntegerField(_("rollouts at once"))

    class Meta:
        verbose_name = _("limit of rollouts")
        verbose_name_plural = _("limits of rollouts")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(cluster__isnull=False, group__isnull=True)
                | Q(cluster__isnull=True, group__isnull=False),
                name="limit_of_a_cluster_or_a_group",
                violation_error_message=_("A limit holds for a cluster or for a group: name one of them."),
            ),
            models.CheckConstraint(condition=Q(rollouts__gte=1), name="limit_lets_one_run"),
        ]

    def __str__(self) -> str:
        return str(self.cluster or self.group)
