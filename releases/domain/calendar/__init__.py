"""When things may go forward: freezes, release windows, holidays. Pure; knows no rows and no clock.

A freeze closes, whatever the windows say; where there are windows, one of them must be open. None of it is ever asked about
a rollback, an abort, a pause or a smaller weight.
"""

from releases.domain.calendar.answer import Answer, Calendar, Effect, Freeze, Window, answer
from releases.domain.calendar.days import Day, Holidays, OwnDay
from releases.domain.calendar.forecast import Conflict, Planned, forecast
from releases.domain.calendar.local import instant_of, zone_of
from releases.domain.calendar.recurrence import check_rule
from releases.domain.calendar.schedule import Days, Schedule, Span

__all__ = [
    "Answer",
    "Calendar",
    "Conflict",
    "Day",
    "Days",
    "Effect",
    "Freeze",
    "Holidays",
    "OwnDay",
    "Planned",
    "Schedule",
    "Span",
    "Window",
    "answer",
    "check_rule",
    "forecast",
    "instant_of",
    "zone_of",
]
