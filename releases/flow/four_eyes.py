"""Changes that take two people: proposing, agreeing, refusing. What agreeing does is ``flow.agreed``'s."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from releases.clock import database_now
from releases.domain import BadPlan, IllegalMove, LostRace, NotAllowed
from releases.domain.actor import Actor
from releases.domain.roles import Action
from releases.domain.states import Event
from releases.flow.agreed import carry_out
from releases.flow.attempts import attempt
from releases.flow.authorize import check_fresh, check_may_any, check_token, person_behind
from releases.flow.notify import notify_proposal
from releases.flow.record import record
from releases.models import AuditEvent, Freeze, Proposal, Rollout, RolloutPlan, User
from services.models import Policy, Service


@dataclass(frozen=True, slots=True)
class _Rule:
    """Who may ask for a kind of change, and who may be the second person: any of these."""

    ask: Action
    agree: tuple[Action | Event, ...]


_RULES: Mapping[Proposal.Kind, _Rule] = {
    Proposal.Kind.CHANGE_POLICY: _Rule(Action.EDIT_POLICIES, (Action.EDIT_POLICIES, Event.APPROVE)),
    Proposal.Kind.CHANGE_SERVICE: _Rule(Action.EDIT_CATALOGUE, (Action.EDIT_POLICIES, Event.APPROVE)),
    Proposal.Kind.CHANGE_FREEZE: _Rule(Action.EDIT_CALENDAR, (Action.EDIT_CALENDAR, Event.APPROVE)),
    Proposal.Kind.LIFT_FREEZE: _Rule(Action.EDIT_CALENDAR, (Action.EDIT_CALENDAR, Event.APPROVE)),
    Proposal.Kind.OVERRIDE_FREEZE: _Rule(Action.OVERRIDE_FREEZE, (Action.EDIT_CALENDAR, Event.APPROVE)),
    Proposal.Kind.STANDARD_CHANGE: _Rule(Action.EDIT_PLANS, (Action.EDIT_POLICIES, Event.APPROVE)),
    Proposal.Kind.GIVE_ROLE: _Rule(
        Action.EDIT_USERS, (Action.EDIT_USERS, Action.EDIT_POLICIES, Event.APPROVE)
    ),
    Proposal.Kind.CHANGE_ACCOUNT: _Rule(
        Action.EDIT_USERS, (Action.EDIT_USERS, Action.EDIT_POLICIES, Event.APPROVE)
    ),
}


def grants_to_agree(proposal: Proposal) -> tuple[Action | Event, ...]:
    """Return the grants of which any one makes somebody else the second person."""
    return _RULES[Proposal.Kind(proposal.kind)].agree


def groups_concerned(proposal: Proposal) -> frozenset[int | None]:
    """Return the owning groups of every service that the change is about; None: also services of no group, or all there are.

    Both persons hold their role on each of them: what a freeze covers, every service that a policy decides on, the
    group that a role is for. An account is everybody's.
    """
    if proposal.account is not None:
        return frozenset({proposal.after.get("group")})
    if proposal.rollout is not None:
        return frozenset({proposal.rollout.service.owners_id})
    if proposal.freeze is not None:
        covered = proposal.freeze.service
        return frozenset({covered.owners_id if covered else None})
    if proposal.policy is not None:
        return frozenset(service.owners_id for service in proposal.policy.services.all())
    return frozenset({proposal.service.owners_id if proposal.service else None})


@transaction.atomic
def propose(
    kind: Proposal.Kind,
    *,
    by: Actor,
    why: str,
    policy: Policy | None = None,
    service: Service | None = None,
    freeze: Freeze | None = None,
    rollout: Rollout | None = None,
    plan: RolloutPlan | None = None,
    account: User | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> Proposal:
    """Ask for a change that somebody else has to agree to. Nothing changes yet. Raises NotAllowed, BadPlan."""
    if by.user_id is None:
        raise NotAllowed(_("A change that takes two people is asked for by a person."))
    proposal = Proposal(
        kind=kind,
        policy=policy,
        service=service,
        freeze=freeze,
        rollout=rollout,
        plan=plan,
        account=account,
        before=dict(before or {}),
        after=dict(after or {}),
        reason=why,
        asked_by_id=by.user_id,
    )
    check_may_any([_RULES[kind].ask], by=by, concerned=groups_concerned(proposal))
    if account is not None:
        refuse_oneself(account, by=by)
    if not why.strip():
        raise BadPlan(_("A change that takes two people says why."), field="reason")
    proposal.save(force_insert=True)
    told = record(
        f"propose_{kind}",
        by=by,
        obj=proposal,
        why=why,
        before=proposal.before,
        after={"proposal": str(proposal), "target": str(proposal.target), **proposal.after},
    )
    _tell(proposal, told)
    return proposal


@attempt("agree")
@transaction.atomic
def agree(proposal: Proposal, *, by: Actor, why: str = "") -> Proposal:
    """Be the second person: the change is made now. Raises NotAllowed to who asked, IllegalMove when it was decided."""
    check_may_decide(proposal, by=by)
    _decide(proposal, Proposal.State.AGREED, by=by, why=why)
    carry_out(proposal, by=by)
    return proposal


@attempt("refuse")
@transaction.atomic
def refuse(proposal: Proposal, *, by: Actor, why: str) -> Proposal:
    """Say no, and why. Nothing changes."""
    check_may_decide(proposal, by=by)
    if not why.strip():
        raise BadPlan(_("A refusal says why."), field="reason")
    return _decide(proposal, Proposal.State.REFUSED, by=by, why=why)


@attempt("withdraw_proposal")
@transaction.atomic
def withdraw_proposal(proposal: Proposal, *, by: Actor, why: str = "") -> Proposal:
    """Take one's own proposal back."""
    check_may_withdraw(proposal, by=by)
    return _decide(proposal, Proposal.State.WITHDRAWN, by=by, why=why)


