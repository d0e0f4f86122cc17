"""What changed since a place in the tables: the source of the live stream.

Audit events, snapshots and verdicts only ever grow, so three numbers say how far somebody has read. A rollout that merely waits
for another reason leaves no event; such changes are seen by comparing live rows with how they were last seen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from django.db.models import Max, Prefetch

from releases.domain.states import LIVE
from releases.models import AuditEvent, MetricSnapshot, Rollout, StepRun, Verdict
from releases.selectors.traffic import declared_split

LIMIT = 500
"""Rows of each kind in one answer; who is further behind is told to read everything anew."""

Seen = Mapping[int, tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Place:
    """How far the tables have been read: the newest audit event's number, snapshot's and verdict's key."""

    seq: int = 0
    snapshot: int = 0
    verdict: int = 0

    def __str__(self) -> str:
        return f"{self.seq}.{self.snapshot}.{self.verdict}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read what ``str()`` wrote; None for anything else."""
        parts = text.split(".")
        if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts):
            return None
        return cls(*map(int, parts))


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of news: ``kind`` is rollout, snapshot, verdict or traffic; ``data`` is JSON without translated text."""

    kind: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class News:
    """What is new, oldest first, where that leads to, and how the live rollouts look now. ``complete`` is False beyond ``LIMIT``."""

    place: Place
    items: tuple[Item, ...] = ()
    seen: Seen = field(default_factory=dict)
    complete: bool = True


def newest_place() -> Place:
    """Return the place after everything that is there."""
    return Place(
        seq=AuditEvent.objects.aggregate(last=Max("seq"))["last"] or 0,
        snapshot=MetricSnapshot.objects.aggregate(last=Max("pk"))["last"] or 0,
        verdict=Verdict.objects.aggregate(last=Max("pk"))["last"] or 0,
    )


def news_after(place: Place, *, seen: Seen | None = None) -> News:
    """Return what is new since ``place``: at most seven queries, whatever happened.

    ``seen`` is the ``seen`` of the answer before; without it every live rollout is news, as it is for somebody who begins to look.
    """
    events = list(
        AuditEvent.objects.filter(seq__gt=place.seq, outcome=AuditEvent.Outcome.DONE)
        .order_by("seq")
        .values("seq", "action", "rollout_id", "service_id", "at")[:LIMIT]
    )
    snapshots = list(
        MetricSnapshot.objects.filter(pk__gt=place.snapshot).select_related("rollout").order_by("pk")[:LIMIT]
    )
    verdicts = list(
        Verdict.objects.filter(pk__gt=place.verdict).select_related("rollout").order_by("pk")[:LIMIT]
    )
    now = {row[0]: row[1:] for row in Rollout.objects.filter(state__in=LIVE).values_list("pk", *_WATCHED)}
    changed = {pk for pk, row in now.items() if seen is None or seen.get(pk) != row}
    changed |= {event["rollout_id"] for event in events if event["rollout_id"]}
    written = [event for event in events if event["action"] == "mesh_write"]
    rows = _rollouts(changed)
    return News(
        place=Place(
            seq=max([place.seq, *(event["seq"] for event in events)]),
            snapshot=max([place.snapshot, *(row.pk for row in snapshots)]),
            verdict=max([place.verdict, *(row.pk for row in verdicts)]),
        ),
        items=(
            *(_traffic_item(event, rollout=rows.get(event["rollout_id"])) for event in written),
            *(_snapshot_item(row) for row in snapshots),
            *(_verdict_item(row) for row in verdicts),
            *(_rollout_item(row) for row in rows.values()),
        ),
        seen=now,
        complete=max(len(events), len(snapshots), len(verdicts)) < LIMIT,
    )


_WATCHED = ("state", "reason_code", "reason_params", "current_step", "fingerprint")


def _rollouts(wanted: Collection[int]) -> dict[int, Rollout]:
    rows: Iterable[Rollout] = (
        Rollout.objects.filter(pk__in=wanted)
        .select_related("service__stable", "stable", "candidate")
        .prefetch_related(Prefetch("step_runs", StepRun.objects.order_by("position")))
        .order_by("pk")
    )
    return {row.pk: row for row in rows}


def _rollout_item(row: Rollout) -> Item:
    data = {
        "id": row.pk,
        "number": str(row),
        "service": row.service_id,
        "state": row.state,
        "reason_code": row.reason_code,
        "current_step": row.current_step,
        "next_look_at": row.next_wake_up.isoformat() if row.next_wake_up else None,
        "declared": declared_split(row.service, rollout=row if row.state in LIVE else None),
    }
    return Item("rollout", data)


def _traffic_item(event: Mapping[str, Any], *, rollout: Rollout | None) -> Item:
    live = rollout if rollout is not None and rollout.state in LIVE else None
    data = {
        "service": event["service_id"],
        "rollout": event["rollout_id"],
        "at": event["at"].isoformat(),
        "declared": declared_split(rollout.service, rollout=live) if rollout else None,
    }
    return Item("traffic", data)


def _snapshot_item(row: MetricSnapshot) -> Item:
    data = {
        "id": row.pk,
        "rollout": row.rollout_id,
        "service": row.rollout.service_id,
        "at": row.at.isoformat(),
        "step": row.step,
        "weight": row.weight,
        "window_seconds": row.window_seconds,
    }
    return Item("snapshot", data)


def _verdict_item(row: Verdict) -> Item:
    data = {
        "id": row.pk,
        "rollout": row.rollout_id,
        "service": row.rollout.service_id,
        "at": row.at.isoformat(),
        "step": row.step,
        "outcome": row.outcome,
        "metric": row.metric,
        "reason_code": row.reason_code,
    }
    return Item("verdict", data)
