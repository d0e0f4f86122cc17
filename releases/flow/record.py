"""Writing the audit trail: one event per attempt, done or refused, chained, in the caller's transaction.

The chain's lock is taken here and held until that transaction ends: never call this and then the network.
"""

from __future__ import annotations

import json
from typing import Any

from django.db import connection, models, transaction

from releases.clock import database_now
from releases.domain.actor import Actor
from releases.domain.fingerprint import canonical
from releases.domain.verifier import GENESIS, digest_of, link
from releases.models import AuditEvent, Rollout
from services.models import Service

_CHAIN_LOCK = 0x5765_6972  # "Weir"


def record(
    action: str,
    *,
    by: Actor,
    obj: models.Model,
    outcome: str = AuditEvent.Outcome.DONE,
    why: str = "",
    before: Any = None,
    after: Any = None,
    fingerprint: str = "",
    named: tuple[str, str] | None = None,
) -> AuditEvent:
    """Append one event about ``obj``, or about the table and row ``named``. Raises RuntimeError outside a transaction.

    An act and its event are one: they are committed together or not at all.
    """
    if not connection.in_atomic_block:
        raise RuntimeError(f"{action}: an audit event is written in the transaction of what it is about.")
    take_chain_lock()
    head = AuditEvent.objects.order_by("-seq").values_list("seq", "hash").first() or (0, GENESIS)
    rollout, service = _about(obj)
    event = AuditEvent(
        seq=head[0] + 1,
        at=database_now(),
        actor=by.name,
        user_id=by.user_id,
        on_behalf_of=by.on_behalf_of,
        channel=by.channel.value,
        ip=by.ip or None,
        request_id=by.request_id,
        action=action,
        object_type=named[0] if named else obj._meta.model_name or "",
        object_id=named[1] if named else str(obj.pk or ""),
        service=service,
        rollout=rollout,
        outcome=outcome,
        reason=why,
        fingerprint=fingerprint
        or getattr(obj, "fingerprint", "")
        or (rollout.fingerprint if rollout else ""),
        before=_plain(before),
        after=_plain(after),
        prev=head[1],
    )
    event.text = canonical(contents(event))
    event.hash = link(prev=event.prev, digest=digest_of(event.text))
    event.save(force_insert=True)
    _take_away_told(head_seq=head[0])
    return event


@transaction.atomic
def record_refusal(*, by: Actor, action: str, obj: models.Model, why: str) -> None:
    """Write that something was refused, in a transaction of its own, after the refused one has been rolled back."""
    record(action, by=by, obj=obj, outcome=AuditEvent.Outcome.REFUSED, why=why)


def take_chain_lock() -> None:
    """Wait until nobody else appends. SQLite has one writer, whose transaction is the lock."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CHAIN_LOCK])


def _take_away_told(*, head_seq: int) -> None:
    """Take away what the triggers noted of this act's rows: the event that was just written tells it."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "DELETE FROM releases_unrecordedchange WHERE mark = pg_current_xact_id()::text::bigint"
            )
        else:
            cursor.execute("DELETE FROM releases_unrecordedchange WHERE mark = %s", [head_seq])


def contents(event: AuditEvent) -> dict[str, Any]:
    """Return what the chain covers: every column of the event but the chain's own."""
    return {
        "seq": event.seq,
        "at": event.at.isoformat(timespec="microseconds"),
        "actor": event.actor,
        "user": event.user_id,
        "on_behalf_of": event.on_behalf_of,
        "channel": event.channel,
        "ip": event.ip,
        "request_id": event.request_id,
        "action": event.action,
        "object_type": event.object_type,
        "object_id": event.object_id,
        "service": event.service_id,
        "rollout": event.rollout_id,
        "outcome": str(event.outcome),
        "reason": event.reason,
        "fingerprint": event.fingerprint,
        "before": event.before,
        "after": event.after,
    }


def _about(obj: models.Model) -> tuple[Rollout | None, Service | None]:
    """Say which rollout and service an object belongs to, for search."""
    rollout = obj if isinstance(obj, Rollout) else getattr(obj, "rollout", None)
    if isinstance(rollout, Rollout):
        return rollout, rollout.service
    home = getattr(obj, "service", None)
    if isinstance(home, Service):
        return None, home
    return None, obj if isinstance(obj, Service) and obj.pk else None


def _plain(value: Any) -> Any:
    """Return what JSON keeps of a value, so that the text hashed is the text read back."""
    return None if value is None else json.loads(json.dumps(value, default=str))
