"""People, their groups and their roles. User administrators change them; each change is an audit event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import django.contrib.auth.admin  # noqa: F401  registers Group, which is taken over below
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.forms import BaseUserCreationForm
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from releases import flow, selectors
from releases.admin.actor import actor_of, may, may_everywhere, person
from releases.admin.base import OperationsAdmin
from releases.domain import BadPlan
from releases.domain.roles import Action, RoleName
from releases.models import Role, User
from releases.models.access import ROLE_LABELS
from releases.said import said_of

M = TypeVar("M", bound=Model)

if TYPE_CHECKING:  # Django's forms are generic for the type checker alone
    _NewUserForm = BaseUserCreationForm[User]
    _RoleForm = forms.ModelForm[Role]
else:
    _NewUserForm = BaseUserCreationForm
    _RoleForm = forms.ModelForm


class PeopleAdmin(OperationsAdmin[M]):
    """Changed by user administrators. The audit event is written in the transaction that saves the row."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may_everywhere(request, Action.EDIT_USERS)

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return self.has_add_permission(request)

    def save_model(self, request: HttpRequest, obj: M, form: ModelForm[M], change: bool) -> None:
        """Hand what the form says to ``flow``, which saves it and writes the event."""
        given = {name: form.cleaned_data[name] for name in form.changed_data if "password" not in name}
        row = self.model._default_manager.get(pk=obj.pk) if change else self.model()
        proposal = flow.save_access(
            row,  # type: ignore[arg-type]  # the three classes below, all of them accounts, groups or roles
            by=actor_of(request),
            changes={name: value for name, value in given.items() if name != "why"},
            password=form.cleaned_data.get("password1", ""),
            why=form.cleaned_data.get("why", ""),
        )
        if proposal is not None:
            told = _("%(proposal)s waits for a second person.") % {"proposal": proposal}
            self.message_user(request, told, messages.WARNING)
        obj.pk = row.pk

    def save_related(self, request: HttpRequest, form: ModelForm[M], formsets: Any, change: bool) -> None:
        """Everything is saved already, with its event."""

    def delete_model(self, request: HttpRequest, obj: M) -> None:
        flow.delete_access(obj, by=actor_of(request))  # type: ignore[arg-type]  # as above; accounts are never deleted


class UserCreation(_NewUserForm):
    """A new account with its first password."""

    class Meta:
        model = User
        fields = ("username", "title")


@admin.register(User)
class UserAdmin(PeopleAdmin[User]):
    """Accounts are switched off, never deleted: the audit trail names them."""

    list_display = ("username", "title", "is_active", "is_staff", "held", "last_login")
    list_filter = ("is_active", "is_staff", "groups")
    search_fields = ("username", "title", "email")
    ordering = ("username",)
    fields = ("username", "title", "email", "is_active", "is_staff", "groups", "belongs_to")
    empty_help = gettext_lazy("Add a user, then give the user a role.")
    form_help = gettext_lazy(
        "What a person may do comes from the roles. Staff may enter this part; all others see the dashboard. "
        "A group more, another name or person, and coming back take two people."
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("roles__group", "groups")

    def get_form(
        self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        if obj is None:
            return UserCreation
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        return self.fields if obj else ("username", "title", "password1", "password2")

    @admin.display(description=gettext_lazy("roles"))
    def held(self, user: User) -> str:
        said = [
            f"{ROLE_LABELS[RoleName(role.name)]} ({role.group})"
            if role.group
            else str(ROLE_LABELS[RoleName(role.name)])
            for role in user.roles.all()
        ]
        return ", ".join(said) or self.empty_value_display


class RoleForm(_RoleForm):
    """A role for a person; the three powers stay apart."""

    why = forms.CharField(label=gettext_lazy("Reason"), widget=forms.Textarea(attrs={"rows": 3}))

    class Meta:
        model = Role
        fields = ("user", "name", "group")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        user, name = given.get("user"), given.get("name")
        if user and name:
            try:
                flow.check_powers_apart(user, and_also={RoleName(name)})
            except BadPlan as error:
                raise ValidationError(said_of(error)) from error
        return given


@admin.register(Role)
class RoleAdmin(PeopleAdmin[Role]):
    list_display = ("user", "name", "group")
    list_filter = ("name", "group")
    list_select_related = ("user", "group")
    search_fields = ("user__username", "user__title")
    ordering = ("user__username", "name")
    form = RoleForm
    empty_help = gettext_lazy(
        "Add a role: a person, what the person may be, and on the services of which group."
    )
    form_help = gettext_lazy(
        "A role holds on the services of the owning group; without a group it holds on every service. "
        "It is given when a second person agrees; taking it away takes one."
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may(request, Action.EDIT_USERS)

    def has_change_permission(self, request: HttpRequest, obj: Role | None = None) -> bool:
        """A role is given or taken away, never changed."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Role | None = None) -> bool:
        """Somebody else's, by who administers the group that it is for."""
        if obj is None:
            return self.has_add_permission(request)
        asks = person(request)
        is_own = asks.person_id == obj.user.person_id
        return not is_own and selectors.may_in(asks, Action.EDIT_USERS, group_id=obj.group_id)

    def response_add(
        self, request: HttpRequest, obj: Role, post_url_continue: str | None = None
    ) -> HttpResponse:
        """There is no role yet that could be said to be added: back to those that are."""
        return HttpResponseRedirect(reverse("admin:releases_role_changelist"))


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(PeopleAdmin[Group]):
    """Owning groups: their members come first where a policy requires the group."""

    list_display = ("name",)
    search_fields = ("name",)
    fields = ("name",)
    empty_help = gettext_lazy("Add a group that owns services.")
