"""May this person do this on this service? ``check_`` raises with the sentence the user sees, ``may`` answers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db.models import Q
from django.utils.translation import gettext as _

from releases.domain import NotAllowed, PasswordNeeded
from releases.domain.actor import Actor, Channel
from releases.domain.roles import Action, RoleName, allows, roles_that_allow
from releases.domain.states import PRODUCTION_DECISIONS, Event
from releases.models import Role, Rollout, User
from releases.models.access import ROLE_LABELS
from releases.roles import roles_everywhere, roles_of
from services.models import Policy, Service


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks about one service, read once: the person behind the log-in (None: a worker) and the roles that hold there."""

    by: Actor
    service: Service | None
    person: int | None = None
    roles: frozenset[RoleName] = frozenset()
    is_active: bool = True


def asker_of(by: Actor, *, service: Service | None) -> Asker:
    """Read the account and its roles. Superusers get no grant that their roles do not give."""
    if by.user_id is None:
        return Asker(by, service)
    user = User.objects.get(pk=by.user_id)
    return Asker(by, service, user.person_id, frozenset(roles_of(user, service)), user.is_active)


def check_may(what: Event | Action, *, by: Actor, service: Service | None) -> None:
    """Refuse who has no role that grants it, and an old session a production decision. Raises NotAllowed, PasswordNeeded."""
    check_granted(what, asker=asker_of(by, service=service))


def check_granted(what: Event | Action, *, asker: Asker) -> None:
    """The same for somebody who was read already."""
    if asker.person is None:
        return  # workers act on what a person approved
    if not asker.is_active:
        raise NotAllowed(_("This account is not active."))
    if not allows(asker.roles, what):
        raise NotAllowed(why_not(what, service=asker.service))
    if what in PRODUCTION_DECISIONS or what is Action.RELEASE_IN_EMERGENCY:
        check_fresh(asker.by)


def check_may_everywhere(what: Event | Action, *, by: Actor) -> None:
    """Refuse who has no role for it that holds on every service: one group's role does not bind the others. Raises NotAllowed."""
    if by.user_id is None:
        return
    user = User.objects.get(pk=by.user_id)
    if not user.is_active or not allows(roles_everywhere(user), what):
        raise NotAllowed(
            _("This concerns services of every group. %(why)s") % {"why": why_not(what, service=None)}
        )


def check_may_in(what: Event | Action, *, by: Actor, group_id: int | None) -> None:
    """Refuse who has no role for it on what this owning group has; None is what belongs to no group. Raises NotAllowed."""
    if by.user_id is not None:
        check_may_any([what], by=by, concerned={group_id})


def person_of(by: Actor) -> int:
    """Give the person's key. Raises NotAllowed for a worker: some things only people do."""
    if by.user_id is None:
        raise NotAllowed(_("Only a person can do this."))
    return by.user_id


def check_may_vote(rollout: Rollout, *, by: Actor, what: Event) -> None:
    """Refuse the requester, every editor, a person without the role, and a token the policy does not accept. Raises NotAllowed."""
    check_vote(rollout, asker=asker_of(by, service=rollout.service), what=what)


def check_vote(rollout: Rollout, *, asker: Asker, what: Event) -> None:
    """The same for somebody who was read already."""
    if asker.person is None:
        raise NotAllowed(_("Only a person can decide."))
    if asker.person == rollout.requested_by.person_id:
        raise NotAllowed(_("You asked for this rollout, so somebody else has to decide."))
    if any(edit.by.person_id == asker.person for edit in rollout.edits.all()):
        raise NotAllowed(_("You edited this rollout, so somebody else has to decide."))
    check_granted(what, asker=asker)
    check_token(asker.by, policy=rollout.service.policy)


def check_token(by: Actor, *, policy: Policy | None) -> None:
    """Refuse a decision by a token without the scope for it, or that the policy does not accept. Raises NotAllowed.

    A shell proves nobody's identity: whoever has one could give every vote that is missing.
    """
    if by.channel is Channel.CLI:
        raise NotAllowed(_("Decisions are taken signed in, by their person; not on the command line."))
    if not by.by_token:
        return
    check_scope(by, needed="approve")
    if policy is not None and not policy.token_approval_allowed:
        raise NotAllowed(
            _("The policy of this service does not accept decisions by API token; decide on the page.")
        )


def check_scope(by: Actor, *, needed: str) -> None:
    """Refuse a token without the scope. Raises NotAllowed."""
    if needed not in by.scopes:
        raise NotAllowed(_("This token does not have the scope '%(scope)s'.") % {"scope": needed})


def check_may_any(what: Sequence[Event | Action], *, by: Actor, concerned: Collection[int | None]) -> None:
    """Refuse who has no role for any of these on the services of each owning group that is concerned.

    None stands for what belongs to no group: only a role that holds everywhere covers it. Raises NotAllowed.
    """
    person = person_of(by)
    held = list(Role.objects.filter(user=person, user__is_active=True).values_list("name", "group_id"))
    if covers(held, what, concerned=concerned):
        return
    why = why_not(what[0], service=None)
    if covers(held, what, concerned=()):
        why = _("This concerns more services than your roles hold on. %(why)s") % {"why": why}
    raise NotAllowed(why)


def covers(
    held: Collection[tuple[str, int | None]],
    what: Sequence[Event | Action],
    *,
    concerned: Collection[int | None],
) -> bool:
    """Say whether these roles (name, owning group) grant any of it to each group concerned; to no group: anywhere."""
    scopes = [{None, group} for group in concerned] or [{group for _name, group in held}]
    return all(
        any(allows([RoleName(name)], one) for name, group in held if group in scope for one in what)
        for scope in scopes
    )


def check_fresh(by: Actor) -> None:
    """Refuse a browser session whose password was given too long ago for a production decision. Raises PasswordNeeded."""
    if not by.is_fresh:
        raise PasswordNeeded(_("You signed in a while ago. Please give your password again, then decide."))


def person_behind(user_id: int) -> int:
    """Return whose decisions this user's are: a service account's are those of the person it belongs to."""
    return User.objects.get(pk=user_id).person_id


def votes_of(by: Actor) -> Q:
    """The votes of the person behind this log-in, whichever log-in they were given by."""
    person = person_behind(person_of(by))
    return Q(by=person) | Q(by__belongs_to=person)


def why_not(what: Event | Action, *, service: Service | None) -> str:
    """Say which roles would do."""
    roles = ", ".join(str(ROLE_LABELS[role]) for role in roles_that_allow(what))
    where = _("on %(service)s") % {"service": service.name} if service else _("everywhere")
    return _("This needs one of these roles %(where)s: %(roles)s.") % {"where": where, "roles": roles or "-"}
