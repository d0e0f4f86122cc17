"""What was recorded: audit events, snapshots, verdicts. Nobody adds, changes or deletes any of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib import admin
from django.contrib.admin.views.main import PAGE_VAR
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from releases import selectors
from releases.about import about as about_words
from releases.admin import trail
from releases.admin.actor import may_everywhere, person
from releases.admin.base import OperationsAdmin
from releases.domain.actor import Channel
from releases.domain.roles import Action
from releases.models import AuditEvent, MetricSnapshot, Verdict
from releases.templatetags.weir import as_yaml, moment, outcome_chip, outcome_mark

M = TypeVar("M", bound=Model)

if TYPE_CHECKING:  # Django's paginator is generic for the type checker alone
    _Paginator = Paginator[Any]
else:
    _Paginator = Paginator


PAGES_AHEAD = 10
"""So many pages beyond the one that is shown are counted and offered."""


class NewestFirst(_Paginator):
    """Counts no further than a few pages ahead of the one that is shown: to count a million rows costs more than to read fifty."""

    limit = 0
    """Set for each request."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        return rows[: self.limit].count() if isinstance(rows, QuerySet) else len(rows)


class ChannelFilter(admin.SimpleListFilter):
    """The doors there are: asking which ones the trail names would read all of it."""

    title = _("channel")
    parameter_name = "channel"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(channel.value, channel.value) for channel in Channel]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(channel=self.value()) if self.value() else queryset


