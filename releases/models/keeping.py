"""The books beside the audit trail: signed heads, archived segments, changes not recorded yet, failed log-ins."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class SignedHead(models.Model):
    """A signature over the head of the chain. The chain alone does not show that its tail was cut; a head kept elsewhere does.

    ``sent_at`` is when every place set by the configuration had taken it; until then it is sent again.
    """

    seq = models.PositiveBigIntegerField(_("number"), unique=True)
    hash = models.CharField(_("hash"), max_length=64)
    at = models.DateTimeField(_("time"))
    key_id = models.CharField(_("key"), max_length=16)
    signature = models.CharField(_("signature"), max_length=88)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    problem = models.TextField(_("problem"), blank=True)

    class Meta:
        verbose_name = _("signed head")
        verbose_name_plural = _("signed heads")
        ordering = ["-seq"]

    def __str__(self) -> str:
        return f"{self.seq} {self.hash[:12]}"

    def as_line(self) -> dict[str, str | int]:
        """The head as it is kept elsewhere and given to the verifier."""
        return {
            "seq": self.seq,
            "hash": self.hash,
            "at": self.at.isoformat(timespec="microseconds"),
            "key_id": self.key_id,
            "signature": self.signature,
        }


class AuditArchive(models.Model):
    """A segment of the trail that was moved to a file. The chain goes on from ``last_hash``; the file's digest is kept."""

    first_seq = models.PositiveBigIntegerField(_("first number"), unique=True)
    last_seq = models.PositiveBigIntegerField(_("last number"), unique=True)
    last_hash = models.CharField(_("last hash"), max_length=64)
    file = models.CharField(_("file"), max_length=500)
    sha256 = models.CharField(_("SHA-256 of the file"), max_length=64)
    at = models.DateTimeField(_("archived"), auto_now_add=True)

    class Meta:
        verbose_name = _("audit archive")
        verbose_name_plural = _("audit archives")
        ordering = ["-last_seq"]
        constraints = [
            models.CheckConstraint(
                condition=Q(last_seq__gte=models.F("first_seq")), name="archive_is_a_range"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first_seq}-{self.last_seq}"


class UnrecordedChange(models.Model):
    """A change of an audited table that no audit event tells yet. Triggers write it, ``flow.record`` takes it away.

    ``mark`` says which transaction it belongs to: PostgreSQL's transaction id; on SQLite, which has one writer, the
    number of the last event. What stays after a commit was not done by an act, and becomes an event of its own.
    """

    table_name = models.CharField(max_length=63)
    row_id = models.CharField(max_length=40)
    operation = models.CharField(max_length=6)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    mark = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("unrecorded change")
        verbose_name_plural = _("unrecorded changes")
        indexes = [models.Index(fields=["mark"], name="unrecorded_of_act")]  # flow.record, each event

    def __str__(self) -> str:
        return f"{self.operation} {self.table_name} {self.row_id}"


class FailedLogIn(models.Model):
    """Failed log-ins of one address in one minute: summed into one audit event, and counted to slow guessing down."""

    address = models.CharField(_("address"), max_length=45)
    minute = models.DateTimeField(_("minute"))
    count = models.PositiveIntegerField(_("count"), default=0)
    names = models.JSONField(_("names"), default=dict)
    recorded = models.BooleanField(_("recorded"), default=False)

    class Meta:
        verbose_name = _("failed log-ins")
        verbose_name_plural = _("failed log-ins")
        constraints = [models.UniqueConstraint(fields=["address", "minute"], name="one_sum_per_minute")]
        indexes = [
            # flow.sign_in.blocked_for: what this address and everybody else tried lately.
            models.Index(fields=["minute"], name="failed_lately"),
        ]

    def __str__(self) -> str:
        return f"{self.address} {self.minute:%F %H:%M} {self.count}"
