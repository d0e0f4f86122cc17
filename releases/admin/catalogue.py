"""The catalogue: clusters, services, versions, metrics, policies. ``flow`` saves and audits every change."""

from __future__ import annotations

from typing import Any, TypeVar

from django.contrib import admin, messages
from django.db.models import Model
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from releases import flow, selectors
from releases.admin.actor import actor_of, may, may_everywhere, person
from releases.admin.base import OperationsAdmin
from releases.domain.roles import Action
from releases.templatetags.weir import chip
from services.models import Cluster, Metric, Policy, RolloutLimit, Service, Version

M = TypeVar("M", bound=Model)


class CatalogueAdmin(OperationsAdmin[M]):
    """Add and change by role, through ``flow``. Nothing is deleted: rollouts and the trail point here."""

    action = Action.EDIT_CATALOGUE
    owner = ""
    """The column with the owning group, whose roles do; empty for what is everybody's."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may(request, self.action) if self.owner else may_everywhere(request, self.action)

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        if obj is None or not self.owner:
            return self.has_add_permission(request)
        return selectors.may_in(person(request), self.action, group_id=getattr(obj, self.owner))

    def save_model(self, request: HttpRequest, obj: M, form: ModelForm[M], change: bool) -> None:
        """Hand the changed fields to ``flow`` with the row as it was: the form has changed ``obj``."""
        names = form.changed_data if change else list(form.cleaned_data)
        changes = {name: form.cleaned_data[name] for name in names}
        row = self.model._default_manager.get(pk=obj.pk) if change else self.model()
        if flow.guarded(row, changes=changes):
            text = _(
                "What says who must agree takes two people: it is proposed, and changes when somebody else agrees."
            )
            self.message_user(request, text, messages.WARNING)
        obj.pk = flow.save_catalogue(row, by=actor_of(request), changes=changes).pk

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """``flow`` has saved the many-to-many fields with the row."""


@admin.register(Cluster)
class ClusterAdmin(CatalogueAdmin[Cluster]):
    list_display = ("name", "prometheus_url", "time_zone", "kubeconfig_env")
    search_fields = ("name",)
    empty_help = _("Add the cluster that Weir shall watch, with its Prometheus.")
    form_help = _(
        "Credentials are never stored here: name the environment variable that holds the kubeconfig's path."
    )


@admin.register(Service)
class ServiceAdmin(CatalogueAdmin[Service]):
    owner = "owners_id"
    list_display = ("name", "title", "place", "stable_version", "owners", "policy", "judged")
    list_filter = ("cluster", "owners", "policy", "shadow")
    list_select_related = ("cluster", "stable", "owners", "policy")
    search_fields = ("name", "title", "namespace", "host")
    readonly_fields = ("stable",)
    empty_help = _("Add a service with its host and its Istio objects, or let discovery find it.")
    form_help = _("The stable version is set by discovery and by the end of a rollout, never by hand.")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form, with the button that gives everything back."""
        service = self.get_object(request, object_id)
        back_to = flow.back_target(service) if service else None
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), "back_to": back_to}
        )

    @admin.display(description=_("verdicts"), ordering="shadow")
    def judged(self, service: Service) -> SafeString | str:
        """Say where nothing is done by a verdict; elsewhere there is nothing to say."""
        if not service.shadow:
            return str(_("decide"))
        return chip("hold", "warn", str(_("Shadow mode")))

    @admin.display(description=_("cluster and namespace"), ordering="namespace")
    def place(self, service: Service) -> str:
        return f"{service.cluster.name} / {service.namespace}"

    @admin.display(description=_("stable version"), ordering="stable__name")
    def stable_version(self, service: Service) -> SafeString | str:
        if service.stable is None:
            return self.empty_value_display
        return format_html('<span class="nowrap"><i class="k1"></i> {}</span>', service.stable.name)


@admin.register(Version)
class VersionAdmin(OperationsAdmin[Version]):
    """A version is registered once and stands for one image for ever."""

    list_display = ("name", "service", "subset", "image", "running", "registered_at", "registered_by")
    list_filter = ("service",)
    list_select_related = ("service", "registered_by")
    search_fields = ("name", "image", "commit", "service__name")
    date_hierarchy = None
    fields = ("service", "name", "subset", "labels", "image", "commit", "notes_url")
    empty_help = _("Versions come from CI by the API, from discovery, or by hand.")
    form_help = _("A name stands for one image for ever: another image needs another name.")

    def get_fields(self, request: HttpRequest, obj: Version | None = None) -> Any:
        seen = ("running_image", "replicas_ready", "registered_by", "registered_at")
        return (*self.fields, *seen) if obj else self.fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may(request, Action.REGISTER_VERSION)

    def save_model(self, request: HttpRequest, obj: Version, form: ModelForm[Version], change: bool) -> None:
        version, _created = flow.register_version(by=actor_of(request), **form.cleaned_data)
        obj.pk = version.pk

    @admin.display(description=_("pods ready"), ordering="replicas_ready")
    def running(self, version: Version) -> str:
        return self.empty_value_display if version.replicas_ready is None else str(version.replicas_ready)


@admin.register(Metric)
class MetricAdmin(CatalogueAdmin[Metric]):
    list_display = ("name", "title", "kind", "role", "direction", "unit", "margin")
    list_filter = ("role", "kind")
    search_fields = ("name", "title")
    empty_help = _("Add a metric: what is measured, in which unit, and in which direction it is worse.")


@admin.register(RolloutLimit)
class RolloutLimitAdmin(CatalogueAdmin[RolloutLimit]):
    list_display = ("scope", "cluster", "group", "rollouts")
    owner = "group_id"
    list_select_related = ("cluster", "group")
    empty_help = _("Without a limit every approved rollout begins when its time has come.")
    form_help = _("A limit holds for a cluster, or for the services that a group owns.")

    @admin.display(description=_("where"))
    def scope(self, limit: RolloutLimit) -> str:
        return str(limit)


@admin.register(Policy)
class PolicyAdmin(CatalogueAdmin[Policy]):
    list_display = ("name", "approvals_needed", "guard_allowed", "token_approval_allowed", "number")
    search_fields = ("name",)
    action = Action.EDIT_POLICIES
    readonly_fields = ("number",)
    empty_help = _("Add a policy: how many approvals a rollout needs, and from which groups.")
    form_help = _(
        "A change takes two people. It counts up the policy's number, which is in every fingerprint: open approvals are void then."
    )
