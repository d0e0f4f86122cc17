"""The calendar: freezes, release windows, holidays, the red button. ``flow`` makes them; the forms only ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from releases import flow, selectors
from releases.admin.actor import actor_of, may
from releases.admin.base import OperationsAdmin
from releases.domain import DomainError
from releases.domain.roles import Action
from releases.models import Freeze, Holiday, ReleaseWindow
from releases.said import said_of
from releases.templatetags.weir import moment
from services.models import Cluster, Service

WINDOW_FIELDS = ("name", "reason", "service", "cluster", "starts_at", "ends_at", "time_zone", "rule", "days")


if TYPE_CHECKING:  # Django's forms take no parameter at run time

    class _FreezeForm(forms.ModelForm[Freeze]): ...
else:
    _FreezeForm = forms.ModelForm


class FreezeForm(_FreezeForm):
    """A freeze, and whether it shall be lifted."""

    lift = forms.BooleanField(
        label=gettext_lazy("Lift it"),
        required=False,
        help_text=gettext_lazy("Ends it for good; while it is active, when somebody else agrees."),
    )


class CalendarAdmin(OperationsAdmin[Any]):
    """Read by all, written by who may edit the calendar."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may(request, Action.EDIT_CALENDAR)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request, Action.EDIT_CALENDAR)


@require_POST
def press_red_button(request: HttpRequest) -> HttpResponse:
    """Stop a service (``service-7``), a cluster (``cluster-1``) or, with an empty place, everything."""
    kind, _dash, key = request.POST.get("where", "").partition("-")
    service = get_object_or_404(Service, pk=key) if kind == "service" and key.isdigit() else None
    cluster = get_object_or_404(Cluster, pk=key) if kind == "cluster" and key.isdigit() else None
    if kind and service is None and cluster is None:
        raise Http404
    why = request.POST.get("reason", "")
    try:
        made = flow.press_red_button(by=actor_of(request), why=why, service=service, cluster=cluster)
    except DomainError as error:
        messages.error(request, said_of(error))
    else:
        told = _("Nothing moves forward on %(where)s until the freeze is lifted. Rolling back always may.")
        messages.warning(request, told % {"where": made.scope})
    return HttpResponseRedirect(reverse("admin:releases_freeze_changelist"))


@admin.register(Freeze)
class FreezeAdmin(CalendarAdmin):
    """Closing takes one person; leaving less of an active freeze is proposed."""

    form = FreezeForm
    fields = (*WINDOW_FIELDS, "effect", "lift")
    list_display = ("name", "scope", "begins", "over", "effect", "lifted_by")
    list_filter = ("service", "cluster", "effect")
    search_fields = ("name", "reason")
    empty_help = gettext_lazy(
        "Add a freeze: a period in which nothing moves forward. Rolling back always may."
    )
    form_help = gettext_lazy(
        "Neither service nor cluster means everything; without an end it holds until it is lifted."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Freeze]:
        return selectors.freezes()

    def get_urls(self) -> list[URLPattern]:
        press = self.admin_site.admin_view(press_red_button)
        return [path("red-button/", press, name="releases_freeze_red_button"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The list, with the red button for whom a role grants it."""
        places = {
            "may_press": may(request, Action.PRESS_RED_BUTTON),
            "services": Service.objects.order_by("name"),
            "clusters": Cluster.objects.order_by("name"),
        }
        return super().changelist_view(request, {**(extra_context or {}), **places})

    def save_model(self, request: HttpRequest, obj: Freeze, form: Any, change: bool) -> None:
        by, given = actor_of(request), form.cleaned_data
        fields = {
            name: given[name] for name in (form.changed_data if change else self.fields) if name != "lift"
        }
        if not change:
            obj.pk = flow.create_freeze(by=by, fields=fields).pk
            return
        stored = Freeze.objects.get(pk=obj.pk)
        if given["lift"]:
            proposal = flow.lift_freeze(stored, by=by, why=given["reason"])[1]
        else:
            proposal = flow.change_freeze(stored, by=by, fields=fields, why=given["reason"])[1]
        if proposal:
            self.message_user(
                request,
                _("%(proposal)s waits for a second person.") % {"proposal": proposal},
                messages.WARNING,
            )

    @admin.display(description=gettext_lazy("begins"), ordering="starts_at")
    def begins(self, freeze: Freeze) -> SafeString | str:
        return moment(freeze.starts_at)

    @admin.display(description=gettext_lazy("ends"), ordering="ends_at")
    def over(self, freeze: Freeze) -> SafeString | str:
        return moment(freeze.lifted_at or freeze.ends_at) or _("until it is lifted")


@admin.register(ReleaseWindow)
class WindowAdmin(CalendarAdmin):
    """Where a service has a window, all other times are closed."""

    fields = WINDOW_FIELDS
    list_display = ("name", "scope", "starts_at", "ends_at", "rule", "days")
    search_fields = ("name", "reason")
    empty_help = gettext_lazy("Without a release window all times are open but the freezes.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReleaseWindow]:
        return selectors.windows()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request, Action.EDIT_CALENDAR)

    def save_model(self, request: HttpRequest, obj: ReleaseWindow, form: Any, change: bool) -> None:
        fields = {name: form.cleaned_data[name] for name in (form.changed_data if change else self.fields)}
        row = ReleaseWindow.objects.get(pk=obj.pk) if change else ReleaseWindow()
        obj.pk = flow.save_window(row, by=actor_of(request), fields=fields).pk

    def delete_model(self, request: HttpRequest, obj: ReleaseWindow) -> None:
        flow.delete_window(obj, by=actor_of(request))


@admin.register(Holiday)
class HolidayAdmin(CalendarAdmin):
    """The operator's own list: it outweighs what the library knows."""

    list_display = ("day", "name", "working")
    empty_help = gettext_lazy(
        "Chinese holidays that are published are known; add days off, or weekends worked."
    )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request, Action.EDIT_CALENDAR)

    def save_model(self, request: HttpRequest, obj: Holiday, form: Any, change: bool) -> None:
        obj.pk = flow.save_holiday(by=actor_of(request), **form.cleaned_data).pk

    def delete_model(self, request: HttpRequest, obj: Holiday) -> None:
        flow.delete_holiday(obj, by=actor_of(request))
