"""Steps on a calendar: what was held solid, what is to come dashed, now as a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

ROW = 40
"""Pixels of one step's row."""

_LABEL = 25
"""Percent of the width that a label may take."""

_DAY = timedelta(days=1)
_DISTANCES = (
    *(timedelta(seconds=seconds) for seconds in (5, 10, 30, 60, 300, 900)),
    *(timedelta(hours=hours) for hours in (1, 3, 6, 12, 24, 48, 168)),
)


@dataclass(frozen=True, slots=True)
class Held:
    """One step: when it began or will begin, until when it is held, and how it stands.

    ``css`` is ``done``, ``skipped``, ``now``, ``bad`` or ``next``; a ``next`` one is drawn dashed.
    """

    weight: int
    begins: datetime
    ends: datetime
    css: str
    label: str


@dataclass(frozen=True, slots=True)
class Shade:
    """A time in which nothing moves forward. ``ends`` None: until somebody lifts it."""

    begins: datetime
    ends: datetime | None
    label: str


@dataclass(frozen=True, slots=True)
class Column:
    """A shade as drawn: percent from the left, percent wide."""

    x: float
    width: float
    label: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One row: percent from the left, percent wide, pixels from the top; the label where there is room.

    ``label_at`` is ``after`` or ``before`` the bar, or ``inside`` one that leaves no room beside it.
    """

    weight: int
    css: str
    x: float
    width: float
    y: int
    label: str
    label_x: float
    label_at: Literal["before", "inside", "after"]


@dataclass(frozen=True, slots=True)
class Mark:
    """A vertical line at a round time. ``day`` marks the first instant of a day."""

    x: float
    label: str
    day: bool


@dataclass(frozen=True, slots=True)
class Strip:
    """The whole picture."""

    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]
    shades: tuple[Column, ...]
    now_x: float | None
    height: int


def draw_strip(steps: Sequence[Held], *, now: datetime | None, shades: Sequence[Shade] = ()) -> Strip | None:
    """Lay the steps out over time, oldest first; None without steps. All instants in the reader's zone.

    ``now`` is None for what has ended: its picture ends with it, however long ago that was.
    """
    if not steps:
        return None
    present = [now] if now else []
    first = min([*present, *(step.begins for step in steps)])
    last = max([*present, *(step.ends for step in steps)])
    margin = max((last - first) / 40, timedelta(seconds=1))
    begin, length = first - margin, (last - first) + 2 * margin

    def x(at: datetime) -> float:
        return round(100 * ((at - begin) / length), 2)

    bars = tuple(
        _bar(step, left=x(step.begins), right=x(step.ends), y=index * ROW + 8)
        for index, step in enumerate(steps)
    )
    marks = tuple(_mark(at, x=x(at)) for at in round_instants(begin, length=length))
    columns = []
    for shade in shades:
        left, right = max(x(shade.begins), 0.0), min(x(shade.ends) if shade.ends else 100.0, 100.0)
        columns.append(Column(x=left, width=round(max(right - left, 0.4), 2), label=shade.label))
    return Strip(
        bars=bars,
        marks=marks,
        shades=tuple(columns),
        now_x=x(now) if now else None,
        height=len(steps) * ROW + 8,
    )


def round_instants(begin: datetime, *, length: timedelta, most: int = 8) -> list[datetime]:
    """Return round local times inside the range, not more than ``most`` of them."""
    distance = next(
        (known for known in _DISTANCES if length / known <= most), _DAY * (length.days // most + 1)
    )
    midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    at = midnight + (int((begin - midnight) / distance) + 1) * distance
    found: list[datetime] = []
    while at <= begin + length:
        found.append(at)
        at += distance
    return found


def _bar(step: Held, *, left: float, right: float, y: int) -> Bar:
    label_at: Literal["before", "inside", "after"] = (
        "after" if right <= 100 - _LABEL else "before" if left >= _LABEL else "inside"
    )
    return Bar(
        weight=step.weight,
        css=step.css,
        x=left,
        width=max(round(right - left, 2), 0.4),
        y=y,
        label=step.label,
        label_x=right if label_at == "after" else left,
        label_at=label_at,
    )


def _mark(at: datetime, *, x: float) -> Mark:
    day = at.hour == at.minute == at.second == 0
    return Mark(
        x=x, label=f"{at:%m-%d}" if day else f"{at:%H:%M:%S}" if at.second else f"{at:%H:%M}", day=day
    )
