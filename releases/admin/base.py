"""What every page of the operators' face has in common: who may look, and that writing goes through ``flow``.

Roles decide, not Django's model permissions: whoever may enter (``is_staff``) may read; each class says
what may be written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django import forms
from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.db import models
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from unfold.admin import ModelAdmin as ThemeModelAdmin

from releases import flow
from releases.admin.actor import actor_of, person
from releases.admin.sign_in import to_password
from releases.admin.widgets import MomentInput
from releases.domain import DomainError, PasswordNeeded
from releases.models import User
from releases.said import said_of

M = TypeVar("M", bound=Model)

if TYPE_CHECKING:  # the theme has no types; at run time Django's classes are not generic
    from django.contrib.admin import ModelAdmin

    class _Theme(ModelAdmin[M]): ...
else:

    class _Theme(ThemeModelAdmin, Generic[M]): ...


class OperationsAdmin(_Theme[M]):
    """Reads for everybody who may enter, no writing, no bulk actions, no counting of millions of rows."""

    actions = None
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = 50
    empty_value_display = "–"
    empty_help: str | Promise = ""
    form_help: str | Promise = ""
    has_history = True
    formfield_overrides = {
        models.DateTimeField: {"form_class": forms.DateTimeField, "widget": MomentInput},
        models.URLField: {"form_class": forms.URLField, "assume_scheme": "https"},
        models.JSONField: {"widget": forms.Textarea(attrs={"rows": 3, "class": "mono"})},
        models.TextField: {"widget": forms.Textarea(attrs={"rows": 3})},
        models.ManyToManyField: {"widget": forms.CheckboxSelectMultiple},
    }

    def has_module_permission(self, request: HttpRequest) -> bool:
        return isinstance(request.user, User) and self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return person(request).is_active

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Turn what ``flow`` refuses into a message; Django has rolled back, so it is recorded here."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except DomainError as error:
            about = self.get_object(request, object_id) if object_id else None
            action = f"{'change' if object_id else 'create'}_{self.opts.model_name}"
            flow.tell_refusal(error, action=action, by=actor_of(request), obj=about or self.model())
            if isinstance(error, PasswordNeeded):
                return to_password(request, error, there=request.get_full_path())
            self.message_user(request, said_of(error), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The history of a row is its audit events: there is no second log."""
        query = urlencode({"object_type__exact": str(self.opts.model_name), "object_id__exact": object_id})
        return HttpResponseRedirect(f"{reverse('admin:releases_auditevent_changelist')}?{query}")

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> None:  # type: ignore[override]
        """The audit trail says it."""

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> None:  # type: ignore[override]
        """The audit trail says it."""
