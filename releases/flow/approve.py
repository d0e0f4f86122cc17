"""Votes: each binds itself to one fingerprint, and counts only while the voter and the content are what they were."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from istio.documents import TrafficError
from istio.sentence import Sentence, listed, message_of
from releases.clock import Clock, database_now
from releases.domain import BadPlan, Stale
from releases.domain.actor import Actor
from releases.domain.fingerprint import digest, shown
from releases.domain.reasons import Reason
from releases.domain.states import CARRYING, Event, State, target
from releases.flow.allowed import ABOUT_THE_APPROVAL, check_asked, check_event, check_permission, repeats_vote
from releases.flow.authorize import asker_of, person_of, votes_of
from releases.flow.content import fingerprint_of
from releases.flow.evidence_pack import evidence_pack
from releases.flow.expiry import lasts_until
from releases.flow.move import change, move
from releases.flow.quorum import is_exempt, is_full, standing_of
from releases.flow.record import record
from releases.flow.request import void_votes
from releases.flow.waiting import wait_for_lease
from releases.models import Approval, Rollout


def approve(rollout: Rollout, *, by: Actor, fingerprint: str, why: str) -> None:
    """Vote for exactly this content. Permission first, then state, then fingerprint: NotAllowed, IllegalMove, Stale.

    Voting twice for the same content changes nothing, also when the first vote filled the quorum and moved the rollout.
    What the voter saw is collected before the transaction, since that asks the mesh and Prometheus.
    """
    asker = asker_of(by, service=rollout.service)
    check_permission(rollout, Event.APPROVE, asker=asker)
    if repeats_vote(rollout, person=asker.person, fingerprint=fingerprint):
        return
    target(State(rollout.state), Event.APPROVE)
    renew_content(rollout, by=by)
    check_asked(rollout, Event.APPROVE, asker=asker, now=database_now())
    check_fingerprint(rollout, given=fingerprint)
    evidence = evidence_pack(rollout, now=database_now())
    with transaction.atomic():
        vote = _vote(rollout, Approval.Decision.APPROVE, by=by, why=why, evidence=evidence)
        _count(rollout, vote, by=by, why=why)


def _count(rollout: Rollout, vote: Approval, *, by: Actor, why: str) -> None:
    """Move the rollout if this vote was the last that was needed."""
    now = database_now()
    told = {"vote": vote.pk, "evidence_hash": vote.evidence_hash}
    if not is_full(rollout):
        move(
            rollout,
            Event.APPROVE,
            by=by,
            why=why,
            reason=rollout.reason_code,
            params=rollout.reason_params,
            to=State(rollout.state),
            wake=rollout.next_wake_up,
            after=told,
        )
        return
    if State(rollout.state) is State.PAUSED:
        # Why else it is paused, at a manual gate for one, is as true as before.
        voided = rollout.reason_code in ABOUT_THE_APPROVAL
        move(
            rollout,
            Event.APPROVE,
            by=by,
            why=why,
            reason=Reason.PAUSED_BY_PERSON if voided else rollout.reason_code,
            params={} if voided else rollout.reason_params,
            wake=now,
            approved_at=now,
            after=told,
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
        after=told,
    )


def reject(rollout: Rollout, *, by: Actor, why: str) -> None:
    """End the request. One rejection is enough; the reason is mandatory."""
    check_event(rollout, Event.REJECT, by=by, now=database_now())
    if not why.strip():
        raise BadPlan(_("A rejection says why."), field="reason")
    evidence = evidence_pack(rollout, now=database_now())
    with transaction.atomic():
        vote = _vote(rollout, Approval.Decision.REJECT, by=by, why=why, evidence=evidence)
        move(
            rollout,
            Event.REJECT,
            by=by,
            why=why,
            reason=Reason.ENDED_BY_PERSON,
            ended_at=database_now(),
            after={"vote": vote.pk, "evidence_hash": vote.evidence_hash},
        )


def revoke(rollout: Rollout, *, by: Actor, why: str, clock: Clock) -> None:
    """Take one's own vote back: before the start the rollout waits again, while running it pauses. Never rolled back.

    Answers only when no worker is in the middle of a write. Raises LostRace after 15 s.
    """
    check_event(rollout, Event.REVOKE, by=by, now=database_now())
    wait_for_lease(rollout, clock=clock)
    check_event(rollout, Event.REVOKE, by=by, now=database_now())  # whoever had the lease may have voided it
    _take_back(rollout, by=by, why=why)


@transaction.atomic
def _take_back(rollout: Rollout, *, by: Actor, why: str) -> None:
    mine = rollout.approvals.filter(votes_of(by), voided_at=None, decision=Approval.Decision.APPROVE)
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
        return Sentence("there is no baseline to render from")
    try:
        now = fingerprint_of(rollout, baseline=rollout.baseline)
    except TrafficError as error:
        return message_of(error)
    if now != rollout.fingerprint:
        return Sentence(
            "the content is {now} and no longer the approved {then}",
            now=shown(now),
            then=shown(rollout.fingerprint),
        )
    if is_exempt(rollout, now=database_now()):
        return ""
    found = standing_of(rollout)
    if not found.full:
        return Sentence(
            "{count} of {needed} approvals count; missing: {missing}",
            count=found.count,
            needed=found.needed,
            missing=listed(found.missing),
        )
    return ""


def renew_content(rollout: Rollout, *, by: Actor) -> None:
    """Look whether what would be written is still what is shown. If not, void the votes and show what it is now.

    This is committed before the vote is refused as stale, so that the page that is opened next can be voted on.
    """
    if rollout.baseline is None:
        return
    try:
        now = fingerprint_of(rollout, baseline=rollout.baseline)
    except TrafficError:
        return  # the engine says so when it would write; nothing can be written meanwhile
    if now == rollout.fingerprint:
        return
    why = _("the content changed from %(then)s to %(now)s") % {
        "then": shown(rollout.fingerprint),
        "now": shown(now),
    }
    with transaction.atomic():
        void_votes(rollout, by=by, why=why)
        change(rollout, event=None, fingerprint=now)
        record("renew_content", by=by, obj=rollout, why=why, fingerprint=now)


def _vote(rollout: Rollout, decision: str, *, by: Actor, why: str, evidence: dict[str, Any]) -> Approval:
    """Store the vote. Who approved and now rejects has one vote that counts, the later one."""
    rollout.approvals.filter(votes_of(by), voided_at=None).update(
        voided_at=database_now(), voided_by=by.name, voided_why=_("voted again")
    )
    return Approval.objects.create(
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
