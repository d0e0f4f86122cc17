"""Taking the trail out of Weir is an act: who took what is an event, written before the first byte leaves."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction
from django.utils.translation import gettext as _

from releases.clock import Clock
from releases.domain import NotAllowed
from releases.domain.actor import Actor
from releases.domain.roles import Action
from releases.flow.attempts import attempt
from releases.flow.authorize import asker_of, check_may_everywhere
from releases.flow.heads import sign_head
from releases.flow.record import record
from releases.models import AuditEvent, Rollout, User
from services.models import Service


@attempt("export_audit")
def begin_export(*, by: Actor, format_: str, filters: Mapping[str, str], whole: bool, clock: Clock) -> int:
    """Check the role, write the event, and sign the head; return the event's number. The whole trail is the auditor's to take.

    Raises NotAllowed.
    """
    if whole:
        check_may_everywhere(Action.EXPORT_AUDIT, by=by)
    else:
        _check_has_role(by, service=None)
    with transaction.atomic():
        about = User.objects.get(pk=by.user_id) if by.user_id else AuditEvent()
        after = {"format": format_, "filters": dict(filters), "whole": whole}
        event = record("export_audit", by=by, obj=about, after=after)
    sign_head(clock=clock, at_once=True)
    return event.seq


@attempt("export_evidence")
def begin_evidence_pack(
    rollout: Rollout, *, by: Actor, clock: Clock, digests: Mapping[str, str], as_of: int
) -> int:
    """Check for a role on the service, write the event, and sign the head, so that the pack ends with a signature.

    Return the event's number. It tells the SHA-256 of every file and how many events are about the rollout up to ``as_of``:
    whoever changes a file of the pack, or leaves an event out, contradicts the trail. Raises NotAllowed.
    """
    _check_has_role(by, service=rollout.service)
    with transaction.atomic():
        own = AuditEvent.objects.filter(rollout=rollout, seq__lte=as_of).count()
        after = {"files": dict(digests), "events": own, "as_of": as_of}
        event = record("export_evidence", by=by, obj=rollout, after=after)
    sign_head(clock=clock, at_once=True)
    return event.seq


def _check_has_role(by: Actor, *, service: Service | None) -> None:
    """Any role will do. Raises NotAllowed."""
    asker = asker_of(by, service=service)
    if not asker.roles or not asker.is_active:
        raise NotAllowed(
            _("This takes a role on %(service)s.") % {"service": service}
            if service
            else _("You have no role yet; ask a user administrator for one.")
        )
