"""Which votes count, and whether they are enough: rows into the values of ``releases.domain.approval``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from releases.domain.approval import Person, Signing, Standing, Terms, standing
from releases.domain.roles import RoleName, allows
from releases.domain.states import Event
from releases.models import Approval, EmergencyRelease, Role, Rollout, TrafficChange, TrafficVote, User
from releases.roles import roles_of
from services.models import Policy, Service


def terms_of(policy: Policy) -> Terms:
    """The policy as it is now."""
    return Terms(
        name=policy.name,
        number=policy.number,
        approvals_needed=policy.approvals_needed,
        signing=Signing(policy.signing),
        required_groups={group.pk: group.name for group in policy.required_groups.all()},
        signers={group.pk: group.name for group in policy.signers.all()},
        guard_allowed=policy.guard_allowed,
        token_approval_allowed=policy.token_approval_allowed,
    )


def binding_terms(rollout: Rollout | TrafficChange) -> list[Terms]:
    """The policy in force, and the one it was submitted under where that was another: both bind."""
    now = terms_of(rollout.service.policy)
    stored = getattr(rollout, "policy_terms", None)
    then = Terms.from_json(stored) if stored else now
    return [now] if then == now else [now, then]


def counting_votes(rollout: Rollout | TrafficChange) -> list[Approval | TrafficVote]:
    """Return the approvals of this fingerprint by people who are still active and still may approve, one per person."""
    votes = rollout.approvals.filter(
        decision=Approval.Decision.APPROVE, voided_at=None, fingerprint=rollout.fingerprint
    ).select_related("by__belongs_to")
    counted: dict[int, Approval | TrafficVote] = {}
    for vote in votes:
        roles: set[RoleName] = roles_of(vote.by, rollout.service)
        if _is_active(vote.by) and allows(roles, Event.APPROVE):
            counted.setdefault(vote.by.person_id, vote)
    return list(counted.values())


def standing_of(
    rollout: Rollout | TrafficChange, *, votes: Sequence[Approval | TrafficVote] | None = None
) -> Standing:
    """Say how the votes stand."""
    given = counting_votes(rollout) if votes is None else votes
    terms = binding_terms(rollout)
    everyone = _electorate(rollout) if any(one.signing is Signing.ALL for one in terms) else []
    return standing(terms, votes=[_person(vote.by) for vote in given], electorate=everyone)


def is_full(
    rollout: Rollout | TrafficChange, *, votes: Sequence[Approval | TrafficVote] | None = None
) -> bool:
    """Say whether enough people agreed and every required group is among them."""
    return standing_of(rollout, votes=votes).full


def is_exempt(rollout: Rollout, *, now: datetime) -> bool:
    """Say whether it goes without votes: a plan approved in advance that still holds, an emergency not found unjustified.

    A standard change approves the start: once it runs, the end of its validity stops nothing, taking it back does.
    """
    standard = rollout.standard_change
    if standard is not None:
        return standard.revoked_at is None and (rollout.started_at is not None or standard.holds(now))
    emergency = EmergencyRelease.objects.filter(rollout=rollout).first()
    return emergency is not None and emergency.outcome != EmergencyRelease.Outcome.NOT_JUSTIFIED


def _electorate(rollout: Rollout | TrafficChange) -> list[Person]:
    """Everybody who may decide on it: approvers of the service who neither asked for it nor edited it."""
    excluded = {rollout.requested_by.person_id}
    if isinstance(rollout, Rollout):
        excluded |= {edit.by.person_id for edit in rollout.edits.select_related("by")}
    return [
        _person(user)
        for user in _approvers(rollout.service)
        if user.person_id not in excluded and user.belongs_to_id is None
    ]


def _approvers(service: Service) -> list[User]:
    names = [role.value for role in RoleName if allows([role], Event.APPROVE)]
    roles = Role.objects.filter(name__in=names)
    here = roles.filter(group=None) | roles.filter(group=service.owners_id, group__isnull=False)
    users = User.objects.filter(is_active=True, pk__in=here.values("user"))
    return list(users.prefetch_related("groups").order_by("pk"))


def _person(user: User) -> Person:
    return Person(user.person_id, str(user), frozenset(group.pk for group in user.groups.all()))


def _is_active(user: User) -> bool:
    """A service account is as active as the person it belongs to."""
    return user.is_active and (user.belongs_to is None or user.belongs_to.is_active)
