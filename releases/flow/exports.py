"""Taking the trail out of Weir is an act: who took what is an event, written before the first byte leaves."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from releases.clock import Clock
from releases.domain.actor import Actor
from releases.domain.roles import Action
from releases.flow.attempts import attempt
from releases.flow.authorize import check_may
from releases.flow.heads import sign_head
from releases.flow.record import record
from releases.models import AuditEvent, Rollout, User


@attempt("export_audit")
def begin_export(*, by: Actor, format_: str, filters: Mapping[str, str], clock: Clock) -> int:
    """Check the role, write the event, and sign the head; return the event's number. Raises NotAllowed."""
    check_may(Action.EXPORT_AUDIT, by=by, service=None)
    with transaction.atomic():
        about = User.objects.get(pk=by.user_id) if by.user_id else AuditEvent()
        after = {"format": format_, "filters": dict(filters)}
        event = record("export_audit", by=by, obj=about, after=after)
    sign_head(clock=clock, at_once=True)
    return event.seq


@attempt("export_evidence")
def begin_evidence_pack(
    rollout: Rollout, *, by: Actor, clock: Clock, digests: Mapping[str, str], as_of: int
) -> int:
    """Check the role, write the event, and sign the head, so that the pack ends with a signature; return the event's number.

    The event tells the SHA-256 of every file and how many events are about the rollout up to ``as_of``: whoever changes a
    file of the pack, or leaves an event out, contradicts the trail. Raises NotAllowed.
    """
    check_may(Action.READ_AUDIT, by=by, service=None)
    with transaction.atomic():
        own = AuditEvent.objects.filter(rollout=rollout, seq__lte=as_of).count()
        after = {"files": dict(digests), "events": own, "as_of": as_of}
        event = record("export_evidence", by=by, obj=rollout, after=after)
    sign_head(clock=clock, at_once=True)
    return event.seq
