"""Readings of the audit chain by the worker: how far, when, and what was found."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class ChainCheck(models.Model):
    """One reading, whole or from where the one before ended. It goes on a part at a time; ``leased_until`` keeps workers apart.

    ``seq`` and ``hash`` are the last good event, ``events`` how many events are good up to there, ``until`` the newest event when
    it began. ``problem`` is a sentence about the first bad event, or empty.
    """

    whole = models.BooleanField(_("whole chain"))
    started_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("finished"), null=True)
    first = models.PositiveBigIntegerField(_("from event"))
    seq = models.PositiveBigIntegerField(_("up to event"))
    hash = models.CharField(max_length=64)
    until = models.PositiveBigIntegerField(_("newest event at the start"))
    events = models.PositiveBigIntegerField(_("events"), default=0)
    heads = models.PositiveIntegerField(_("signed heads"), default=0)
    first_bad = models.PositiveBigIntegerField(_("first bad event"), null=True)
    problem = models.TextField(_("problem"), blank=True)
    leased_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("chain check")
        verbose_name_plural = _("chain checks")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["whole"], condition=Q(finished_at=None), name="one_reading_of_a_kind_at_a_time"
            )
        ]
        indexes = [
            models.Index(fields=["whole", "-finished_at"], name="chain_checked_last")
        ]  # selectors.chain

    def __str__(self) -> str:
        return f"{self.first}-{self.seq}"
