"""Approvals that end: because nobody used them in time, or because they no longer cover what would be written."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from istio.documents import TrafficError
from releases.clock import Clock
from releases.domain.actor import Actor
from releases.domain.reasons import Reason
from releases.domain.states import CARRYING, Event, State
from releases.flow.conclude import pause
from releases.flow.content import fingerprint_of
from releases.flow.expiry import lasts_until
from releases.flow.move import move
from releases.flow.request import void_votes
from releases.models import Rollout


def expire(rollout: Rollout, *, by: Actor, clock: Clock) -> None:
    """End what was not used in time. It is an event like every other."""
    move(rollout, Event.EXPIRE, by=by, reason=Reason.APPROVAL_EXPIRED, ended_at=clock())


@transaction.atomic
def void(rollout: Rollout, *, problem: str, by: Actor, clock: Clock) -> None:
    """Take an approval back that does not cover what would be written: pending before the start, paused after it.

    If the content changed, every vote is voided and the new content can be voted on. Votes that only became too few
    (somebody lost the role) stay: one more is enough.
    """
    columns: dict[str, Any] = {}
    fingerprint = _fingerprint_now(rollout)
    if fingerprint != rollout.fingerprint:
        void_votes(rollout, by=by, why=str(problem))
        columns["fingerprint"] = fingerprint
    pause(
        rollout,
        by=by,
        event=Event.VOID,
        reason=Reason.APPROVAL_VOID,
        params={"problem": problem},
        clock=clock,
        wake=None if State(rollout.state) in CARRYING else lasts_until(clock(), start_at=rollout.start_at),
        approved_at=None,
        **columns,
    )


def _fingerprint_now(rollout: Rollout) -> str:
    """Return the digest of the content as it is; what can not be rendered keeps its old one and can not be started."""
    try:
        return fingerprint_of(rollout, baseline=rollout.baseline or {})
    except (TrafficError, KeyError):
        return rollout.fingerprint
