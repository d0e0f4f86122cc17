"""What roles and accounts must be, and what becomes of them when a second person agreed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import translation
from django.utils.translation import gettext as _

from releases.domain import BadPlan, IllegalMove, NotAllowed
from releases.domain.roles import RoleName, are_apart
from releases.models import Proposal, Role, User

Row = TypeVar("Row", bound=models.Model)


def check_row(instance: models.Model) -> None:
    """Refuse what the columns do not take. Raises BadPlan with the field."""
    try:
        instance.full_clean()
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise BadPlan(f"{field}: {messages[0]}", field=field) from error


def check_role(role: Role) -> None:
    """Refuse a role that is held already, or that its person may not hold beside the others. Raises BadPlan."""
    check_row(role)
    check_powers_apart(role.user, and_also={RoleName(role.name)})


def check_powers_apart(user: User, *, and_also: Collection[RoleName] = ()) -> None:
    """Refuse a person who would both act and check, by whichever log-in. Raises BadPlan.

    The database refuses it too; this says it in words.
    """
    held = Role.objects.filter(user__in=user.logins() | User.objects.filter(pk=user.pk))
    if not are_apart({RoleName(name) for name in held.values_list("name", flat=True)} | set(and_also)):
        raise BadPlan(
            _("An auditor is neither approver nor operator: who checks does not act."), field="name"
        )


def check_belonging(account: User) -> None:
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


def stands_for(account: User) -> dict[str, Any]:
    """Return what makes an account the person it is, as a proposal keeps it: rows by their keys."""
    return {
        "username": account.username,
        "is_active": account.is_active,
        "belongs_to": account.belongs_to_id,
        "groups": sorted(account.groups.values_list("pk", flat=True)) if account.pk else [],
    }


def give_agreed_role(proposal: Proposal) -> None:
    """Give the role that two people agreed on. Raises BadPlan when it can not be held any more."""
    account, after = proposal.account, proposal.after
    assert account is not None  # noqa: S101 - the kind says so
    group = _still_there(Group, after["group"]) if after["group"] is not None else None
    role = Role(user=account, name=after["role"], group=group)
    check_role(role)
    role.save()


def change_agreed_account(proposal: Proposal) -> None:
    """Change the account as two people agreed. Raises IllegalMove when it is another by now, BadPlan, NotAllowed."""
    assert proposal.account is not None  # noqa: S101 - the kind says so
    account = User.objects.get(pk=proposal.account.pk)
    now, after = stands_for(account), dict(proposal.after)
    if any(now[name] != value for name, value in proposal.before.items()):
        raise IllegalMove(
            _("Account %(account)s changed since this was proposed; propose it again.") % {"account": account}
        )
    added = [_still_there(Group, key) for key in after.pop("added_groups", [])]
    if "belongs_to" in after:
        account.belongs_to = _still_there(User, after["belongs_to"])
        check_belonging(account)
    account.username = after.get("username", account.username)
    account.is_active = after.get("is_active", account.is_active)
    check_row(account)
    account.save()
    account.groups.add(*added)


def said(value: Any) -> Any:
    """A value as the trail keeps it: rows by their names, in English whoever reads the page."""
    with translation.override("en"):
        if isinstance(value, models.Model):
            return str(value)
        if isinstance(value, models.QuerySet | list | tuple):
            return [str(item) for item in value]
        return value


def read(instance: models.Model, names: Collection[str]) -> Mapping[str, Any]:
    """Return the row's values as the trail keeps them."""
    many = {field.name for field in instance._meta.many_to_many}
    return {
        name: said(list(getattr(instance, name).all()) if name in many else getattr(instance, name))
        for name in names
    }


def _still_there(kind: type[Row], key: int) -> Row:
    row = kind._default_manager.filter(pk=key).first()
    if row is None:
        raise IllegalMove(_("What was proposed names something that is gone; propose it again."))
    return row
