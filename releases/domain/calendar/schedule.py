"""When an entry of the calendar holds: once, or by a rule on the wall clock of its zone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from istio.sentence import Sentence
from releases.domain.calendar.days import Holidays
from releases.domain.calendar.local import local_of, recurring_instant, zone_of
from releases.domain.calendar.recurrence import check_rule, frequency_of, occurrences
from releases.domain.errors import BadPlan

LONGEST_RECURRING = timedelta(days=31)


class Days(StrEnum):
    """On which days occurrences begin."""

    ANY = "any"
    WORKING = "working"
    RESTING = "resting"


@dataclass(frozen=True, slots=True)
class Span:
    """From an instant up to, not including, another. ``ends`` None: until somebody lifts it."""

    begins: datetime
    ends: datetime | None

    def holds(self, at: datetime) -> bool:
        return self.begins <= at and (self.ends is None or at < self.ends)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The first occurrence as instants, and how it comes again: ``rule`` is an RRULE, empty for once."""

    begins: datetime
    ends: datetime | None
    zone: str
    rule: str = ""
    days: Days = Days.ANY

    def check(self) -> None:
        """Refuse what could not be kept. Raises BadPlan."""
        zone = zone_of(self.zone)
        if self.ends is not None and self.ends <= self.begins:
            raise BadPlan(Sentence("It ends after it begins."), field="ends_at")
        if not self.rule:
            if self.days is not Days.ANY:
                raise BadPlan(Sentence("Working or resting days go with a recurrence rule."), field="days")
            return
        if self.ends is None or self.ends - self.begins > LONGEST_RECURRING:
            raise BadPlan(
                Sentence("What comes again ends, and lasts at most 31 days each time."), field="ends_at"
            )
        check_rule(self.rule, begins=self.begins, zone=zone)
        if self.days is not Days.ANY and frequency_of(self.rule) != "DAILY":
            raise BadPlan(
                Sentence(
                    "Working or resting days go with FREQ=DAILY: by weekday, weekends that are worked "
                    "would be lost."
                ),
                field="rule",
            )

    def spans(self, *, since: datetime, until: datetime, holidays: Holidays) -> Iterator[Span]:
        """Yield what overlaps [since, until), in the order in which it begins."""
        for span in self._all(until=until, holidays=holidays):
            if span.begins < until and (span.ends is None or span.ends > since):
                yield span

    def _all(self, *, until: datetime, holidays: Holidays) -> Iterator[Span]:
        if not self.rule or self.ends is None:
            yield Span(self.begins, self.ends)
            return
        zone = zone_of(self.zone)
        first = local_of(self.begins, zone=zone)
        length = local_of(self.ends, zone=zone) - first
        last = local_of(until, zone=zone)
        for local in occurrences(self.rule, first=first, until=last, zone=zone):
            if self.days is not Days.ANY and holidays.of(local.date()).working != (self.days is Days.WORKING):
                continue
            begins = recurring_instant(local, zone=zone)
            ends = recurring_instant(local + length, zone=zone)
            if ends > begins:
                yield Span(begins, ends)
