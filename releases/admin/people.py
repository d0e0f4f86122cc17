"""People, their groups and their roles. User administrators change them; each change is an audit event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import django.contrib.auth.admin  # noqa: F401  registers Group, which is taken over below
from django import forms
from django.contrib import admin
from django.contrib.auth.forms import BaseUserCreationForm
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.forms import ModelForm
from django.http import HttpRequest
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
        flow.save_access(
            row,  # type: ignore[arg-type]  # the three classes below, all of them accounts, groups or roles
            by=actor_of(request),
            changes=given,
            password=form.cleaned_data.get("password1", ""),
        )
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
        "What a person may do comes from the roles. Staff may enter this part; all others see the dashboard."
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
    """A role of a person; the three powers stay apart."""

    class Meta:
        model = Role
        fields = ("user", "name", "group")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        user, name = given.get("user"), given.get("name")
        if user and name:
            try:
                flow.check_powers_apart(user, and_also={RoleName(name)}, but=self.instance.pk)
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
        "A role holds on the services of the owning group; without a group it holds on every service."
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may(request, Action.EDIT_USERS)

    def has_change_permission(self, request: HttpRequest, obj: Role | None = None) -> bool:
        if obj is None:
            return self.has_add_permission(request)
        return selectors.may_in(person(request), Action.EDIT_USERS, group_id=obj.group_id)

    def has_delete_permission(self, request: HttpRequest, obj: Role | None = None) -> bool:
        return self.has_change_permission(request, obj)


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(PeopleAdmin[Group]):
    """Owning groups: their members come first where a policy requires the group."""

    list_display = ("name",)
    search_fields = ("name",)
    fields = ("name",)
    empty_help = gettext_lazy("Add a group that owns services.")
