"""Working days: Chinese public holidays, the weekends worked in exchange for them (调休), and the operator's own list.

``chinesecalendar`` knows the years whose arrangement the State Council has published. For a year it does not know there are
weekends and the operator's own list, and ``known`` says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import chinese_calendar


@dataclass(frozen=True, slots=True)
class OwnDay:
    """A day on the operator's own list: off, or worked."""

    name: str
    working: bool = False


@dataclass(frozen=True, slots=True)
class Day:
    """One day. ``name`` is the holiday's, also on a weekend worked for it; ``known`` is False in a year not published."""

    day: date
    working: bool
    name: str = ""
    known: bool = True

    @property
    def is_special(self) -> bool:
        """Say whether the day is not what its weekday promises."""
        return bool(self.name) or self.working == (self.day.weekday() >= 5)


@dataclass(frozen=True, slots=True)
class Holidays:
    """What each day is. The operator's own list outweighs the library."""

    own: Mapping[date, OwnDay] = field(default_factory=dict)

    def of(self, day: date) -> Day:
        """Return what this day is. Never an error."""
        if mine := self.own.get(day):
            return Day(day=day, working=mine.working, name=mine.name, known=True)
        try:
            is_off, name = chinese_calendar.get_holiday_detail(day)
        except NotImplementedError:
            return Day(day=day, working=day.weekday() < 5, known=False)
        return Day(day=day, working=not is_off, name=name or "")

    def unknown_years(self, first: date, last: date) -> tuple[int, ...]:
        """Return the years between two days whose holidays are not known."""
        return tuple(
            year for year in range(first.year, last.year + 1) if not Holidays().of(date(year, 1, 1)).known
        )
