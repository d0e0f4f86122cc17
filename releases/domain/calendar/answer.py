"""May something go forward at this instant? Closed or open, by what, and until when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from releases.domain.calendar.days import Holidays
from releases.domain.calendar.schedule import Schedule

HORIZONS = (timedelta(days=8), timedelta(days=62), timedelta(days=400))
"""How far ahead the next opening is looked for: near first, since that is nearly always enough."""

_MOMENT = timedelta(microseconds=1)


class Effect(StrEnum):
    """What a freeze does to a rollout that is running.

    ``hold``: the weight stays; nothing that gives the candidate more is written. ``finish_step``: the step that was begun is
    written, bakes and, if it is the last, completes; no other begins. ``roll_back``: all traffic goes back when it begins.
    """

    HOLD = "hold"
    FINISH_STEP = "finish_step"
    ROLL_BACK = "roll_back"


_STRICTNESS = (Effect.ROLL_BACK, Effect.HOLD, Effect.FINISH_STEP)


@dataclass(frozen=True, slots=True)
class Freeze:
    """A period in which nothing moves forward."""

    key: int
    name: str
    schedule: Schedule
    effect: Effect = Effect.HOLD


@dataclass(frozen=True, slots=True)
class Window:
    """A period in which things may move forward. Where there is one, the time outside of all is closed."""

    key: int
    name: str
    schedule: Schedule


@dataclass(frozen=True, slots=True)
class Calendar:
    """What concerns one service: the freezes and windows that cover it, and what its days are."""

    freezes: tuple[Freeze, ...] = ()
    windows: tuple[Window, ...] = ()
    holidays: Holidays = field(default_factory=Holidays)


@dataclass(frozen=True, slots=True)
class Answer:
    """Closed or open at one instant.

    ``by`` is what closes: a freeze, or (a window) the one that opens next. ``effect`` is the strictest of the freezes that
    hold. ``next_open`` and ``next_close`` are None where the calendar does not say.
    """

    closed: bool
    by: Freeze | Window | None = None
    effect: Effect | None = None
    next_open: datetime | None = None
    next_close: datetime | None = None

    @property
    def reason(self) -> str:
        """``freeze``, ``window`` or, when open, empty."""
        if not self.closed:
            return ""
        return "freeze" if isinstance(self.by, Freeze) else "window"


def answer(calendar: Calendar, *, at: datetime) -> Answer:
    """Say whether the calendar is closed at an instant, by what, and when that changes."""
    holding = _holding(calendar, at=at)
    if not holding and (not calendar.windows or _inside(calendar, at=at)):
        return Answer(closed=False, next_open=at, next_close=_next_close(calendar, at=at))
    following = _next_open(calendar, at=at)
    if holding:
        strictest = min(holding, key=lambda freeze: _STRICTNESS.index(freeze.effect))
        return Answer(closed=True, by=strictest, effect=strictest.effect, next_open=following)
    return Answer(closed=True, by=_window_after(calendar, at=at), next_open=following)


def _holding(calendar: Calendar, *, at: datetime) -> list[Freeze]:
    return [freeze for freeze in calendar.freezes if _holds(freeze.schedule, at=at, calendar=calendar)]


def _inside(calendar: Calendar, *, at: datetime) -> bool:
    return any(_holds(window.schedule, at=at, calendar=calendar) for window in calendar.windows)


def _holds(schedule: Schedule, *, at: datetime, calendar: Calendar) -> bool:
    spans = schedule.spans(since=at, until=at + _MOMENT, holidays=calendar.holidays)
    return any(span.holds(at) for span in spans)


def _next_open(calendar: Calendar, *, at: datetime) -> datetime | None:
    for horizon in HORIZONS:
        for begins, _ends in _open_spans(calendar, since=at, until=at + horizon):
            return begins
    return None


def _next_close(calendar: Calendar, *, at: datetime) -> datetime | None:
    for horizon in HORIZONS:
        until = at + horizon
        _begins, ends = next(_open_spans(calendar, since=at, until=until))
        if ends < until:
            return ends
    return None


def _window_after(calendar: Calendar, *, at: datetime) -> Window:
    """Return the window that opens next; when none does, the first there is."""
    for horizon in HORIZONS:
        starts = [
            (span.begins, window.key, window)
            for window in calendar.windows
            for span in window.schedule.spans(since=at, until=at + horizon, holidays=calendar.holidays)
        ]
        if starts:
            return min(starts, key=lambda found: found[:2])[2]
    return calendar.windows[0]


def _open_spans(
    calendar: Calendar, *, since: datetime, until: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """Yield the open stretches of [since, until), each as long as it hangs together: the windows less the freezes."""
    schedules = [window.schedule for window in calendar.windows]
    opened = _union(calendar, schedules, since=since, until=until) if schedules else [(since, until)]
    shut = _union(calendar, [freeze.schedule for freeze in calendar.freezes], since=since, until=until)
    for begins, ends in opened:
        free = begins
        for closes, opens in shut:
            if closes >= ends:
                break
            if opens <= free:
                continue
            if closes > free:
                yield free, closes
            free = opens
        if free < ends:
            yield free, ends


def _union(
    calendar: Calendar, schedules: Sequence[Schedule], *, since: datetime, until: datetime
) -> list[tuple[datetime, datetime]]:
    """Return what the schedules cover of [since, until), oldest first, with what overlaps or touches made one."""
    spans = sorted(
        (max(span.begins, since), min(span.ends or until, until))
        for schedule in schedules
        for span in schedule.spans(since=since, until=until, holidays=calendar.holidays)
    )
    merged: list[tuple[datetime, datetime]] = []
    for begins, ends in spans:
        if merged and begins <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], ends))
        else:
            merged.append((begins, ends))
    return merged
