"""Rollouts: the list, the request form, and the decision page."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from releases import flow, selectors
from releases.admin.actor import actor_of, may, person
from releases.admin.base import OperationsAdmin
from releases.admin.board import health_fragment
from releases.admin.decision import emergency, rehearsal, views
from releases.admin.decision.rows import page_of, rollout_or_404
from releases.admin.filters import MineFilter
from releases.admin.forms import RolloutForm
from releases.domain import BadPlan, DomainError
from releases.domain.states import Event
from releases.models import Rollout
from releases.said import said_of
from releases.templatetags.traffic import steps_of
from releases.templatetags.weir import moment, state_chip

_DRAFT_FIELDS = (
    "candidate",
    "plan",
    "reason",
    "impact",
    "test_evidence",
    "rollback_note",
    "changes_data",
    "compatibility_note",
    "start_at",
    "ticket",
)


@admin.register(Rollout)
class RolloutAdmin(OperationsAdmin[Rollout]):
    """Nothing of a rollout is edited here: a row leads to the decision page, where events are caused."""

    list_display = ("number", "versions", "status", "steps", "requested", "begun")
    list_filter = (MineFilter, "state", ("service", admin.RelatedOnlyFieldListFilter))
    search_fields = ("service__name", "candidate__name", "ticket", "requested_by__username", "fingerprint")
    search_help_text = gettext_lazy("Service, version, ticket, person, fingerprint")
    empty_help = gettext_lazy("Add a rollout: choose a service, the version to release, and a plan.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Rollout]:
        return selectors.rollouts()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may(request, Event.SUBMIT)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("health/", wrap(health_fragment), name="releases_rollout_health"),
            path("<str:object_id>/events/<slug:slug>/", wrap(views.cause), name="releases_rollout_event"),
            path("<str:object_id>/watch/", wrap(views.watch), name="releases_rollout_watch"),
            path("<str:object_id>/try/", wrap(views.try_request), name="releases_rollout_try"),
            path("<str:object_id>/rehearse/", wrap(rehearsal.ask), name="releases_rollout_rehearse"),
            path(
                "<str:object_id>/rehearsal/",
                wrap(rehearsal.watch_rehearsal),
                name="releases_rollout_rehearsal",
            ),
            path("<str:object_id>/emergency/", wrap(emergency.declare), name="releases_rollout_emergency"),
            path("<str:object_id>/review/", wrap(emergency.review), name="releases_rollout_review"),
            path("<str:object_id>/edit/", wrap(self.edit_view), name="releases_rollout_edit"),
        ]
        return own + super().get_urls()

    @admin.display(description=gettext_lazy("rollout"), ordering="id")
    def number(self, rollout: Rollout) -> SafeString:
        return format_html('<span class="nowrap">{} {}</span>', rollout, rollout.service.name)

    @admin.display(description=gettext_lazy("versions"))
    def versions(self, rollout: Rollout) -> SafeString:
        html = (
            '<span class="nowrap"><i class="k1"></i> {} → <i class="k2"></i> {}</span><p class="meta">{}</p>'
        )
        return format_html(html, rollout.stable.name, rollout.candidate.name, rollout.plan_name)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def status(self, rollout: Rollout) -> SafeString:
        return format_html('{}<p class="meta">{}</p>', state_chip(rollout), selectors.why(rollout))

    @admin.display(description=gettext_lazy("steps, %"))
    def steps(self, rollout: Rollout) -> SafeString:
        return steps_of(rollout)

    @admin.display(description=gettext_lazy("requested by"), ordering="requested_by__username")
    def requested(self, rollout: Rollout) -> SafeString:
        return format_html('{}<p class="meta">{}</p>', rollout.requested_by, moment(rollout.created_at))

    @admin.display(description=gettext_lazy("started"), ordering="started_at")
    def begun(self, rollout: Rollout) -> SafeString | str:
        return moment(rollout.started_at) or self.empty_value_display

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
        return views.look(request, rollout_or_404(object_id), admin=self)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask for a rollout: a draft, which is submitted on its page."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = RolloutForm(request.POST or None, initial={"service": request.GET.get("service")})
        if form.is_valid():
            try:
                made = flow.create(by=actor_of(request), **form.cleaned_data)
            except BadPlan as error:
                form.refuse(error)
            except DomainError as error:
                form.add_error(None, said_of(error))
            else:
                self.message_user(
                    request,
                    _("%(rollout)s is a draft. Read what it would do, then submit it.") % {"rollout": made},
                )
                return HttpResponseRedirect(page_of(made))
        return self._form(request, form, title=_("Ask for a rollout"), rollout=None)

    def edit_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Change a draft. Whoever does so cannot approve it."""
        rollout = rollout_or_404(object_id)
        if not selectors.may(person(request), Event.EDIT, rollout.service):
            raise PermissionDenied
        form = RolloutForm(
            request.POST or None,
            service=rollout.service,
            initial={name: getattr(rollout, name) for name in _DRAFT_FIELDS},
        )
        if form.is_valid():
            changes = {name: form.cleaned_data[name] for name in form.changed_data}
            try:
                flow.edit(rollout, by=actor_of(request), changes=changes)
            except BadPlan as error:
                form.refuse(error)
            except DomainError as error:
                form.add_error(None, said_of(error))
            else:
                self.message_user(request, _("%(rollout)s was changed.") % {"rollout": rollout})
                return HttpResponseRedirect(page_of(rollout))
        return self._form(request, form, title=_("Edit %(rollout)s") % {"rollout": rollout}, rollout=rollout)

    def _form(
        self, request: HttpRequest, form: RolloutForm, *, title: str, rollout: Rollout | None
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "form": form,
            "rollout": rollout,
            "opts": self.opts,
        }
        return TemplateResponse(request, "releases/rollout_form.html", context)
