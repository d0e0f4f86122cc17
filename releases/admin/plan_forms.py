"""The form of a plan and its steps: from what people write to what ``flow.save_plan`` takes, and back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from releases.admin.widgets import MomentInput
from releases.domain import BadPlan
from releases.domain.evidence_policy import MAX_HOLD_BACK, EvidencePolicy
from releases.domain.hold_back import HOLD_BACK
from releases.domain.plan import MAX_STEPS
from releases.models import PlanStep, RolloutPlan
from releases.said import said_of

RULES_EXAMPLE = '[{"header": "x-weir-test", "exact": "v2", "to": "candidate"}]'
_UNITS = {"s": 1, "秒": 1, "min": 60, "m": 60, "分钟": 60, "h": 3600, "小时": 3600, "d": 86400, "天": 86400}
_PART = re.compile(r"\s*(\d+)\s*(s|min|m|h|d|秒|分钟|小时|天)?\s*")
_PLACE = re.compile(r"steps\[(\d+)\](?:\.(\w+))?")
_FIELDS = {"bake_seconds": "bake", "sticky": "sticky_percent", "mirror": "mirror_percent"}


class LengthField(forms.CharField):
    """A length of time as people write it: ``24 h``, ``1 d 12 h``, or bare seconds. Cleans to seconds."""

    def clean(self, value: Any) -> int:
        text = super().clean(value)
        parts = _PART.findall(text)
        if not parts or _PART.sub("", text):
            raise ValidationError(_("Write a length of time, as in 24 h, 5 min or 90 s."))
        return sum(int(number) * _UNITS[unit or "s"] for number, unit in parts)

    def prepare_value(self, value: Any) -> Any:
        """Write whole seconds in the largest unit that keeps them exact."""
        if not isinstance(value, int):
            return value
        unit = next(unit for unit in ("h", "min", "s") if value % _UNITS[unit] == 0)
        return f"{value // _UNITS[unit]} {unit}"


class RulesField(forms.JSONField):
    """Header, cookie and query rules as a JSON list; empty means none."""

    def clean(self, value: Any) -> list[Any]:
        return super().clean(value) or []

    def prepare_value(self, value: Any) -> Any:
        return (
            json.dumps(value, ensure_ascii=False)
            if isinstance(value, list) and value
            else ""
            if value == []
            else value
        )


class PlanForm(forms.Form):
    """A plan without its steps."""

    name = forms.SlugField(label=_("Name"), max_length=100, allow_unicode=True)
    title = forms.CharField(label=_("Title"), max_length=200, required=False)
    owners = forms.ModelChoiceField(
        label=_("Owning group"),
        queryset=Group.objects.order_by("name"),
        required=False,
        empty_label=_("shared by all"),
        help_text=_("Who may change it. Everybody may use it."),
    )
    strategy = forms.ChoiceField(label=_("Strategy"), choices=RolloutPlan.Strategy.choices, initial="canary")
    policy = forms.ChoiceField(
        label=_("Evidence"),
        choices=[
            ("gate", _("gate: a step is left on sufficient evidence only")),
            ("guard", _("guard: a step is left when its time is over and no guard fired")),
        ],
    )
    interval = LengthField(label=_("Measured every"), initial=15)
    wait_limit = LengthField(
        label=_("Waits at most"), initial=3600, help_text=_("For evidence, after the time of a step is over.")
    )
    when_unclear = forms.ChoiceField(
        label=_("If it stays unclear"),
        choices=[("hold", _("hold for a person")), ("roll_back", _("roll back"))],
    )

    hold_back = forms.IntegerField(
        label=_("Held back, %"),
        required=False,
        min_value=0,
        max_value=MAX_HOLD_BACK,
        initial=HOLD_BACK,
        help_text=_(
            "Stay on the stable version during a last step of 100 %, so that there is something to compare with until the promotion."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["class"] = "input"

    @staticmethod
    def initial_of(plan: RolloutPlan) -> dict[str, Any]:
        evidence = EvidencePolicy.from_json(plan.evidence)
        return {
            "name": plan.name,
            "title": plan.title,
            "owners": plan.owners_id,
            "strategy": plan.strategy,
            "policy": evidence.policy,
            "interval": evidence.interval_seconds,
            "wait_limit": evidence.wait_limit_seconds,
            "when_unclear": evidence.when_unclear,
            "hold_back": evidence.hold_back,
        }

    def evidence(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {
            "policy": given["policy"],
            "interval_seconds": given["interval"],
            "wait_limit_seconds": given["wait_limit"],
            "when_unclear": given["when_unclear"],
            "hold_back": given["hold_back"] or 0,
        }


class TrafficFields(forms.Form):
    """Where requests go: a weight, rules before it, users who always see the candidate, copies."""

    weight = forms.IntegerField(label=_("Weight, %"), min_value=0, max_value=100)
    sticky_header = forms.CharField(
        label=_("Sticky by header"),
        required=False,
        help_text=_("The same users always see the candidate, as in x-user-id."),
    )
    sticky_percent = forms.IntegerField(
        label=_("Sticky users, %"), required=False, min_value=0, max_value=100
    )
    mirror_percent = forms.FloatField(
        label=_("Mirrored, %"),
        required=False,
        min_value=0,
        max_value=100,
        help_text=_("Copies; the answers are dropped."),
    )
    rules = RulesField(
        label=_("Rules"),
        required=False,
        help_text=_(
            "JSON, first hit wins. Headers reach other services only if the application passes them on."
        ),
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": RULES_EXAMPLE}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            if name != "DELETE":
                field.widget.attrs["class"] = "input mono" if name == "rules" else "input"

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if bool(given.get("sticky_header")) != (given.get("sticky_percent") is not None):
            self.add_error("sticky_percent", _("Sticky users need both a header and a percentage."))
        return given

    def traffic(self) -> dict[str, Any]:
        """The API's form of it."""
        given = self.cleaned_data
        sticky = (
            {"header": given["sticky_header"], "percent": given["sticky_percent"]}
            if given["sticky_header"]
            else None
        )
        return {
            "weight": given["weight"],
            "sticky": sticky,
            "mirror": {"percent": given["mirror_percent"]} if given["mirror_percent"] else None,
            "rules": given["rules"],
        }


