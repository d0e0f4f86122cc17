"""Votes: each binds itself to one fingerprint, and counts only while the voter and the content are what they were."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from istio.documents import TrafficError
from releases.clock import database_now
from releases.domain import BadPlan, IllegalMove, Stale
from releases.domain.actor import Actor
from releases.domain.fingerprint import digest, shown
from releases.domain.reasons import Reason
from releases.domain.states import CARRYING, Event, State, target
from releases.flow.authorize import check_may_vote, person_of
from releases.flow.content import fingerprint_of
from releases.flow.expiry import lasts_until
from releases.flow.move import move
from releases.flow.quorum import counting_votes, is_full
from releases.models import Approval, Rollout


@transaction.atomic
def approve(rollout: Rollout, *, by: Actor, fingerprint: str, why: str) -> None:
    """Vote for exactly this content. Permission first, then state, then fingerprint: NotAllowed, IllegalMove, Stale.

    Voting twice for the same content changes nothing. The vote that fills the quorum moves the rollout.
    """
    check_may_vote(rollout, by=by, what=Event.APPROVE)
    target(State(rollout.state), Event.APPROVE)
    check_fingerprint(rollout, given=fingerprint)
    if rollout.approvals.filter(by_id=by.user_id, voided_at=None, fingerprint=fingerprint).exists():
        return
    _vote(rollout, Approval.Decision.APPROVE, by=by, why=why)
    now = database_now()
    if not is_full(rollout):
        move(
            rollout,
            Event.APPROVE,
            by=by,
            why=why,
            reason=rollout.reason_code,
            to=State(rollout.state),
            wake=rollout.next_wake_up,
        )
        return
    if State(rollout.state) is State.PAUSED:
        move(
            rollout, Event.APPROVE, by=by, why=why, reason=Reason.PAUSED_BY_PERSON, wake=now, approved_at=now
        )
        return
    code = Reason.WAITING_FOR_START if rollout.start_at else Reason.STARTING
    move(
        rollout,
        Event.APPROVE,
        by=by,
        why=why,
        reason=code,
        params=_at(rollout),
        wake=rollout.start_at or now,
        approved_at=now,
    )


@transaction.atomic
def reject(rollout: Rollout, *, by: Actor, why: str) -> None:
    """End the request. One rejection is enough; the reason is mandatory."""
    check_may_vote(rollout, by=by, what=Event.REJECT)
    target(State(rollout.state), Event.REJECT)
    if not why.strip():
        raise BadPlan(_("A rejection says why."), field="reason")
    _vote(rollout, Approval.Decision.REJECT, by=by, why=why)
    move(rollout, Event.REJECT, by=by, why=why, reason=Reason.ENDED_BY_PERSON, ended_at=database_now())


@transaction.atomic
def revoke(rollout: Rollout, *, by: Actor, why: str) -> None:
    """Take one's own vote back: before the start the rollout waits again, while running it pauses. Never rolled back."""
    check_may_vote(rollout, by=by, what=Event.REVOKE)
    target(State(rollout.state), Event.REVOKE)
    mine = rollout.approvals.filter(by_id=by.user_id, voided_at=None, decision=Approval.Decision.APPROVE)
    if not mine.exists():
        raise IllegalMove(_("You have no vote on %(rollout)s that could be revoked.") % {"rollout": rollout})
    mine.update(voided_at=database_now(), voided_by=by.name, voided_why=why or "revoked")
    move(
        rollout,
        Event.REVOKE,
        by=by,
        why=why,
        reason=Reason.APPROVAL_REVOKED,
        wake=_looked_after(rollout),
        approved_at=None,
    )


def check_fingerprint(rollout: Rollout, *, given: str) -> None:
    """Refuse a vote on something else than what is stored now. Raises BadPlan without one, Stale with another."""
    if not given:
        raise BadPlan(_("An approval names the fingerprint of what it approves."), field="fingerprint")
    if given != rollout.fingerprint:
        text = _(
            "You looked at %(given)s, but the rollout is now %(now)s. Read what changed and decide again."
        )
        raise Stale(text % {"given": shown(given), "now": shown(rollout.fingerprint)})


def approval_problem(rollout: Rollout) -> str:
    """Say why the votes do not cover what would be written now, or return an empty text.

    The content is rendered again from the stored baseline and hashed, so that nothing that changed in between is trusted.
    """
    if rollout.baseline is None:
        return _("there is no baseline to render from")
    try:
        now = fingerprint_of(rollout, baseline=rollout.baseline)
    except TrafficError as error:
        return str(error)
    if now != rollout.fingerprint:
        return _("the content is %(now)s and no longer the approved %(then)s") % {
            "now": shown(now),
            "then": shown(rollout.fingerprint),
        }
    votes = counting_votes(rollout)
    if not is_full(rollout, votes=votes):
        needed = rollout.service.policy.approvals_needed
        return _("%(count)d of %(needed)d approvals count") % {"count": len(votes), "needed": needed}
    return ""


def _vote(rollout: Rollout, decision: str, *, by: Actor, why: str) -> None:
    evidence = {
        "fingerprint": rollout.fingerprint,
        "state": rollout.state,
        "plan": rollout.frozen_plan,
        "candidate": {"name": rollout.candidate.name, "image": rollout.candidate.image},
        "stable": {"name": rollout.stable.name, "image": rollout.stable.image},
        "policy": {"name": rollout.service.policy.name, "number": rollout.service.policy.number},
    }
    Approval.objects.create(
        rollout=rollout,
        by_id=person_of(by),
        decision=decision,
        reason=why,
        fingerprint=rollout.fingerprint,
        evidence=evidence,
        evidence_hash=digest(evidence),
        channel=by.channel.value,
    )


def _at(rollout: Rollout) -> dict[str, str]:
    return {"at": rollout.start_at.isoformat()} if rollout.start_at else {}


def _looked_after(rollout: Rollout) -> datetime:
    """A rollout that carries traffic is looked at further; one that waits for votes again, when the request ends."""
    now = database_now()
    carries = State(rollout.state) in CARRYING
    return now if carries else lasts_until(rollout.submitted_at or now, start_at=rollout.start_at)
