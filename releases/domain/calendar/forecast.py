"""What the calendar will do to a plan, said before anybody approves it. The engine asks again at every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from releases.domain.calendar.answer import Calendar, Effect, Freeze, Window, answer
from releases.domain.plan import Step


@dataclass(frozen=True, slots=True)
class Conflict:
    """A step meets something closed: it begins there and waits, or a freeze that rolls back begins while it is held."""

    position: int
    by: Freeze | Window
    at: datetime
    next_open: datetime | None
    rolls_back: bool = False


@dataclass(frozen=True, slots=True)
class Planned:
    """When a step would begin and be over, the calendar kept. None: not before somebody lifts a freeze."""

    position: int
    begins: datetime | None
    ends: datetime | None
    conflicts: tuple[Conflict, ...] = ()


def forecast(steps: Sequence[Step], *, start: datetime, calendar: Calendar) -> tuple[Planned, ...]:
    """Lay the steps out from ``start``, each when the one before is over, not before its own time, and when it is open."""
    free: datetime | None = start
    planned: list[Planned] = []
    for position, step in enumerate(steps):
        if free is None:
            planned.append(Planned(position, None, None))
            continue
        wanted = max(free, step.not_before or free)
        found = answer(calendar, at=wanted)
        conflicts: list[Conflict] = []
        begins: datetime | None = wanted
        if found.closed and found.by is not None:
            conflicts.append(Conflict(position, found.by, wanted, found.next_open))
            begins = found.next_open
        ends = begins + timedelta(seconds=step.bake_seconds) if begins else None
        if begins and ends and step.weight:
            conflicts += _rolled_back(position, calendar=calendar, begins=begins, ends=ends)
        planned.append(Planned(position, begins, ends, tuple(conflicts)))
        free = ends
    return tuple(planned)


def _rolled_back(position: int, *, calendar: Calendar, begins: datetime, ends: datetime) -> list[Conflict]:
    """Find the freezes that begin while the step is held and give all traffic back."""
    return [
        Conflict(position, freeze, span.begins, span.ends, rolls_back=True)
        for freeze in calendar.freezes
        if freeze.effect is Effect.ROLL_BACK
        for span in freeze.schedule.spans(since=begins, until=ends, holidays=calendar.holidays)
        if span.begins > begins
    ][:1]