class StepForm(TrafficFields):
    """One step."""

    bake = LengthField(label=_("Held for"))
    gate = forms.ChoiceField(label=_("Begins"), choices=PlanStep.Gate.choices)
    not_before = forms.DateTimeField(label=_("Not before"), required=False, widget=MomentInput)
    field_order = ["weight", "bake", "gate", "not_before"]

    @staticmethod
    def initial_of(step: PlanStep) -> dict[str, Any]:
        sticky: Mapping[str, Any] = step.sticky or {}
        return {
            "weight": step.weight,
            "bake": step.bake_seconds,
            "gate": step.gate,
            "not_before": step.not_before,
            "sticky_header": sticky.get("header", ""),
            "sticky_percent": sticky.get("percent"),
            "mirror_percent": (step.mirror or {}).get("percent"),
            "rules": step.rules,
        }

    def as_step(self) -> dict[str, Any]:
        """The API's form of the step."""
        given = self.cleaned_data
        return {
            **self.traffic(),
            "bake_seconds": given["bake"],
            "gate": given["gate"],
            "not_before": given["not_before"],
        }


if TYPE_CHECKING:  # Django's formsets are generic for the type checker alone
    _FormSet = forms.BaseFormSet[StepForm]
else:
    _FormSet = forms.BaseFormSet


class BaseStepFormSet(_FormSet):
    """The steps in their order, without those that were taken out."""

    def kept(self) -> list[StepForm]:
        return [form for form in self.forms if not form.cleaned_data.get("DELETE")]

    def refuse(self, error: BadPlan) -> bool:
        """Show what the domain refused at the step and field it names; say whether it named one."""
        place = _PLACE.match(error.field)
        if place is None or int(place[1]) >= len(self.kept()):
            return False
        form = self.kept()[int(place[1])]
        name = _FIELDS.get(place[2] or "", place[2] or "")
        form.add_error(name if name in form.fields else None, said_of(error))
        return True


_StepFormSet = forms.formset_factory(
    StepForm,
    formset=BaseStepFormSet,
    extra=0,
    min_num=1,
    max_num=MAX_STEPS,
    validate_min=True,
    can_delete=True,
)


def step_forms(given: Mapping[str, Any] | None, *, plan: RolloutPlan | None = None) -> BaseStepFormSet:
    """Return the steps as they were posted, or as the plan has them, or one empty step."""
    initial = [StepForm.initial_of(step) for step in plan.steps.all()] if plan else None
    forms_of_steps = cast("BaseStepFormSet", _StepFormSet(given, prefix="steps", initial=initial))
    if initial and given is None:
        forms_of_steps.min_num = 0  # Django would add an empty step to those that are there
    return forms_of_steps
