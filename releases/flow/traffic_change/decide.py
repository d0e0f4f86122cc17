"""Votes on a change of traffic: bound to one fingerprint, never by who asked for it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from releases.clock import database_now
from releases.domain import BadPlan, Blocked, Stale
from releases.domain.actor import Actor
from releases.domain.fingerprint import digest, shown
from releases.domain.traffic_change import OPEN, ChangeEvent, ChangeState, change_target
from releases.flow.allowed import has_voted
from releases.flow.authorize import asker_of, person_of, votes_of
from releases.flow.quorum import is_full, standing_of
from releases.flow.record import record
from releases.flow.traffic_change.allowed import check_change_event, check_change_permission
from releases.flow.traffic_change.content import fingerprint_of_change
from releases.flow.traffic_change.evidence import evidence_of_change
from releases.flow.traffic_change.move import move_change, store
from releases.models import Approval, TrafficChange, TrafficVote


def approve_change(change: TrafficChange, *, by: Actor, fingerprint: str, why: str) -> None:
    """Vote for exactly this content. Permission first, then state, then fingerprint: NotAllowed, IllegalMove, Stale.

    Voting twice changes nothing. The vote that fills the quorum lets the change be applied. What the voter saw is
    collected before the transaction, since that asks the mesh and Prometheus.
    """
    asker = asker_of(by, service=change.service)
    check_change_permission(change, ChangeEvent.APPROVE, asker=asker)
    waits = ChangeState(change.state) in OPEN and fingerprint == change.fingerprint
    if waits and has_voted(change, person=asker.person, fingerprint=fingerprint):
        return
    change_target(ChangeState(change.state), ChangeEvent.APPROVE)
    renew_change(change, by=by)
    _check_fingerprint(change, given=fingerprint)
    evidence = evidence_of_change(change, now=database_now())
    with transaction.atomic():
        told = _vote(change, Approval.Decision.APPROVE, by=by, why=why, evidence=evidence)
        if is_full(change):
            move_change(change, ChangeEvent.APPROVE, by=by, why=why, after=told, approved_at=database_now())
        else:
            move_change(change, ChangeEvent.APPROVE, by=by, why=why, after=told, to=ChangeState.PENDING)


def reject_change(change: TrafficChange, *, by: Actor, why: str) -> None:
    """End it. One rejection is enough; the reason is mandatory."""
    check_change_event(change, ChangeEvent.REJECT, asker=asker_of(by, service=change.service))
    if not why.strip():
        raise BadPlan(_("A rejection says why."), field="reason")
    evidence = evidence_of_change(change, now=database_now())
    with transaction.atomic():
        told = _vote(change, Approval.Decision.REJECT, by=by, why=why, evidence=evidence)
        move_change(change, ChangeEvent.REJECT, by=by, why=why, after=told, ended_at=database_now())


@transaction.atomic
def withdraw_change(change: TrafficChange, *, by: Actor, why: str) -> None:
    """Take the request back before it is written."""
    check_change_event(change, ChangeEvent.WITHDRAW, asker=asker_of(by, service=change.service))
    move_change(change, ChangeEvent.WITHDRAW, by=by, why=why, ended_at=database_now())


def renew_change(change: TrafficChange, *, by: Actor) -> None:
    """Look whether what would be written is still what is shown. If not, void the votes and show what it is now.

    Committed before the vote is refused as stale, so that the page that is opened next can be voted on.
    """
    if change.baseline is None:
        return
    try:
        now = fingerprint_of_change(change, baseline=change.baseline)
    except Blocked:
        return  # it is said when it would be written; nothing can be written meanwhile
    if now == change.fingerprint:
        return
    why = _("the content changed from %(then)s to %(now)s") % {
        "then": shown(change.fingerprint),
        "now": shown(now),
    }
    with transaction.atomic():
        change.approvals.filter(voided_at=None).update(voided_at=database_now(), voided_why=why)
        store(change, fingerprint=now)
        record("renew_traffic_change", by=by, obj=change, why=why, fingerprint=now)


def approval_problem_of(change: TrafficChange, *, now: datetime) -> str:
    """Say why the votes do not cover what would be written now, or return an empty text.

    Rendered again from the stored baseline and hashed, as for every step of a rollout.
    """
    if not change.needs_vote:
        return ""
    valid = timedelta(seconds=settings.APPROVAL_VALID_SECONDS)
    if change.approved_at and now > change.approved_at + valid:
        return _("the approval is older than %(hours)d hours") % {"hours": valid.total_seconds() // 3600}
    found_now = fingerprint_of_change(change, baseline=change.baseline or {})
    if found_now != change.fingerprint:
        return _("the content is %(now)s and no longer the approved %(then)s") % {
            "now": shown(found_now),
            "then": shown(change.fingerprint),
        }
    found = standing_of(change)
    if not found.full:
        return _("%(count)d of %(needed)d approvals count; missing: %(missing)s") % {
            "count": found.count,
            "needed": found.needed,
            "missing": ", ".join(found.missing),
        }
    return ""


def _check_fingerprint(change: TrafficChange, *, given: str) -> None:
    if not given:
        raise BadPlan(_("An approval names the fingerprint of what it approves."), field="fingerprint")
    if given != change.fingerprint:
        text = _(
            "You looked at %(given)s, but the change is now %(now)s. Read what changed and decide again."
        )
        raise Stale(text % {"given": shown(given), "now": shown(change.fingerprint)})


def _vote(
    change: TrafficChange, decision: Approval.Decision, *, by: Actor, why: str, evidence: dict[str, Any]
) -> dict[str, Any]:
    """Store the vote, and return what its event tells of it."""
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