class RecordAdmin(OperationsAdmin[M]):
    """Rows that are written once, many of them: no counting, no history of a history."""

    paginator = NewestFirst
    has_history = False

    def get_paginator(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        asked = request.GET.get(PAGE_VAR, "")
        paginator: Any = super().get_paginator(request, *args, **kwargs)
        paginator.limit = ((int(asked) if asked.isdecimal() else 1) + PAGES_AHEAD) * paginator.per_page
        return paginator

    @admin.display(description=_("time"))
    def exact_time(self, row: Any) -> str:
        return f"{timezone.localtime(row.at):%Y-%m-%d %H:%M:%S.%f %z}"


@admin.register(AuditEvent)
class AuditEventAdmin(RecordAdmin[AuditEvent]):
    """The trail: searchable, a page per event, read by whose role reads it."""

    list_display = ("seq", "what", "ended", "who", "about", "when")
    list_display_links = ("seq", "what")
    list_filter = (
        "outcome",
        ChannelFilter,
        "service",
    )  # every service: whose events there are would be asked of all of them
    list_select_related = ("service", "rollout")
    search_fields = ("actor", "action", "object_id", "reason", "request_id", "ip", "fingerprint")
    search_help_text = _("Words in actor, action, object or reason; address, request id, fingerprint")
    empty_help = _("Every attempt is written here, done or refused.")
    form_help = _("Events are chained by their hashes and cannot be changed.")
    fields = (
        *(
            "sentence",
            "outcome_said",
            "reason",
            "seq",
            "exact_time",
            "actor",
            "on_behalf_of",
            "channel",
            "ip",
            "request_id",
        ),
        *("action", "object_type", "object_id", "service", "rollout", "fingerprint"),
        *("before_text", "after_text", "prev", "hash"),
    )
    readonly_fields = fields

    def has_view_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:
        return person(request).is_active

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEvent]:
        """All of it for who reads the whole trail, the events of their services for everybody else."""
        return selectors.readable_events(super().get_queryset(request), person(request))

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("verify/", wrap(trail.verify), name="releases_auditevent_verify"),
            path("export/<slug:format_>/", wrap(trail.export), name="releases_auditevent_export"),
        ]
        return own + super().get_urls()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEvent], search_term: str
    ) -> tuple[QuerySet[AuditEvent], bool]:
        """As the API searches: by what has an index."""
        return selectors.events_that_mention(queryset, search_term), False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The list, with what an auditor does to all of it."""
        mine = {
            "may_export": bool(selectors.roles_of(person(request), None)),
            "may_take_all": selectors.exports_whole_trail(person(request)),
            "may_verify": may_everywhere(request, Action.READ_AUDIT),
            "chain": selectors.chain(),
        }
        return super().changelist_view(request, {**(extra_context or {}), **mine})

    @admin.display(description=_("what"))
    def what(self, event: AuditEvent) -> SafeString:
        return format_html('{}<p class="meta">{}</p>', selectors.audit_sentence(event), event.reason)

    @admin.display(description=_("in words"))
    def sentence(self, event: AuditEvent) -> str:
        return selectors.audit_sentence(event)

    @admin.display(description=_("outcome"), ordering="outcome")
    def ended(self, event: AuditEvent) -> SafeString:
        return outcome_mark(event)

    @admin.display(description=_("outcome"))
    def outcome_said(self, event: AuditEvent) -> SafeString:
        return outcome_chip(event)

    @admin.display(description=_("who"), ordering="actor")
    def who(self, event: AuditEvent) -> SafeString:
        return format_html(
            '<span class="nowrap">{}</span><p class="meta">{} {}</p>',
            event.actor,
            event.channel,
            event.ip or "",
        )

    @admin.display(description=_("about"))
    def about(self, event: AuditEvent) -> str:
        if event.rollout or event.service:
            parts = (str(event.rollout or ""), event.service.name if event.service else "")
            return " ".join(filter(None, parts))
        return about_words(event)

    @admin.display(description=_("time"), ordering="seq")
    def when(self, event: AuditEvent) -> SafeString:
        return moment(event.at)

    @admin.display(description=_("before"))
    def before_text(self, event: AuditEvent) -> SafeString | str:
        return _written(event.before) or self.empty_value_display

    @admin.display(description=_("after"))
    def after_text(self, event: AuditEvent) -> SafeString | str:
        return _written(event.after) or self.empty_value_display


@admin.register(MetricSnapshot)
class MetricSnapshotAdmin(RecordAdmin[MetricSnapshot]):
    list_display = ("rollout", "step_number", "weight", "window_seconds", "requests", "at")
    list_select_related = ("rollout",)
    list_filter = ("rollout__service",)
    ordering = ("-id",)
    empty_help = _("Snapshots are written while a rollout runs.")
    fields = (
        "rollout",
        "step_number",
        "weight",
        "exact_time",
        "window_seconds",
        "stable_text",
        "candidate_text",
    )
    readonly_fields = fields

    @admin.display(description=_("step"), ordering="step")
    def step_number(self, row: MetricSnapshot) -> str:
        return self.empty_value_display if row.step is None else str(row.step + 1)

    @admin.display(description=_("requests, stable and candidate"))
    def requests(self, row: MetricSnapshot) -> str:
        sides = [side["requests"] if side else None for side in (row.stable, row.candidate)]
        return " / ".join(self.empty_value_display if value is None else f"{value:.0f}" for value in sides)

    @admin.display(description=_("stable"))
    def stable_text(self, row: MetricSnapshot) -> SafeString | str:
        return _written(row.stable) or self.empty_value_display

    @admin.display(description=_("candidate"))
    def candidate_text(self, row: MetricSnapshot) -> SafeString | str:
        return _written(row.candidate) or self.empty_value_display


@admin.register(Verdict)
class VerdictAdmin(RecordAdmin[Verdict]):
    list_display = ("rollout", "step_number", "ended", "sentence", "at")
    list_select_related = ("rollout",)
    list_filter = ("outcome", "rollout__service")
    ordering = ("-id",)
    empty_help = _("Verdicts are written while a rollout runs.")
    fields = (
        "rollout",
        "step_number",
        "ended",
        "sentence",
        "exact_time",
        "rule",
        "judge_version",
        "metric",
        "reason_code",
        "numbers_text",
        "settings_text",
        "snapshots_from",
        "snapshots_hash",
    )
    readonly_fields = fields

    @admin.display(description=_("step"), ordering="step")
    def step_number(self, row: Verdict) -> str:
        return self.empty_value_display if row.step is None else str(row.step + 1)

    @admin.display(description=_("outcome"), ordering="outcome")
    def ended(self, row: Verdict) -> SafeString:
        return outcome_chip(row)

    @admin.display(description=_("in words"))
    def sentence(self, row: Verdict) -> str:
        return selectors.verdict_sentence(row)

    @admin.display(description=_("numbers"))
    def numbers_text(self, row: Verdict) -> SafeString | str:
        return _written(row.numbers) or self.empty_value_display

    @admin.display(description=_("settings"))
    def settings_text(self, row: Verdict) -> SafeString | str:
        return _written(row.settings) or self.empty_value_display


def _written(value: object) -> SafeString | str:
    """Write a stored value as people read it; empty for nothing."""
    return format_html('<pre tabindex="0">{}</pre>', as_yaml(value)) if value else ""
