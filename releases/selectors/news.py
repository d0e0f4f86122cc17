"""What changed since a place in the tables: the source of the live stream.

Audit events, snapshots and verdicts only ever grow, so three numbers say how far somebody has read. A rollout that merely waits
for another reason leaves no event; such changes are seen by comparing live rows with how they were last seen.

Events are numbered in the order in which they are committed. Keys of snapshots and verdicts are not: on PostgreSQL a transaction may
commit a smaller key after a larger one was read. So each answer says which transactions were under way (``Horizon``): a key is
settled when all that were under way when it was first seen have ended, and only a settled key may say how far somebody has read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from django.db import connection
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

    def up_to(self, settled: Place) -> Place:
        """Return this place with no more snapshots and verdicts than are settled."""
        return replace(
            self,
            snapshot=min(self.snapshot, settled.snapshot),
            verdict=min(self.verdict, settled.verdict),
        )

    def back(self, rows: int) -> Place:
        """Return the place so many snapshots and verdicts before this one."""
        return replace(self, snapshot=max(0, self.snapshot - rows), verdict=max(0, self.verdict - rows))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read what ``str()`` wrote; None for anything else."""
        parts = text.split(".")
        if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts):
            return None
        return cls(*map(int, parts))


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of news: ``kind`` is rollout, snapshot, verdict or traffic; ``data`` is JSON without translated text.

    ``place`` is how far somebody has read who got this and everything before it, and nothing after it.
    """

    kind: str
    data: dict[str, Any]
    place: Place = Place()

    @property
    def key(self) -> tuple[str, int]:
        """What tells a snapshot or verdict from any other."""
        return self.kind, int(self.data["id"])


@dataclass(frozen=True, slots=True)
class Horizon:
    """PostgreSQL's transactions at one moment: every number below ``oldest`` has ended, none from ``coming`` on had begun.

    SQLite has one writer: nothing is ever under way, both are 0.
    """

    oldest: int = 0
    coming: int = 0


@dataclass(frozen=True, slots=True)
class News:
    """What is new, in the order in which it is told, where that leads to, and how the live rollouts look now.

    ``complete`` is False beyond ``LIMIT``.
    """

    place: Place
    items: tuple[Item, ...] = ()
    seen: Seen = field(default_factory=dict)
    complete: bool = True
    horizon: Horizon = Horizon()


def newest_place() -> Place:
    """Return the place after everything that is there."""
    return Place(
        seq=AuditEvent.objects.aggregate(last=Max("seq"))["last"] or 0,
        snapshot=MetricSnapshot.objects.aggregate(last=Max("pk"))["last"] or 0,
        verdict=Verdict.objects.aggregate(last=Max("pk"))["last"] or 0,
    )


def news_after(place: Place, *, seen: Seen | None = None, told: Collection[tuple[str, int]] = ()) -> News:
    """Return what is new since ``place``: at most eight queries, whatever happened.

    ``seen`` is the ``seen`` of the answer before; without it every live rollout is news, as it is for somebody who begins to look.
    ``told`` are keys of snapshots and verdicts after ``place`` that were told already.
    """
    events = list(
        AuditEvent.objects.filter(seq__gt=place.seq, outcome=AuditEvent.Outcome.DONE)
        .order_by("seq")
        .values("seq", "action", "rollout_id", "service_id", "at")[:LIMIT]
    )
    snapshots = list(_grown(MetricSnapshot.objects, "snapshot", after=place.snapshot, told=told))
    verdicts = list(_grown(Verdict.objects, "verdict", after=place.verdict, told=told))
    now = {row[0]: row[1:] for row in Rollout.objects.filter(state__in=LIVE).values_list("pk", *_WATCHED)}
    acts = {event["rollout_id"]: event["seq"] for event in events if event["rollout_id"]}
    changed = {pk: 0 for pk, row in now.items() if seen is None or seen.get(pk) != row} | acts
    rows = _rollouts(changed)
    reached = Place(
        seq=max([place.seq, *(event["seq"] for event in events)]),
        snapshot=max([place.snapshot, *_keys("snapshot", told), *(row.pk for row in snapshots)]),
        verdict=max([place.verdict, *_keys("verdict", told), *(row.pk for row in verdicts)]),
    )
    numbered = [
        *(
            (event["seq"], _traffic_item(event, rollout=rows.get(event["rollout_id"])))
            for event in events
            if event["action"] == "mesh_write"
        ),
        *((changed[row.pk], _rollout_item(row)) for row in rows.values()),
    ]
    measured = [*map(_snapshot_item, snapshots), *map(_verdict_item, verdicts)]
    return News(
        place=reached,
        items=tuple(_placed(measured, numbered, start=place, reached=reached)),
        seen=now,
        complete=max(len(events), len(snapshots), len(verdicts)) < LIMIT,
        horizon=_horizon(),
    )


def _placed(
    measured: Iterable[Item], numbered: Iterable[tuple[int, Item]], *, start: Place, reached: Place
) -> Iterator[Item]:
    """Say of each item how far it leads: snapshots, verdicts, then what events brought, each after its newest event.

    Two items of one event, and a rollout with several, make the number stand before the next item's event: whoever stops
    in between reads on from there, and misses neither.
    """
    place = start
    for item in measured:
        place = replace(place, **{item.kind: item.data["id"]})
        yield replace(item, place=place)
    ordered = sorted(numbered, key=lambda entry: entry[0])
    following = [number - 1 for number, _item in ordered[1:]]
    for (_number, item), seq in zip(ordered, [*following, reached.seq], strict=False):
        place = replace(place, seq=max(place.seq, seq))
        yield replace(item, place=place)


def _grown(rows: Any, kind: str, *, after: int, told: Collection[tuple[str, int]]) -> Any:
    """Return the rows after a key that were not told yet, oldest key first."""
    return (
        rows.filter(pk__gt=after)
        .exclude(pk__in=_keys(kind, told))
        .select_related("rollout")
        .order_by("pk")[:LIMIT]
    )


def _keys(kind: str, told: Collection[tuple[str, int]]) -> list[int]:
    return [key for of, key in told if of == kind]


def _horizon() -> Horizon:
    """Read after the rows: who could still commit a smaller key than one of them has a number below ``coming``."""
    if connection.vendor != "postgresql":
        return Horizon()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_snapshot_xmin(now)::text::bigint, pg_snapshot_xmax(now)::text::bigint FROM pg_current_snapshot() AS now"
        )
        return Horizon(*cursor.fetchone())


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
