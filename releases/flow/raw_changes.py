"""What was changed without an act: ``queryset.update``, ``bulk_create``, SQL by hand. It leaves an event all the same."""

from __future__ import annotations

from django.db import transaction

from releases.domain.actor import Actor, Channel
from releases.flow.record import record, take_chain_lock
from releases.models import UnrecordedChange

_AT_ONCE = 500
DATABASE = Actor(name="database", channel=Channel.DATABASE)
"""Who changed it is not known: whoever had the database's password."""


@transaction.atomic
def record_raw_changes() -> int:
    """Write an event for each change that a committed transaction made without one; return how many. Called every few seconds."""
    if not UnrecordedChange.objects.exists():
        return 0
    take_chain_lock()
    rows = list(UnrecordedChange.objects.order_by("id")[:_AT_ONCE])
    for row in rows:
        record(
            "raw_change",
            by=DATABASE,
            obj=row,
            why=f"{row.operation} of {row.table_name} {row.row_id} at {row.at.isoformat(timespec='milliseconds')} without an act",
            before=row.before,
            after=row.after,
            named=(row.table_name, row.row_id),
        )
    UnrecordedChange.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return len(rows)
