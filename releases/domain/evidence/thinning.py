"""Adding up windows that lie side by side, so that old figures cost less. What is alike is added, what is not stays apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from istio.telemetry import Counts
from releases.domain.evidence.scrape import total


@dataclass(frozen=True, slots=True)
class Window:
    """One stored row: ``windows`` looks that took ``seconds`` together, the last of which ended ``at`` (epoch seconds)."""

    key: int
    at: float
    seconds: float
    windows: int
    step: int | None
    weight: int
    problem: str
    stable: Counts | None
    candidate: Counts | None


@dataclass(frozen=True, slots=True)
class Sum:
    """What several rows amount to. ``whole`` has the key and the end of the last of them, ``absorbed`` are the others' keys."""

    whole: Window
    absorbed: tuple[int, ...]


def thinned(rows: Sequence[Window], *, resolution_seconds: int) -> list[Sum]:
    """Add up the rows that end in the same part of the clock, oldest first.

    A part is ``resolution_seconds`` long and its end belongs to it. Rows of another step or weight are not added up, nor those
    in which a version has no counts with those in which it has: a gap stays a gap, and requests per second stay true.
    """
    alike: dict[tuple[object, ...], list[Window]] = {}
    for row in rows:
        alike.setdefault(_kind(row, resolution_seconds=resolution_seconds), []).append(row)
    return sorted((_sum(group) for group in alike.values()), key=lambda found: found.whole.at)


def _kind(row: Window, *, resolution_seconds: int) -> tuple[object, ...]:
    part = math.ceil(row.at / resolution_seconds)
    return part, row.step, row.weight, row.problem, row.stable is None, row.candidate is None


def _sum(group: Sequence[Window]) -> Sum:
    last = group[-1]
    whole = replace(
        last,
        seconds=sum(row.seconds for row in group),
        windows=sum(row.windows for row in group),
        stable=total([row.stable for row in group if row.stable]),
        candidate=total([row.candidate for row in group if row.candidate]),
    )
    return Sum(whole=whole, absorbed=tuple(row.key for row in group[:-1]))
