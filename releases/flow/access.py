"""Who may do what: accounts, groups and roles change here, each change with its event. Secrets are never told.

Giving takes two people and is only proposed here (``flow.accounts`` does it when the second one agrees); taking away takes one.
Nobody does either to themselves, by whichever of their log-ins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models.fields.reverse_related import ForeignObjectRel
from django.utils.translation import gettext as _

from releases.domain import BadPlan, IllegalMove, NotAllowed
from releases.domain.actor import Actor
from releases.domain.roles import Action, RoleName
from releases.flow.accounts import check_belonging, check_role, check_row, read, said, stands_for
from releases.flow.attempts import attempt
from releases.flow.authorize import check_may_in
from releases.flow.four_eyes import propose, refuse_oneself
from releases.flow.record import record
from releases.models import Proposal, Role, User

COLUMNS: Mapping[type[User | Group], frozenset[str]] = {
    User: frozenset({"username", "title", "email", "is_active", "is_staff", "groups", "belongs_to"}),
    Group: frozenset({"name"}),
}
"""What a door may write. Superusers are made by ``createsuperuser`` alone, which grants nothing but looking."""
_HARMLESS = frozenset({"title", "email"})
"""What a user administrator may change of the own account."""
_NEEDED = 2


@attempt("save_access")
@transaction.atomic
def save_access(
    instance: User | Group | Role, *, by: Actor, changes: Mapping[str, Any], password: str = "", why: str = ""
) -> Proposal | None:
    """Create (an unsaved instance) or change an account or a group, or ask for a role.

    What gives somebody more is left as it is and returned as a proposal. Raises NotAllowed, BadPlan with the field.
    """
    if isinstance(instance, Role):
        return _propose_role(instance, by=by, changes=changes, why=why)
    check_may_in(Action.EDIT_USERS, by=by, group_id=None)
    if strange := sorted(set(changes) - COLUMNS[type(instance)]):
        raise NotAllowed(_("No door changes this: %(fields)s.") % {"fields": ", ".join(strange)})
    if isinstance(instance, Group):
        _save(instance, by=by, changes=changes)
        return None
    return _save_account(instance, by=by, changes=changes, password=password, why=why)


@attempt("delete_access")
@transaction.atomic
def delete_access(instance: Group | Role, *, by: Actor) -> None:
    """Take a role away or delete a group that nothing names. Accounts are switched off, never deleted.

    Raises NotAllowed, IllegalMove.
    """
    check_may_in(Action.EDIT_USERS, by=by, group_id=instance.group_id if isinstance(instance, Role) else None)
    if isinstance(instance, Role):
        refuse_oneself(instance.user, by=by)
    elif _is_named(instance):
        raise IllegalMove(
            _("Group %(group)s is named by a service, a policy, a plan or a role; change those first.")
            % {"group": instance}
        )
    kind, key, name = instance._meta.model_name or "", str(instance.pk), said(instance)
    person = instance.user if isinstance(instance, Role) else instance
    instance.delete()
    record(f"delete_{kind}", by=by, obj=person, before={"name": name}, named=(kind, key))


@attempt("appoint_administrator")
@transaction.atomic
def appoint_administrators(users: Sequence[User], *, by: Actor) -> None:
    """Make two persons user administrators while there are not two who could agree on it. For the command line alone.

    Raises NotAllowed, BadPlan.
    """
    if by.user_id is not None:
        raise NotAllowed(_("The first administrators are appointed on the command line."))
    people = [user for user in users if user.is_active and user.belongs_to_id is None]
    if len({user.pk for user in people}) < _NEEDED:
        raise BadPlan(_("It takes two persons with active accounts of their own."), field="users")
    held = Role.objects.filter(name=RoleName.USER_ADMINISTRATOR.value, group=None)
    able = held.filter(user__is_active=True, user__belongs_to=None)
    if able.count() >= _NEEDED:
        raise NotAllowed(_("There are two user administrators already: they ask for a role and agree to it."))
    for user in people:
        role, made = Role.objects.get_or_create(user=user, name=RoleName.USER_ADMINISTRATOR.value, group=None)
        if made:
            record("appoint_administrator", by=by, obj=user, after={"role": role.name})


def _propose_role(role: Role, *, by: Actor, changes: Mapping[str, Any], why: str) -> Proposal:
    if role.pk is not None:
        raise NotAllowed(
            _("A role is given or taken away, not changed: ask for another, then take this one.")
        )
    for name, value in changes.items():
        setattr(role, name, value)
    check_may_in(Action.EDIT_USERS, by=by, group_id=role.group_id)
    refuse_oneself(role.user, by=by)
    check_role(role)
    after = {"role": role.name, "group": role.group_id, "group_name": str(role.group or "")}
    return propose(
        Proposal.Kind.GIVE_ROLE, by=by, why=why or _("a role is given"), account=role.user, after=after
    )


def _save_account(
    account: User, *, by: Actor, changes: Mapping[str, Any], password: str, why: str
) -> Proposal | None:
    created = account.pk is None
    owner = changes.get("belongs_to")
    if not created and set(changes) - _HARMLESS:
        refuse_oneself(account, by=by)
    if isinstance(owner, User):
        refuse_oneself(owner, by=by)
    if password and not created:
        raise NotAllowed(_("A password is changed by whom it belongs to, or on the command line."))
    if created and changes.get("groups"):
        raise BadPlan(_("An account is made first, then put into groups."), field="groups")
    before, tried = stands_for(account), dict(changes)
    for_two = _for_two(account, changes=changes)
    for name in set(for_two) & set(tried):
        del tried[name]
    if "added_groups" in for_two:
        tried["groups"] = [group for group in changes["groups"] if group.pk in before["groups"]]
    if tried or created:
        _save(account, by=by, changes=tried, password=password)
    if not for_two:
        return None
    _try(account, for_two=for_two, owner=owner)
    then = {name: value for name, value in stands_for(account).items() if name in changes}
    return propose(
        Proposal.Kind.CHANGE_ACCOUNT,
        by=by,
        why=why or _("an account is changed"),
        account=account,
        before=then,
        after=for_two,
    )


def _for_two(account: User, *, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes that take two people, as a proposal keeps them: whoever gets in, gets more, or becomes somebody else."""
    if account.pk is None:
        return {}
    now, found = stands_for(account), dict[str, Any]()
    added = [group for group in changes.get("groups", []) if group.pk not in now["groups"]]
    if added:
        found = {
            "added_groups": [group.pk for group in added],
            "group_names": [group.name for group in added],
        }
    if not (now["groups"] or Role.objects.filter(user=account).exists()):
        return found  # nobody yet, who may do nothing
    if changes.get("is_active") and not now["is_active"]:
        found["is_active"] = True
    if changes.get("username", now["username"]) != now["username"]:
        found["username"] = changes["username"]
    owner = changes.get("belongs_to", account.belongs_to)
    if owner is not None and owner.pk != now["belongs_to"]:
        found |= {"belongs_to": owner.pk, "belongs_to_name": str(owner)}
    return found


