"""iCalendar (RFC 5545) in and out. What a file says and this calendar can not keep is refused, never dropped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import icalendar

from istio.sentence import Sentence
from releases.domain.calendar.local import instant_of, zone_of
from releases.domain.calendar.schedule import Schedule
from releases.domain.errors import BadPlan

MAX_CHARACTERS = 1_000_000
MAX_EVENTS = 500


@dataclass(frozen=True, slots=True)
class Imported:
    """One event of a file: its own name for itself, and when it holds."""

    uid: str
    name: str
    description: str
    schedule: Schedule


@dataclass(frozen=True, slots=True)
class Exported:
    """One event for other calendars. ``category`` is FREEZE, WINDOW or ROLLOUT."""

    uid: str
    name: str
    description: str
    category: str
    schedule: Schedule


def write_events(events: Iterable[Exported], *, name: str, now: datetime) -> str:
    """Return an iCalendar file with the zones it needs. What ends when somebody lifts it has no end."""
    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//Weir//Calendar//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", name)
    for item in events:
        calendar.add_component(_event(item, now=now))
    calendar.add_missing_timezones()
    text: str = calendar.to_ical().decode()
    return text


def read_events(text: str, *, zone: str) -> tuple[Imported, ...]:
    """Read the events of a file. Times without a zone, and whole days, are read in ``zone``. Raises BadPlan."""
    if len(text) > MAX_CHARACTERS:
        raise _bad(Sentence("it is larger than a million characters"))
    try:
        found = icalendar.Calendar.from_ical(text)
        events = list(found.walk("VEVENT"))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise _bad(Sentence("it is no iCalendar file: {error}", error=str(error))) from error
    if not events:
        raise _bad(Sentence("there is no event in it"))
    if len(events) > MAX_EVENTS:
        raise _bad(Sentence("it has more than {limit} events", limit=MAX_EVENTS))
    return tuple(_imported(event, zone=zone) for event in events)


def _event(item: Exported, *, now: datetime) -> icalendar.Event:
    zone = zone_of(item.schedule.zone)
    event = icalendar.Event()
    event.add("uid", item.uid)
    event.add("dtstamp", now.astimezone(UTC))
    event.add("summary", item.name)
    event.add("description", item.description)
    event.add("categories", [item.category])
    event.add("dtstart", item.schedule.begins.astimezone(zone))
    if item.schedule.ends is not None:
        event.add("dtend", item.schedule.ends.astimezone(zone))
    if item.schedule.rule:
        event.add("rrule", icalendar.vRecur.from_ical(item.schedule.rule.upper().removeprefix("RRULE:")))
    return event


def _imported(event: Any, *, zone: str) -> Imported:
    name = str(event.get("summary") or "").strip()[:100]
    uid = str(event.get("uid") or "").strip()
    if not name or not uid or len(uid) > 255:
        raise _bad(Sentence("an event lacks SUMMARY or UID"))
    for unknown in ("exdate", "rdate", "recurrence-id"):
        if unknown in event:
            raise _bad(Sentence("{name}: {property} is not known here", name=name, property=unknown.upper()))
    try:
        start = event.decoded("dtstart")
        end = event.decoded("dtend", None)
        duration = event.decoded("duration", None)
    except (ValueError, KeyError, TypeError) as error:
        raise _bad(
            Sentence("{name}: its times can not be read ({error})", name=name, error=str(error))
        ) from error
    if end is None:
        end = start + (
            duration or timedelta(days=1) if not isinstance(start, datetime) else duration or timedelta(0)
        )
    begins, place = _instant(start, zone=zone)
    ends, _place = _instant(end, zone=zone)
    rule = event.get("rrule")
    if isinstance(rule, list):
        raise _bad(Sentence("{name}: it has more than one RRULE", name=name))
    schedule = Schedule(begins, ends, place, rule.to_ical().decode() if rule else "")
    schedule.check()
    return Imported(uid, name, str(event.get("description") or "")[:4000], schedule)


def _instant(moment: date | datetime, *, zone: str) -> tuple[datetime, str]:
    """Return the instant and the IANA zone its wall clock is in."""
    if not isinstance(moment, datetime):
        return instant_of(datetime.combine(moment, time.min), zone=zone), zone
    if moment.tzinfo is None:
        return instant_of(moment, zone=zone), zone
    place = moment.tzinfo.key if isinstance(moment.tzinfo, ZoneInfo) else zone
    return moment.astimezone(UTC), place


def _bad(why: str) -> BadPlan:
    return BadPlan(Sentence("The calendar file can not be used: {why}.", why=why), field="ics")
