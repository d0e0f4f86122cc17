"""Who is told, and the outbox: what waits, what was sent, what was given up and may be tried again."""

from __future__ import annotations

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from istio.sentence import sentence_of
from releases import flow
from releases.admin.actor import actor_of
from releases.admin.catalogue import CatalogueAdmin
from releases.admin.records import RecordAdmin
from releases.clock import database_now
from releases.domain import DomainError
from releases.models import Delivery, NotificationChannel
from releases.said import said, said_of
from releases.templatetags.weir import chip, moment


@admin.register(NotificationChannel)
class NotificationChannelAdmin(CatalogueAdmin[NotificationChannel]):
    owner = "group_id"
    list_display = ("name", "kind", "subject", "group", "language", "is_active")
    list_filter = ("kind", "is_active")
    list_select_related = ("group",)
    search_fields = ("name",)
    empty_help = gettext_lazy("Add a channel: who is told, and by which variables of the environment.")
    form_help = gettext_lazy(
        "Addresses and secrets are never stored here: name the variables that hold them."
    )


@admin.register(Delivery)
class DeliveryAdmin(RecordAdmin[Delivery]):
    list_display = ("title", "channel", "status", "attempts", "what_failed", "created_at", "again")
    list_display_links = ("title",)
    list_filter = ("state", "channel")
    list_select_related = ("channel", "rollout")
    search_fields = ("=key",)
    ordering = ("-id",)
    empty_help = gettext_lazy("Messages are written here when something happens and a channel is told of it.")
    fields = (
        "title", "text", "channel", "rollout", "status", "attempts", "next_try_at", "sent_at", "what_failed", "key",
    )  # fmt: skip
    readonly_fields = fields

    def get_urls(self) -> list[URLPattern]:
        retry = self.admin_site.admin_view(self.retry_view)
        own = path("<int:delivery_id>/retry/", retry, name="releases_delivery_retry")
        return [own, *super().get_urls()]

    @admin.display(description=gettext_lazy("message"))
    def title(self, delivery: Delivery) -> str:
        return str(delivery.message.get("title", ""))

    @admin.display(description=gettext_lazy("text"))
    def text(self, delivery: Delivery) -> str:
        return str(delivery.message.get("text", ""))

    @admin.display(description=gettext_lazy("state"))
    def status(self, delivery: Delivery) -> SafeString:
        match delivery.state:
            case Delivery.State.SENT:
                return format_html(
                    '{}<p class="meta">{}</p>', chip("pass", "check", _("sent")), moment(delivery.sent_at)
                )
            case Delivery.State.FAILED:
                return chip("fail", "cross", _("given up"))
        return format_html(
            '{}<p class="meta">{}</p>', chip("none", "clock", _("waiting")), moment(delivery.next_try_at)
        )

    @admin.display(description=gettext_lazy("problem"), ordering="problem")
    def what_failed(self, delivery: Delivery) -> str:
        parts = delivery.problem_parts
        return said(sentence_of(parts)) if parts else delivery.problem

    @admin.display(description="")
    def again(self, delivery: Delivery) -> SafeString | str:
        if delivery.state == Delivery.State.SENT:
            return ""
        url = reverse("admin:releases_delivery_retry", args=[delivery.pk])
        return format_html(
            '<button class="btn" form="retry" formaction="{}">{}</button>', url, _("Try again")
        )

    def retry_view(self, request: HttpRequest, delivery_id: int) -> HttpResponse:
        return require_POST(self._retry)(request, delivery_id)

    def _retry(self, request: HttpRequest, delivery_id: int) -> HttpResponse:
        delivery = get_object_or_404(Delivery.objects.select_related("channel"), pk=delivery_id)
        try:
            flow.retry_delivery(delivery, by=actor_of(request), clock=database_now)
        except DomainError as error:
            raise PermissionDenied(said_of(error)) from error
        self.message_user(request, _("It is tried again with the next look at the outbox."), messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:releases_delivery_changelist"))