def _try(account: User, *, for_two: Mapping[str, Any], owner: User | None) -> None:
    """Refuse now what would be refused when somebody agrees. Raises BadPlan, NotAllowed."""
    tried = User.objects.get(pk=account.pk)
    tried.username = for_two.get("username", tried.username)
    if "belongs_to" in for_two:
        tried.belongs_to = owner
        check_belonging(tried)
    check_row(tried)


def _save(instance: User | Group, *, by: Actor, changes: Mapping[str, Any], password: str = "") -> None:
    created = instance.pk is None
    many = {field.name for field in instance._meta.many_to_many}
    before = None if created else read(instance, list(changes))
    for name, value in changes.items():
        if name not in many:
            setattr(instance, name, value)
    if password and isinstance(instance, User):
        instance.set_password(password)
    check_row(instance)
    if isinstance(instance, User) and "belongs_to" in changes:
        check_belonging(instance)
    instance.save()
    for name in many & set(changes):
        getattr(instance, name).set(changes[name])
    after = {name: said(value) for name, value in changes.items()} | {"name": said(instance)}
    if password:
        after["password"] = "set"  # noqa: S105 - says that it was, not what
    action = f"{'create' if created else 'change'}_{instance._meta.model_name}"
    record(action, by=by, obj=instance, before=before, after=after)


def _is_named(group: Group) -> bool:
    """Say whether something else rests on the group: what cascades with it would loosen rules unseen."""
    members = {User, User.groups.through, Group.permissions.through}
    return any(
        relation.related_model._base_manager.filter(**{relation.field.name: group}).exists()
        for relation in Group._meta.get_fields(include_hidden=True)
        if isinstance(relation, ForeignObjectRel) and relation.related_model not in members
    )
