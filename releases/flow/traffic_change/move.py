"""The one way a change of traffic changes: guard, compare-and-set, audit, all in one transaction."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from releases.domain import IllegalMove, LostRace
from releases.domain.actor import Actor
from releases.domain.traffic_change import ChangeEvent, ChangeState, change_target
from releases.flow.notify import notify_change
from releases.flow.record import record
from releases.models import TrafficChange


@transaction.atomic
def move_change(
    change: TrafficChange,
    event: ChangeEvent,
    *,
    by: Actor,
    why: str = "",
    to: ChangeState | None = None,
    after: dict[str, Any] | None = None,
    **columns: Any,
) -> None:
    """Change the state by the table, and write the audit event. ``to`` keeps the state for a vote before the quorum.

    Raises IllegalMove, LostRace when the row changed since it was read.
    """
    before = ChangeState(change.state)
    reached = to or change_target(before, event)
    change_target(before, event)
    store(change, state=reached.value, **columns)
    told = record(
        action_of(event),
        by=by,
        obj=change,
        why=why,
        before={"state": before.value},
        after={"state": reached.value, **(after or {})},
    )
    notify_change(change, told)


def store(change: TrafficChange, **columns: Any) -> None:
    """Compare-and-set on the revision, without an event. Raises LostRace and leaves the instance as it was."""
    unchanged = TrafficChange.objects.filter(pk=change.pk, revision=change.revision)
    try:
        with transaction.atomic():
            found = unchanged.update(revision=F("revision") + 1, **columns)
    except IntegrityError as error:
        raise IllegalMove(
            _("Another change of %(service)s is being written; try again when it is done.")
            % {"service": change.service}
        ) from error
    if not found:
        raise LostRace(
            _("%(change)s changed while this was being done; look at it again.") % {"change": change}
        )
    change.revision += 1
    for name, value in columns.items():
        setattr(change, name, value)


def action_of(event: ChangeEvent) -> str:
    """How the audit trail calls the event."""
    return f"{event.value}_traffic_change"
