"""Votes on a change of traffic: bound to one fingerprint, never by who asked for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from releases.clock import Clock, database_now
from releases.domain import BadPlan, NotAllowed, Stale
from releases.domain.actor import Actor
from releases.domain.fingerprint import digest, shown
from releases.domain.roles import Action
from releases.domain.states import Event
from releases.domain.traffic_change import ChangeEvent, ChangeState, change_target
from releases.flow.authorize import check_may, check_token, person_behind, person_of, votes_of
from releases.flow.quorum import counting_votes, is_full
from releases.flow.traffic_change.content import fingerprint_of_change
from releases.flow.traffic_change.move import move_change
from releases.models import Approval, TrafficChange, TrafficVote


@transaction.atomic
def approve_change(change: TrafficChange, *, by: Actor, fingerprint: str, why: str) -> None:
    """Vote for exactly this content. Permission first, then state, then fingerprint: NotAllowed, IllegalMove, Stale.

    Voting twice changes nothing. The vote that fills the quorum lets the change be applied.
    """
    _check_may_vote(change, by=by, what=Event.APPROVE)
    change_target(ChangeState(change.state), ChangeEvent.APPROVE)
    _check_fingerprint(change, given=fingerprint)
    if change.approvals.filter(votes_of(by), voided_at=None, fingerprint=fingerprint).exists():
        return
    told = _vote(change, Approval.Decision.APPROVE, by=by, why=why)
    if is_full(change):
        move_change(change, ChangeEvent.APPROVE, by=by, why=why, after=told, approved_at=database_now())
    else:
        move_change(change, ChangeEvent.APPROVE, by=by, why=why, after=told, to=ChangeState.PENDING)


@transaction.atomic
def reject_change(change: TrafficChange, *, by: Actor, why: str) -> None:
    """End it. One rejection is enough; the reason is mandatory."""
    _check_may_vote(change, by=by, what=Event.REJECT)
    change_target(ChangeState(change.state), ChangeEvent.REJECT)
    if not why.strip():
        raise BadPlan(_("A rejection says why."), field="reason")
    told = _vote(change, Approval.Decision.REJECT, by=by, why=why)
    move_change(change, ChangeEvent.REJECT, by=by, why=why, after=told, ended_at=database_now())


@transaction.atomic
def withdraw_change(change: TrafficChange, *, by: Actor, why: str) -> None:
    """Take the request back before it is written."""
    check_may(Action.CHANGE_TRAFFIC, by=by, service=change.service)
    move_change(change, ChangeEvent.WITHDRAW, by=by, why=why, ended_at=database_now())


def approval_problem_of(change: TrafficChange, *, clock: Clock) -> str:
    """Say why the votes do not cover what would be written now, or return an empty text.

    Rendered again from the stored baseline and hashed, as for every step of a rollout.
    """
    if not change.needs_vote:
        return ""
    valid = timedelta(seconds=settings.APPROVAL_VALID_SECONDS)
    if change.approved_at and clock() > change.approved_at + valid:
        return _("the approval is older than %(hours)d hours") % {"hours": valid.total_seconds() // 3600}
    now = fingerprint_of_change(change, baseline=change.baseline or {})
    if now != change.fingerprint:
        return _("the content is %(now)s and no longer the approved %(then)s") % {
            "now": shown(now),
            "then": shown(change.fingerprint),
        }
    votes = counting_votes(change)
    if not is_full(change, votes=votes):
        needed = change.service.policy.approvals_needed
        return _("%(count)d of %(needed)d approvals count") % {"count": len(votes), "needed": needed}
    return ""


def vote_refusal(change: TrafficChange, *, person: int) -> str:
    """Say why this person is the wrong one to decide, whatever the roles, or return an empty text."""
    if person == change.requested_by.person_id:
        return _("You asked for this change, so somebody else has to decide.")
    return ""


def _check_may_vote(change: TrafficChange, *, by: Actor, what: Event) -> None:
    if refusal := vote_refusal(change, person=person_behind(person_of(by))):
        raise NotAllowed(refusal)
    check_may(what, by=by, service=change.service)
    check_token(by, policy=change.service.policy)


def _check_fingerprint(change: TrafficChange, *, given: str) -> None:
    if not given:
        raise BadPlan(_("An approval names the fingerprint of what it approves."), field="fingerprint")
    if given != change.fingerprint:
        text = _(
            "You looked at %(given)s, but the change is now %(now)s. Read what changed and decide again."
        )
        raise Stale(text % {"given": shown(given), "now": shown(change.fingerprint)})


def _vote(change: TrafficChange, decision: Approval.Decision, *, by: Actor, why: str) -> dict[str, Any]:
    """Store the vote, and return what the trail tells of it."""
    evidence = {
        "fingerprint": change.fingerprint,
        "traffic": change.spec,
        "reason": change.reason,
        "candidate": {"name": change.candidate.name, "image": change.candidate.image},
        "stable": {"name": change.stable.name, "image": change.stable.image},
        "policy": {"name": change.service.policy.name, "number": change.service.policy.number},
    }
    change.approvals.filter(votes_of(by), voided_at=None).update(
        voided_at=database_now(), voided_why=_("voted again")
    )
    vote = TrafficVote.objects.create(
        change=change,
        by_id=person_of(by),
        decision=decision,
        reason=why,
        fingerprint=change.fingerprint,
        evidence=evidence,
        evidence_hash=digest(evidence),
        channel=by.channel.value,
    )
    return {"vote": vote.pk, "evidence_hash": vote.evidence_hash}
