"""Asking for a change of traffic: a form, what it would write, and only then the request. Rules live behind ``flow``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from istio.checks import Severity
from istio.mesh import MeshError
from releases import flow, selectors
from releases.admin.actor import actor_of, may
from releases.admin.drawing.difference import Difference, read_difference
from releases.admin.plan_forms import TrafficFields
from releases.admin.sign_in import to_password
from releases.domain import BadPlan, DomainError, PasswordNeeded
from releases.domain.roles import Action
from releases.models import TrafficChange
from releases.said import said_of, said_of_refusal
from services.models import Service

_FIELDS = {"candidate": "service", "stable": "service", "spec": "weight"}
"""Where this form shows what ``flow`` finds wrong with a part of a change that is no field here."""


class ChangeForm(TrafficFields):
    """What the mesh shall do for one service. The versions are the two used last."""

    service = forms.ModelChoiceField(label=gettext_lazy("Service"), queryset=Service.objects.none())
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "maxlength": 4000}),
        help_text=gettext_lazy("Why this change, and why now. Needed to ask, not to look."),
    )
    field_order = [
        "service",
        "weight",
        "rules",
        "sticky_header",
        "sticky_percent",
        "mirror_percent",
        "reason",
    ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        services = cast("forms.ModelChoiceField[Service]", self.fields["service"])
        services.queryset = Service.objects.select_related("cluster", "policy", "stable").order_by("name")

    def spec(self) -> dict[str, Any]:
        """The API's form of what is asked for."""
        traffic = self.traffic()
        return {"candidate_weight": traffic.pop("weight"), **traffic}

    def content(self) -> str:
        """All that a preview shows: a request is for exactly this and nothing else."""
        return json.dumps([self.cleaned_data["service"].pk, self.spec()], sort_keys=True)

    def refuse(self, error: Exception) -> None:
        """Show what ``flow`` or the mesh refused, beside the field it names."""
        field = _FIELDS.get(error.field, error.field) if isinstance(error, BadPlan) else None
        text = said_of_refusal(error) if isinstance(error, DomainError) else said_of(error)
        self.add_error(field if field in self.fields else None, text)


@dataclass(frozen=True, slots=True)
class Looked:
    """A preview as the page draws it. ``blocking``: a check stands against it."""

    preview: selectors.ChangePreview
    change: TrafficChange
    difference: Difference | None
    blocking: bool
    content: str


def ask_view(request: HttpRequest, *, context: dict[str, Any]) -> HttpResponse:
    """Show the form; on ``look`` what it would write; on ``ask`` ask for exactly what was looked at."""
    form = ChangeForm(request.POST or None, initial={"service": request.GET.get("service"), "weight": 0})
    looked: Looked | None = None
    if form.is_valid():
        try:
            looked = _looked(form)
            if "ask" in request.POST and request.POST.get("looked") == looked.content:
                return _asked(request, form)
        except PasswordNeeded as error:
            return to_password(request, error, there=request.get_full_path())
        except (DomainError, MeshError) as error:
            form.refuse(error)
    page = {
        **context,
        "title": _("Change weights and rules"),
        "form": form,
        "looked": looked,
        "outdated": looked and "ask" in request.POST and request.POST.get("looked") != looked.content,
        "only_back": not may(request, Action.CHANGE_TRAFFIC),
    }
    return TemplateResponse(request, "releases/change/form.html", page)


def _looked(form: ChangeForm) -> Looked:
    draft = flow.draft_change(service=form.cleaned_data["service"], spec=form.spec())
    preview = selectors.preview_change(draft)
    difference = read_difference(preview.difference)
    return Looked(
        preview=preview,
        change=draft,
        difference=difference if difference.lines else None,
        blocking=any(found.severity is Severity.ERROR for found in preview.findings),
        content=form.content(),
    )


def _asked(request: HttpRequest, form: ChangeForm) -> HttpResponse:
    given = form.cleaned_data
    change = flow.request_change(
        service=given["service"], spec=form.spec(), reason=given["reason"], by=actor_of(request)
    )
    text = _("%(change)s of %(service)s: %(state)s.")
    messages.success(
        request, text % {"change": change, "service": change.service, "state": change.get_state_display()}
    )
    return HttpResponseRedirect(reverse("admin:releases_trafficchange_change", args=[change.pk]))
