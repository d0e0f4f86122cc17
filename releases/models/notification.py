"""Who is told, where; and the outbox: what is to be said, written in the transaction of what happened."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from releases.models.rollout import Rollout


class NotificationChannel(models.Model):
    """A place that is told. Addresses and secrets are in the environment; here stand the names of the variables."""

    class Kind(models.TextChoices):
        WEBHOOK = "webhook", _("signed webhook")
        EMAIL = "email", _("e-mail")
        FEISHU = "feishu", _("Feishu")
        DINGTALK = "dingtalk", _("DingTalk")
        WECOM = "wecom", _("WeCom")
        SLACK = "slack", _("Slack")

    class Subject(models.TextChoices):
        ALL = "all", _("everything")
        DECISIONS = "decisions", _("approvals asked, rollbacks, overdue reviews")

    name = models.CharField(_("name"), max_length=100, unique=True)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    url_env = models.CharField(
        _("variable with the address"),
        max_length=100,
        blank=True,
        help_text=_("Environment variable with the webhook's address; not needed for e-mail."),
    )
    secret_env = models.CharField(
        _("variable with the secret"),
        max_length=100,
        blank=True,
        help_text=_("Environment variable with the signing secret."),
    )
    subject = models.CharField(_("told of"), max_length=10, choices=Subject.choices, default=Subject.ALL)
    group = models.ForeignKey(
        Group,
        models.PROTECT,
        related_name="+",
        verbose_name=_("owning group"),
        null=True,
        blank=True,
        help_text=_("Only services of this group; empty: every service."),
    )
    language = models.CharField(
        _("language"), max_length=10, choices=[("en", "English"), ("zh-hans", "简体中文")], default="en"
    )
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("notification channel")
        verbose_name_plural = _("notification channels")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=Q(kind="email") | ~Q(url_env=""), name="channel_has_an_address"),
        ]

    def __str__(self) -> str:
        return self.name


class Delivery(models.Model):
    """One message to one channel. ``key`` names what it is about, so that nothing is told twice.

    ``message`` is a ``notifications.message.Message``. ``problem`` is English, ``problem_parts`` what a page says it from. A worker takes the row by moving ``next_try_at``.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        SENT = "sent", _("sent")
        FAILED = "failed", _("given up")

    channel = models.ForeignKey(
        NotificationChannel, models.PROTECT, related_name="deliveries", verbose_name=_("channel")
    )
    rollout = models.ForeignKey(
        Rollout, models.PROTECT, related_name="+", verbose_name=_("rollout"), null=True
    )
    key = models.CharField(_("key"), max_length=100)
    message = models.JSONField(_("message"))
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_try_at = models.DateTimeField(_("next try"))
    sent_at = models.DateTimeField(_("sent"), null=True)
    problem = models.TextField(_("problem"), blank=True)
    problem_parts = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["channel", "key"], name="told_once")]
        indexes = [
            # flow.deliver.due_deliveries, every few seconds.
            models.Index(fields=["next_try_at"], condition=Q(state="waiting"), name="delivery_due"),
        ]

    def __str__(self) -> str:
        return f"{self.channel}: {self.key}"
