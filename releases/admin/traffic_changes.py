"""Changes of traffic by hand: the list, the decision page, and "all back" on a service's page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from istio.checks import Severity
from istio.mesh import MeshError
from releases import flow, selectors
from releases.admin.actor import actor_of, may
from releases.admin.base import OperationsAdmin
from releases.admin.change_form import ask_view
from releases.admin.drawing.difference import Difference, read_difference
from releases.admin.sign_in import to_password
from releases.domain import DomainError, PasswordNeeded
from releases.domain.roles import Action
from releases.domain.states import Event
from releases.domain.traffic_change import ChangeEvent, ChangeState
from releases.models import AuditEvent, Rollout, TrafficChange, TrafficVote
from releases.said import said_of, said_of_refusal
from releases.templatetags.traffic import split
from releases.templatetags.weir import chip, moment, shown
from services.models import Service

TIMELINE = 30
_LOOKS = {
    ChangeState.PENDING: ("hold", "person"),
    ChangeState.APPROVED: ("hold", "check"),
    ChangeState.WRITING: ("wait", "clock"),
    ChangeState.APPLIED: ("pass", "check"),
    ChangeState.REJECTED: ("fail", "cross"),
    ChangeState.WITHDRAWN: ("none", "none"),
    ChangeState.EXPIRED: ("none", "none"),
}
_EVENTS = {
    ChangeEvent.APPROVE: (
        gettext_lazy("Approve"),
        "check",
        gettext_lazy("For exactly this fingerprint"),
        "primary",
    ),
    ChangeEvent.REJECT: (
        gettext_lazy("Reject"),
        "cross",
        gettext_lazy("Ends this change; says why"),
        "danger",
    ),
    ChangeEvent.APPLY: (gettext_lazy("Apply"), "play", gettext_lazy("Writes the mesh now"), "primary"),
    ChangeEvent.WITHDRAW: (gettext_lazy("Withdraw"), "undo", gettext_lazy("Nothing is written"), ""),
}


@dataclass(frozen=True, slots=True)
class ChangeButton:
    """One event of the bar. ``hint`` says what it does, or why this person may not."""

    slug: str
    label: str
    icon: str
    css: str
    hint: str
    allowed: bool
    url: str
    reason_needed: bool


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One audit event as a sentence."""

    event: AuditEvent
    sentence: str


@admin.register(TrafficChange)
class TrafficChangeAdmin(OperationsAdmin[TrafficChange]):
    """Nothing of a change is edited: a row leads to its decision page, adding one to the form with its preview."""

    list_display = ("number", "traffic", "status", "requested", "done")
    list_filter = ("state", ("service", admin.RelatedOnlyFieldListFilter))
    search_fields = ("service__name", "candidate__name", "requested_by__username", "reason", "fingerprint")
    empty_help = gettext_lazy("Add a traffic change: it shows what it would write before anybody is asked.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[TrafficChange]:
        return selectors.changes()

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("<int:pk>/events/<slug:slug>/", wrap(cause), name="releases_trafficchange_event"),
            path("<int:pk>/watch/", wrap(watch), name="releases_trafficchange_watch"),
            path("all-back/<int:service_id>/", wrap(all_back), name="releases_trafficchange_all_back"),
        ]
        return own + super().get_urls()

    @admin.display(description=gettext_lazy("change"), ordering="id")
    def number(self, change: TrafficChange) -> SafeString:
        return format_html('<span class="nowrap">{} {}</span>', change, change.service.name)

    @admin.display(description=gettext_lazy("traffic, %"))
    def traffic(self, change: TrafficChange) -> SafeString:
        html = '{}<p class="meta">{} → {}</p>'
        return format_html(html, split(change.weight), change.stable.name, change.candidate.name)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def status(self, change: TrafficChange) -> SafeString:
        return format_html('{}<p class="meta">{}</p>', change_chip(change), change.problem or change.reason)

    @admin.display(description=gettext_lazy("requested by"), ordering="requested_by__username")
    def requested(self, change: TrafficChange) -> SafeString:
        return format_html('{}<p class="meta">{}</p>', change.requested_by, moment(change.created_at))

    @admin.display(description=gettext_lazy("ended"), ordering="ended_at")
    def done(self, change: TrafficChange) -> SafeString | str:
        return moment(change.ended_at) or self.empty_value_display

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may(request, Action.CHANGE_TRAFFIC) or may(request, Event.ROLL_BACK)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask for a change, after a look at what it would write."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        return ask_view(request, context={**self.admin_site.each_context(request), "opts": self.opts})

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The decision page. It changes nothing: events are posted to their own address."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        change = change_or_404(object_id)
        context = {
            **self.admin_site.each_context(request),
            **_page(change, request=request),
            "title": f"{change} {change.service}",
            "opts": self.opts,
        }
        return TemplateResponse(request, "releases/change/page.html", context)


