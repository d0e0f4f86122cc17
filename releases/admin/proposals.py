"""Changes that take two people, and what two people approved in advance. ``flow`` decides; the forms only ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from releases import flow, selectors
from releases.admin.actor import actor_of, may
from releases.admin.base import OperationsAdmin
from releases.admin.proposed import as_table
from releases.admin.widgets import MomentInput
from releases.clock import database_now
from releases.domain import BadPlan, DomainError
from releases.domain.roles import Action
from releases.models import Proposal, RolloutPlan, StandardChange
from releases.said import said_of
from releases.templatetags.weir import moment
from services.models import Service

if TYPE_CHECKING:  # Django's forms take no parameter at run time

    class _ProposalForm(forms.ModelForm[Proposal]): ...

    class _StandardChangeForm(forms.ModelForm[StandardChange]): ...
else:
    _ProposalForm = _StandardChangeForm = forms.ModelForm


class ProposalForm(_ProposalForm):
    """The answer of the second person, or of the first who takes it back."""

    decision = forms.ChoiceField(
        label=gettext_lazy("Decision"),
        choices=[
            ("agree", gettext_lazy("Agree: the change is made now")),
            ("refuse", gettext_lazy("Refuse")),
            ("withdraw", gettext_lazy("Take it back")),
        ],
    )
    answer = forms.CharField(
        label=gettext_lazy("Answer"), required=False, widget=forms.Textarea(attrs={"rows": 3})
    )


class StandardForm(forms.Form):
    """A plan that shall need no vote on one service, within bounds."""

    plan = forms.ModelChoiceField(
        label=gettext_lazy("Plan"),
        queryset=RolloutPlan.objects.order_by("name"),
        help_text=gettext_lazy("As it is now: editing it later ends what was approved."),
    )
    service = forms.ModelChoiceField(label=gettext_lazy("Service"), queryset=Service.objects.order_by("name"))
    max_weight = forms.IntegerField(
        label=gettext_lazy("Highest weight"), min_value=1, max_value=100, initial=100
    )
    valid_until = forms.DateTimeField(
        label=gettext_lazy("Valid until"), widget=MomentInput, help_text=gettext_lazy("Within a year.")
    )
    why = forms.CharField(label=gettext_lazy("Reason"), widget=forms.Textarea(attrs={"rows": 3}))


@admin.register(Proposal)
class ProposalAdmin(OperationsAdmin[Proposal]):
    """The inbox of changes that take two people."""

    form = ProposalForm
    list_display = ("__str__", "kind", "target", "state", "asked_by", "asked_at", "decided_by")
    list_filter = ("state", "kind")
    readonly_fields = (
        "kind",
        "target",
        "difference",
        "reason",
        "asked_by",
        "asked_at",
        "state",
        "decided_by",
    )
    fields = (*readonly_fields, "decision", "answer")
    empty_help = gettext_lazy("Changes of policies and active freezes wait here for a second person.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Proposal]:
        return selectors.proposals()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may(request, Action.EDIT_PLANS)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Propose a standard change. Other proposals begin where what they change is shown."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = StandardForm(request.POST or None, initial={"plan": request.GET.get("plan")})
        if form.is_valid():
            try:
                made = flow.propose_standard(by=actor_of(request), **form.cleaned_data)
            except BadPlan as error:
                form.add_error(error.field if error.field in form.fields else None, said_of(error))
            except DomainError as error:
                form.add_error(None, said_of(error))
            else:
                told = _("%(proposal)s waits for a second person.") % {"proposal": made}
                self.message_user(request, told, messages.WARNING)
                return HttpResponseRedirect(reverse("admin:releases_proposal_changelist"))
        title = _("Propose a standard change")
        context = {**self.admin_site.each_context(request), "title": title, "form": form, "opts": self.opts}
        return TemplateResponse(request, "releases/standard_form.html", context)

    @admin.display(description=gettext_lazy("what would change"))
    def difference(self, proposal: Proposal) -> SafeString | str:
        return as_table(proposal)

    def has_change_permission(self, request: HttpRequest, obj: Proposal | None = None) -> bool:
        """Who may decide ``flow`` says, with the reason; what is decided is only read."""
        return obj is None or obj.state == Proposal.State.OPEN

    def get_fields(self, request: HttpRequest, obj: Proposal | None = None) -> Any:
        return self.fields if self.has_change_permission(request, obj) else (*self.readonly_fields, "answer")

    def save_model(self, request: HttpRequest, obj: Proposal, form: Any, change: bool) -> None:
        decide: dict[str, Callable[..., Proposal]] = {
            "agree": flow.agree,
            "refuse": flow.refuse,
            "withdraw": flow.withdraw_proposal,
        }
        stored = selectors.proposals().get(pk=obj.pk)
        decide[form.cleaned_data["decision"]](stored, by=actor_of(request), why=form.cleaned_data["answer"])


class TakeBackForm(_StandardChangeForm):
    """Why an approval in advance is taken back."""

    why = forms.CharField(label=gettext_lazy("Reason"), widget=forms.Textarea(attrs={"rows": 3}))


@admin.register(StandardChange)
class StandardChangeAdmin(OperationsAdmin[StandardChange]):
    """Plans that need no vote. Taking one back takes one person, and pauses what runs by it."""

    form = TakeBackForm
    list_display = ("__str__", "plan", "service", "max_weight", "ends", "holds", "two")
    list_filter = (("service", admin.RelatedOnlyFieldListFilter),)
    readonly_fields = ("plan", "service", "max_weight", "ends", "holds", "two", "proposal", "revoked_by")
    fields = (*readonly_fields, "why")
    empty_help = gettext_lazy(
        "A standard change is proposed on the page of its plan, and agreed to by a second person."
    )
    form_help = gettext_lazy("Taking it back takes one person, and pauses what runs by it.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[StandardChange]:
        return selectors.standard_changes()

    def has_change_permission(self, request: HttpRequest, obj: StandardChange | None = None) -> bool:
        """What is taken back already is only read."""
        return may(request, Action.EDIT_POLICIES) and (obj is None or obj.revoked_at is None)

    def get_fields(self, request: HttpRequest, obj: StandardChange | None = None) -> Any:
        return self.fields if self.has_change_permission(request, obj) else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: StandardChange, form: Any, change: bool) -> None:
        stored = selectors.standard_changes().get(pk=obj.pk)
        flow.revoke_standard(stored, by=actor_of(request), why=form.cleaned_data["why"])

    @admin.display(description=gettext_lazy("valid until"), ordering="valid_until")
    def ends(self, standard: StandardChange) -> SafeString | str:
        return moment(standard.valid_until)

    @admin.display(description=gettext_lazy("holds"), boolean=True)
    def holds(self, standard: StandardChange) -> bool:
        return standard.holds(database_now())

    @admin.display(description=gettext_lazy("asked by, agreed by"))
    def two(self, standard: StandardChange) -> str:
        return f"{standard.proposal.asked_by}, {standard.proposal.decided_by}"