def check_may_decide(proposal: Proposal, *, by: Actor) -> None:
    """Refuse the person who asked, whichever log-in is used, who has no role for all of it, and a token no policy accepts.

    Raises NotAllowed, PasswordNeeded.
    """
    if by.user_id is None:
        raise NotAllowed(_("Only a person can decide."))
    if person_behind(by.user_id) == person_behind(proposal.asked_by_id):
        raise NotAllowed(_("You asked for this change, so somebody else has to decide."))
    if proposal.account is not None:
        refuse_oneself(proposal.account, by=by)
    check_may_any(grants_to_agree(proposal), by=by, concerned=groups_concerned(proposal))
    check_fresh(by)
    check_token(by, policy=_policy_over(proposal))


def check_may_withdraw(proposal: Proposal, *, by: Actor) -> None:
    """Refuse everybody but the person who asked. Raises NotAllowed."""
    if by.user_id is None or person_behind(by.user_id) != person_behind(proposal.asked_by_id):
        raise NotAllowed(_("Only who asked for it can take it back."))


def refuse_oneself(account: User, *, by: Actor) -> None:
    """Refuse who would change what they may do themselves, by whichever of their log-ins. Raises NotAllowed."""
    if by.user_id is not None and person_behind(by.user_id) == account.person_id:
        raise NotAllowed(
            _("Nobody decides what they may do themselves: others have to ask for it and agree.")
        )


def _policy_over(proposal: Proposal) -> Policy | None:
    """Return the policy that says whether tokens decide here, None where what it is about has none."""
    covered = proposal.rollout or proposal.freeze
    service = proposal.service or (covered.service if covered else None)
    return proposal.policy or (service.policy if service else None)


def _decide(proposal: Proposal, state: Proposal.State, *, by: Actor, why: str) -> Proposal:
    """Compare-and-set: of two who click at one instant one decides. Raises IllegalMove, LostRace."""
    if proposal.state != Proposal.State.OPEN:
        raise IllegalMove(
            _("%(proposal)s is decided already: %(state)s.")
            % {"proposal": proposal, "state": proposal.get_state_display()}
        )
    now = database_now()
    waiting = Proposal.objects.filter(pk=proposal.pk, state=Proposal.State.OPEN)
    if not waiting.update(state=state, decided_by_id=by.user_id, decided_at=now, answer=why):
        raise LostRace(_("%(proposal)s was decided by somebody else just now.") % {"proposal": proposal})
    proposal.refresh_from_db()
    told = record(
        f"{state}_{proposal.kind}",
        by=by,
        obj=proposal,
        why=why,
        before=proposal.before,
        after={"proposal": str(proposal), "target": str(proposal.target), **proposal.after},
    )
    _tell(proposal, told)
    return proposal


def _tell(proposal: Proposal, event: AuditEvent) -> None:
    concerned = groups_concerned(proposal)
    notify_proposal(proposal, event, concerned=concerned, grants=grants_to_agree(proposal))
