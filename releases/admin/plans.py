"""Rollout plans: the list, and one form with its steps. ``flow.save_plan`` checks and saves the whole."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from releases import flow, selectors
from releases.admin.actor import actor_of, may, person
from releases.admin.base import OperationsAdmin
from releases.admin.plan_forms import BaseStepFormSet, PlanForm, step_forms
from releases.admin.plan_templates import plan_templates
from releases.domain import BadPlan, DomainError
from releases.domain.roles import Action
from releases.models import RolloutPlan
from releases.said import said_of
from releases.templatetags.weir import moment


@admin.register(RolloutPlan)
class RolloutPlanAdmin(OperationsAdmin[RolloutPlan]):
    list_display = ("name", "title", "kind", "weights", "owners", "changed")
    list_filter = ("strategy", "owners")
    search_fields = ("name", "title")
    empty_help = gettext_lazy("Add a plan: begin with a template and change its steps.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RolloutPlan]:
        return super().get_queryset(request).select_related("created_by", "owners").prefetch_related("steps")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may(request, Action.EDIT_PLANS)

    def has_delete_permission(self, request: HttpRequest, obj: RolloutPlan | None = None) -> bool:
        return self.has_add_permission(request) if obj is None else self._keeps(request, obj)

    @admin.display(description=gettext_lazy("strategy"), ordering="strategy")
    def kind(self, plan: RolloutPlan) -> str:
        return plan.get_strategy_display()

    @admin.display(description=gettext_lazy("steps, %"))
    def weights(self, plan: RolloutPlan) -> SafeString:
        return format_html(
            '<span class="num">{}</span>', " → ".join(str(step.weight) for step in plan.steps.all())
        )

    @admin.display(description=gettext_lazy("changed"), ordering="updated_at")
    def changed(self, plan: RolloutPlan) -> SafeString:
        return format_html('{}<p class="meta">{}</p>', moment(plan.updated_at), plan.created_by or "")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return self._plan_view(request, plan=None)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        plan = self.get_object(request, object_id)
        if plan is None:
            raise Http404
        if request.method == "POST" and not self._keeps(request, plan):
            raise PermissionDenied
        return self._plan_view(request, plan=plan)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, extra_context)
        except DomainError as error:
            messages.error(request, said_of(error))
            return HttpResponseRedirect(reverse("admin:releases_rolloutplan_change", args=[object_id]))

    def delete_model(self, request: HttpRequest, obj: RolloutPlan) -> None:
        flow.delete_plan(obj, by=actor_of(request))

    def _keeps(self, request: HttpRequest, plan: RolloutPlan | None) -> bool:
        """Say whether the person may save this plan, or a new one."""
        if plan is None:
            return self.has_add_permission(request)
        return selectors.may_keep_plan(person(request), plan)

    def _plan_view(self, request: HttpRequest, *, plan: RolloutPlan | None) -> HttpResponse:
        """Show the form with its steps, or save both at once."""
        given = request.POST or None
        form = PlanForm(given, initial=PlanForm.initial_of(plan) if plan else None)
        steps = step_forms(given, plan=plan)
        if form.is_valid() and steps.is_valid() and (saved := self._save(request, form, steps, plan=plan)):
            self.message_user(
                request,
                _("%(plan)s was saved. Rollouts that exist keep their copy.") % {"plan": saved},
                messages.SUCCESS,
            )
            return HttpResponseRedirect(reverse("admin:releases_rolloutplan_changelist"))
        context = {
            **self.admin_site.each_context(request),
            "title": plan.name if plan else _("New plan"),
            "plan": plan,
            "form": form,
            "steps": steps,
            "templates": plan_templates(),
            "may_save": self._keeps(request, plan),
            "opts": self.opts,
        }
        return TemplateResponse(request, "releases/plan_form.html", context)

    def _save(
        self, request: HttpRequest, form: PlanForm, steps: BaseStepFormSet, *, plan: RolloutPlan | None
    ) -> RolloutPlan | None:
        """Save by ``flow``, or show its refusal where it belongs and return None."""
        named = {name: form.cleaned_data[name] for name in ("name", "title", "strategy")}
        owners = form.cleaned_data["owners"]
        try:
            return flow.save_plan(
                **named,
                steps=[step.as_step() for step in steps.kept()],
                evidence=form.evidence(),
                by=actor_of(request),
                plan=plan,
                owners=flow.Owners.UNSAID if owners is None and plan is None else owners,
            )
        except BadPlan as error:
            if not steps.refuse(error):
                form.add_error(error.field if error.field in form.fields else None, said_of(error))
        except DomainError as error:
            form.add_error(None, said_of(error))
        return None
