"""Who may do what: accounts, groups and roles change here, each change with its event. Secrets are never told."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from releases.domain import BadPlan, NotAllowed
from releases.domain.actor import Actor
from releases.domain.roles import Action, RoleName, are_apart
from releases.flow.attempts import attempt
from releases.flow.authorize import check_may_in
from releases.flow.record import record
from releases.models import Role, User


@attempt("save_access")
@transaction.atomic
def save_access(
    instance: User | Group | Role, *, by: Actor, changes: Mapping[str, Any], password: str = ""
) -> None:
    """Create (an unsaved instance) or change an account, a group or a role. Raises NotAllowed, BadPlan with the field."""
    for group_id in _groups(instance, changes=changes):
        check_may_in(Action.EDIT_USERS, by=by, group_id=group_id)
    created = instance.pk is None
    many = {field.name for field in instance._meta.many_to_many}
    before = None if created else {name: _said(_read(instance, name, many=many)) for name in changes}
    for name, value in changes.items():
        if name not in many:
            setattr(instance, name, value)
    if password and isinstance(instance, User):
        instance.set_password(password)
    _check(instance)
    if isinstance(instance, Role):
        check_powers_apart(instance.user, and_also={RoleName(instance.name)}, but=instance.pk)
    if isinstance(instance, User) and "belongs_to" in changes:
        _check_belonging(instance)
    instance.save()
    for name in many & set(changes):
        getattr(instance, name).set(changes[name])
    after = {name: _said(value) for name, value in changes.items()} | {"name": _said(instance)}
    if password:
        after["password"] = "set"  # noqa: S105 - says that it was, not what
    record(_action(instance, created=created), by=by, obj=instance, before=before, after=after)


@attempt("delete_access")
@transaction.atomic
def delete_access(instance: Group | Role, *, by: Actor) -> None:
    """Take a role away or delete a group. Accounts are switched off, never deleted. Raises NotAllowed."""
    for group_id in _groups(instance, changes={}):
        check_may_in(Action.EDIT_USERS, by=by, group_id=group_id)
    kind, key, said = instance._meta.model_name or "", str(instance.pk), _said(instance)
    person = instance.user if isinstance(instance, Role) else instance
    instance.delete()
    record(f"delete_{kind}", by=by, obj=person, before={"name": said}, named=(kind, key))


def check_powers_apart(user: User, *, and_also: Collection[RoleName] = (), but: int | None = None) -> None:
    """Refuse a person who would both act and check, by whichever log-in. Raises BadPlan.

    The database refuses it too; this says it in words. ``but`` is the key of a role that is being changed.
    """
    held = Role.objects.filter(user__in=user.logins() | User.objects.filter(pk=user.pk)).exclude(pk=but or 0)
    if not are_apart({RoleName(name) for name in held.values_list("name", flat=True)} | set(and_also)):
        raise BadPlan(
            _("An auditor is neither approver nor operator: who checks does not act."), field="name"
        )


def _check_belonging(account: User) -> None:
    """A service account belongs to a person, who belongs to nobody, and stays theirs; it brings its roles along."""
    stored = User.objects.filter(pk=account.pk).values_list("belongs_to", flat=True).first()
    if stored is not None and stored != account.belongs_to_id:
        raise NotAllowed(
            _(
                "A service account stays its person's: switch this one off and make another, so that one person stays one."
            )
        )
    owner = account.belongs_to
    if owner is None:
        return
    if owner.belongs_to_id or owner.pk == account.pk or account.service_accounts.exists():
        raise BadPlan(
            _("A service account belongs to a person, who is no service account."), field="belongs_to"
        )
    check_powers_apart(account)


def _groups(instance: User | Group | Role, *, changes: Mapping[str, Any]) -> set[int | None]:
    """Return the owning groups that a role is about, before and after; accounts and groups are everybody's."""
    if not isinstance(instance, Role):
        return {None}
    chosen = changes.get("group", instance.group)
    then = chosen.pk if chosen else None
    return {instance.group_id, then} if instance.pk else {then}


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
    """A value as the trail keeps it: rows by their names, in English whoever reads the page."""
    with translation.override("en"):
        if isinstance(value, models.Model):
            return str(value)
        if isinstance(value, models.QuerySet | list | tuple):
            return [str(item) for item in value]
        return value
