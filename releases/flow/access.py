"""Who may do what: accounts, groups and roles change here, each change with its event. Secrets are never told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext as _

from releases.domain import BadPlan
from releases.domain.actor import Actor
from releases.domain.roles import Action, RoleName
from releases.flow.attempts import attempt
from releases.flow.authorize import check_may
from releases.flow.record import record
from releases.models import Role, User

_ACTING = frozenset({RoleName.APPROVER, RoleName.OPERATOR})


@attempt("save_access")
@transaction.atomic
def save_access(
    instance: User | Group | Role, *, by: Actor, changes: Mapping[str, Any], password: str = ""
) -> None:
    """Create (an unsaved instance) or change an account, a group or a role. Raises NotAllowed, BadPlan with the field."""
    check_may(Action.EDIT_USERS, by=by, service=None)
    created = instance.pk is None
    many = {field.name for field in instance._meta.many_to_many}
    before = None if created else {name: _said(_read(instance, name, many=many)) for name in changes}
    for name, value in changes.items():
        if name not in many:
            setattr(instance, name, value)
    if password and isinstance(instance, User):
        instance.set_password(password)
    if isinstance(instance, Role):
        _check_powers_apart(instance)
    _check(instance)
    instance.save()
    for name in many & set(changes):
        getattr(instance, name).set(changes[name])
    after = {name: _said(value) for name, value in changes.items()} | {"name": str(instance)}
    if password:
        after["password"] = "set"  # noqa: S105 - says that it was, not what
    record(_action(instance, created=created), by=by, obj=instance, before=before, after=after)


@attempt("delete_access")
@transaction.atomic
def delete_access(instance: Group | Role, *, by: Actor) -> None:
    """Take a role away or delete a group. Accounts are switched off, never deleted. Raises NotAllowed."""
    check_may(Action.EDIT_USERS, by=by, service=None)
    kind, key, said = instance._meta.model_name or "", str(instance.pk), str(instance)
    person = instance.user if isinstance(instance, Role) else instance
    instance.delete()
    record(f"delete_{kind}", by=by, obj=person, before={"name": said}, named=(kind, key))


def _check_powers_apart(role: Role) -> None:
    """Refuse who would both act and check. The database refuses it too; this says it in words."""
    held = {RoleName(name) for name in role.user.roles.exclude(pk=role.pk).values_list("name", flat=True)} | {
        RoleName(role.name)
    }
    if RoleName.AUDITOR in held and held & _ACTING:
        raise BadPlan(
            _("An auditor is neither approver nor operator: who checks does not act."), field="name"
        )


def _check(instance: models.Model) -> None:
    try:
        instance.full_clean()
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise BadPlan(f"{field}: {messages[0]}", field=field) from error


def _action(instance: models.Model, *, created: bool) -> str:
    return f"{'create' if created else 'change'}_{instance._meta.model_name}"


def _read(instance: models.Model, name: str, *, many: set[str]) -> Any:
    return list(getattr(instance, name).all()) if name in many else getattr(instance, name)


def _said(value: Any) -> Any:
    """A value as the trail keeps it: rows by their names."""
    if isinstance(value, models.Model):
        return str(value)
    if isinstance(value, models.QuerySet | list | tuple):
        return [str(item) for item in value]
    return value