def change_or_404(change_id: str | int) -> TrafficChange:
    """Return the change with everything joined. Raises Http404."""
    found = selectors.changes().filter(pk=change_id).first() if str(change_id).isdigit() else None
    if found is None:
        raise Http404
    return found


def change_chip(change: TrafficChange) -> SafeString:
    """Draw the state of a change."""
    tone, icon = _LOOKS[ChangeState(change.state)]
    return chip(tone, icon, change.get_state_display())


@require_GET
def watch(request: HttpRequest, pk: int) -> JsonResponse:
    """Say what is stored now: the open page compares it with what it shows."""
    row = TrafficChange.objects.filter(pk=pk).values("fingerprint", "revision", "state").first()
    if row is None:
        raise Http404
    return JsonResponse({**row, "shown": shown(row["fingerprint"])})


@require_POST
def cause(request: HttpRequest, pk: int, slug: str) -> HttpResponse:
    """Cause one event by ``flow`` and say what happened, or why it did not."""
    change = change_or_404(pk)
    try:
        event = ChangeEvent(slug)
    except ValueError as error:
        raise Http404 from error
    try:
        moved = flow.perform_change(
            change,
            event,
            by=actor_of(request),
            why=request.POST.get("reason", "").strip(),
            fingerprint=request.POST.get("fingerprint", ""),
        )
    except PasswordNeeded as error:
        return to_password(request, error, there=page_of(change))
    except (DomainError, MeshError) as error:
        messages.error(request, said_of_refusal(error))
    else:
        text = _("%(change)s of %(service)s: %(state)s.")
        state = moved.get_state_display()
        messages.success(request, text % {"change": moved, "service": moved.service, "state": state})
    return HttpResponseRedirect(page_of(change))


@require_POST
def all_back(request: HttpRequest, service_id: int) -> HttpResponse:
    """One click: every request back to the stable version, or the one before it."""
    service = Service.objects.select_related("cluster", "policy", "stable").filter(pk=service_id).first()
    if service is None:
        raise Http404
    chosen = request.POST.get("version", "")
    to = service.versions.filter(pk=chosen).first() if chosen.isdecimal() else None
    try:
        back = flow.all_back(service, by=actor_of(request), why=request.POST.get("reason", "").strip(), to=to)
    except (DomainError, MeshError) as error:
        messages.error(request, said_of(error))
        return HttpResponseRedirect(reverse("admin:services_service_change", args=[service.pk]))
    text = _("%(what)s: everything goes back. %(state)s.")
    messages.success(request, text % {"what": back, "state": back.get_state_display().capitalize()})
    if isinstance(back, Rollout):
        return HttpResponseRedirect(reverse("admin:releases_rollout_change", args=[back.pk]))
    return HttpResponseRedirect(page_of(back))


def page_of(change: TrafficChange) -> str:
    """The address of the decision page."""
    return reverse("admin:releases_trafficchange_change", args=[change.pk])


def _page(change: TrafficChange, *, request: HttpRequest) -> dict[str, Any]:
    """Read what the page shows. Where the cluster does not answer there is a page, only without preview."""
    problem, preview, difference = "", None, read_difference("")
    try:
        preview = selectors.preview_change(change)
        difference = read_difference(preview.difference)
    except (DomainError, MeshError) as error:
        problem = said_of(error)
    blocking = preview is not None and any(found.severity is Severity.ERROR for found in preview.findings)
    events = AuditEvent.objects.filter(object_type="trafficchange", object_id=str(change.pk)).order_by("-seq")
    votes = [vote for vote in change.approvals.all() if vote.voided_at is None]
    return {
        "change": change,
        "chip": change_chip(change),
        "preview": preview,
        "problem": problem,
        "blocking": blocking,
        "difference": _shown_difference(difference),
        "votes": votes,
        "open_slots": range(_open_slots(change, votes=votes)),
        "buttons": _buttons(change, request=request),
        "timeline": [ChangeLine(event, selectors.audit_sentence(event)) for event in events[:TIMELINE]],
        "rules": change.spec.get("rules") or [],
    }


def _shown_difference(difference: Difference) -> Difference | None:
    return difference if difference.lines else None


def _open_slots(change: TrafficChange, *, votes: list[TrafficVote]) -> int:
    """How many votes are still waited for."""
    waits = change.needs_vote and change.state == ChangeState.PENDING
    return max(change.service.policy.approvals_needed - len(votes), 0) if waits else 0


def _buttons(change: TrafficChange, *, request: HttpRequest) -> list[ChangeButton]:
    found = []
    for one in selectors.allowed_change_events(change, actor_of(request)):
        label, icon, does, css = _EVENTS[one.event]
        found.append(
            ChangeButton(
                slug=one.event.value,
                label=str(label),
                icon=icon,
                css=css if one.allowed or css == "danger" else "",
                hint=str(does) if one.allowed else one.why,
                allowed=one.allowed,
                url=reverse("admin:releases_trafficchange_event", args=[change.pk, one.event.value]),
                reason_needed=one.event is ChangeEvent.REJECT,
            )
        )
    return found
