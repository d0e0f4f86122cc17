"""Forms that lead into ``flow``: they say what is missing beside the field; the rules stay where they are."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from releases.admin.widgets import MomentInput
from releases.domain import BadPlan
from releases.models import RolloutPlan
from releases.said import said_of
from services.models import Service, Version


class CandidateSelect(forms.Select):
    """Options that say which service they belong to, so that the page can narrow them down."""

    def create_option(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(*args, **kwargs)
        version = getattr(option["value"], "instance", None)
        if version is not None:
            option["attrs"]["data-service"] = str(version.service_id)
        return option


class RolloutForm(forms.Form):
    """A request for a rollout. ``service`` is left out where a draft is edited."""

    service = forms.ModelChoiceField(label=_("Service"), queryset=Service.objects.none())
    candidate = forms.ModelChoiceField(
        label=_("Candidate"),
        queryset=Version.objects.none(),
        widget=CandidateSelect,
        help_text=_("The version to be released. The stable one is the one that has the traffic now."),
    )
    plan = forms.ModelChoiceField(
        label=_("Plan"),
        queryset=RolloutPlan.objects.none(),
        help_text=_("Copied into the rollout: editing the plan later changes nothing here."),
    )
    reason = forms.CharField(
        label=_("Reason"),
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Why this release, and why now."),
    )
    impact = forms.CharField(
        label=_("Impact"),
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Who and what is touched."),
    )
    test_evidence = forms.CharField(
        label=_("Test evidence"),
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("What was tested, with which result; links are fine."),
    )
    rollback_note = forms.CharField(
        label=_("Rollback note"),
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("What a rollback leaves behind. The traffic itself goes back in one write."),
    )
    changes_data = forms.BooleanField(
        label=_("Changes a schema or data"),
        required=False,
        help_text=_("Both versions run side by side on it: say below how that works."),
    )
    compatibility_note = forms.CharField(
        label=_("Compatibility note"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("How the old and the new version live with the change. Needed where there is one."),
    )
    start_at = forms.DateTimeField(
        label=_("Start at"),
        required=False,
        widget=MomentInput,
        help_text=_("Empty: at once, when it is approved."),
    )
    ticket = forms.CharField(label=_("Ticket"), required=False, max_length=200)

    def __init__(self, *args: Any, service: Service | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        versions = Version.objects.select_related("service").order_by("service__name", "-registered_at")
        if service is None:
            self._offer("service", Service.objects.order_by("name"))
        else:
            del self.fields["service"]
            versions = versions.filter(service=service)
        self._offer("candidate", versions)
        self._offer("plan", RolloutPlan.objects.order_by("name"))
        for field in self.fields.values():
            if not isinstance(field, forms.BooleanField):
                field.widget.attrs["class"] = "input"

    def _offer(self, name: str, rows: QuerySet[Any]) -> None:
        field = cast("forms.ModelChoiceField[Any]", self.fields[name])
        field.queryset = rows

    def clean(self) -> dict[str, Any]:
        """Ask for the note where it is needed, before ``flow`` would at the submission."""
        given = super().clean() or self.cleaned_data
        if given.get("changes_data") and not given.get("compatibility_note", "").strip():
            self.add_error(
                "compatibility_note", _("A change of schema or data says how both versions live with it.")
            )
        return given

    def refuse(self, error: BadPlan) -> None:
        """Show what ``flow`` refused beside the field it names."""
        self.add_error(error.field if error.field in self.fields else None, said_of(error))
