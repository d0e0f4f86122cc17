"""Snapshots exactly as they were measured, whether they are still rows of their own or were packed when the rows were thinned."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from releases.models import MetricSnapshot, Rollout, SnapshotPack
from releases.models.rollout import HOUR_SECONDS

_COLUMNS = ("step", "window_seconds", "weight", "stable", "candidate", "problem", "asked_id")


def as_measured(
    rollout: Rollout, *, since: datetime | None = None, until: datetime | None = None
) -> Iterator[MetricSnapshot]:
    """Yield the snapshots whose windows ended from ``since`` to ``until``, both included, oldest first.

    Those out of a pack are not rows: they have no id.
    """
    packs, rows = rollout.snapshot_packs.order_by("until"), rollout.snapshots.filter(resolution_seconds=0)
    if since is not None:
        packs, rows = packs.filter(until__gte=since), rows.filter(at__gte=since)
    if until is not None:
        hour = timedelta(seconds=HOUR_SECONDS)
        packs, rows = packs.filter(until__lt=until + hour), rows.filter(at__lte=until)
    for pack in packs.iterator(chunk_size=10):
        for snapshot in unpacked(pack):
            if (since is None or snapshot.at >= since) and (until is None or snapshot.at <= until):
                yield snapshot
    yield from rows.order_by("at").iterator(chunk_size=1000)  # thinning begins with the oldest


def packed(rows: Sequence[MetricSnapshot]) -> bytes:
    """Return rows as measured in the form in which a pack keeps them."""
    lines = [[row.at.astimezone(UTC).isoformat(), *(getattr(row, name) for name in _COLUMNS)] for row in rows]
    return zlib.compress(json.dumps(lines, separators=(",", ":")).encode(), level=6)


def unpacked(pack: SnapshotPack) -> Iterator[MetricSnapshot]:
    """Yield what ``packed`` was given, oldest first."""
    lines: list[list[Any]] = json.loads(zlib.decompress(bytes(pack.packed)))
    for at, *columns in lines:
        fields = dict(zip(_COLUMNS, columns, strict=True))
        yield MetricSnapshot(rollout_id=pack.rollout_id, at=datetime.fromisoformat(at), **fields)
