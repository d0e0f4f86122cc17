"""The audit trail: append-only, chained, checked by triggers (migration ``audit_guards``)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from releases.models.rollout import Rollout
from services.models import Service


class AuditEvent(models.Model):
    """One attempt, done or refused. ``text`` is the canonical JSON that ``hash`` chains; the columns repeat it for search."""

    class Outcome(models.TextChoices):
        DONE = "done", _("done")
        REFUSED = "refused", _("refused")
        FAILED = "failed", _("failed")

    seq = models.PositiveBigIntegerField(_("number"), unique=True)
    at = models.DateTimeField(_("time"))
    actor = models.CharField(_("actor"), max_length=150)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("user"), null=True
    )
    on_behalf_of = models.CharField(_("on behalf of"), max_length=200, blank=True)
    channel = models.CharField(_("channel"), max_length=10)
    ip = models.GenericIPAddressField(_("IP address"), null=True)
    request_id = models.CharField(_("request id"), max_length=64, blank=True)
    action = models.CharField(_("action"), max_length=50)
    object_type = models.CharField(_("object type"), max_length=50)
    object_id = models.CharField(_("object"), max_length=253)
    service = models.ForeignKey(
        Service, models.PROTECT, related_name="+", verbose_name=_("service"), null=True
    )
    rollout = models.ForeignKey(
        Rollout, models.PROTECT, related_name="audit_events", verbose_name=_("rollout"), null=True
    )
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome.choices)
    reason = models.TextField(_("reason"), blank=True)
    fingerprint = models.CharField(_("fingerprint"), max_length=64, blank=True)
    before = models.JSONField(_("before"), null=True)
    after = models.JSONField(_("after"), null=True)
    text = models.TextField(editable=False)
    prev = models.CharField(max_length=64, unique=True, editable=False)
    hash = models.CharField(max_length=64, unique=True, editable=False)

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        ordering = ["-seq"]
        # PostgreSQL has one more for words within texts: migration ``audit_words``, read by selectors.events_that_mention.
        indexes = [
            models.Index(fields=["rollout", "-seq"], name="audit_of_rollout"),  # the rollout's timeline
            models.Index(fields=["service", "-seq"], name="audit_of_service"),  # the audit page, one service
            models.Index(fields=["actor", "-seq"], name="audit_of_actor"),  # the audit page, one actor
            models.Index(fields=["action", "-seq"], name="audit_of_action"),  # the audit page, one action
            models.Index(fields=["-at"], name="audit_by_time"),  # the audit page, a range of time
            models.Index(
                fields=["outcome", "-seq"], name="audit_of_outcome"
            ),  # the audit page, what was refused
            models.Index(fields=["channel", "-seq"], name="audit_of_channel"),  # the audit page, one channel
            models.Index(fields=["ip", "-seq"], name="audit_of_address"),  # the audit page, one address
            models.Index(
                fields=["fingerprint", "-seq"], name="audit_of_content"
            ),  # the audit page, one content
            models.Index(
                fields=["request_id"], name="audit_of_request"
            ),  # a search for one request of the log
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.action}"
