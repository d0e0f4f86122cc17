"""Recurrence rules (RFC 5545 RRULE), limited to what a calendar of releases needs and what ends.

``dateutil`` counts the days; what it would count for ever, or by the second, is refused here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from istio.sentence import Sentence
from releases.domain.errors import BadPlan

FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
MAX_LENGTH = 500
_FIRST_WITHIN = timedelta(days=5 * 366)
_RANGES: Mapping[str, tuple[int, int]] = {
    "INTERVAL": (1, 1000),
    "COUNT": (1, 10_000),
    "BYMONTH": (1, 12),
    "BYMONTHDAY": (-31, 31),
    "BYSETPOS": (-366, 366),
}
_OF_MONTHS = frozenset({"BYMONTHDAY", "BYSETPOS"})
_WEEKDAYS = frozenset({"MO", "TU", "WE", "TH", "FR", "SA", "SU"})


def check_rule(rule: str, *, begins: datetime, zone: ZoneInfo) -> None:
    """Refuse a rule that is not understood, goes by the hour, or has no occurrence within five years. Raises BadPlan."""
    parts = _parts(rule)
    if parts.get("FREQ") not in FREQUENCIES:
        raise _bad(Sentence("FREQ is one of {known}", known=", ".join(FREQUENCIES)))
    for name, value in parts.items():
        _check_part(name, value, frequency=parts["FREQ"])
    if "COUNT" in parts and "UNTIL" in parts:
        raise _bad(Sentence("COUNT and UNTIL exclude each other"))
    local = begins.astimezone(zone).replace(tzinfo=None)
    if next(occurrences(rule, first=local, until=local + _FIRST_WITHIN, zone=zone), None) is None:
        raise _bad(Sentence("it has no occurrence within five years"))


def occurrences(rule: str, *, first: datetime, until: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the local starts of a checked rule from its first on, oldest first, up to ``until``."""
    try:
        counted = rrulestr(_with_local_until(_parts(rule), zone=zone), dtstart=first)
    except ValueError as error:
        raise _bad(str(error)) from error
    for local in counted:
        if local > until:
            return
        yield local


def frequency_of(rule: str) -> str:
    """Return the rule's FREQ, or an empty text."""
    return _parts(rule).get("FREQ", "") if rule else ""


def _parts(rule: str) -> dict[str, str]:
    text = rule.strip().upper().removeprefix("RRULE:")
    if len(text) > MAX_LENGTH:
        raise _bad(Sentence("it is longer than {limit} characters", limit=MAX_LENGTH))
    parts: dict[str, str] = {}
    for piece in filter(None, text.split(";")):
        name, equals, value = piece.partition("=")
        if not equals or not value:
            raise _bad(Sentence("{piece} is no NAME=VALUE", piece=repr(piece)))
        if name in parts:
            raise _bad(Sentence("{name} is given twice", name=name))
        parts[name] = value
    return parts


def _check_part(name: str, value: str, *, frequency: str) -> None:
    if name in {"FREQ", "UNTIL"}:
        return
    if name == "WKST":
        if value not in _WEEKDAYS:
            raise _bad(Sentence("WKST={value} is no weekday", value=value))
        return
    if name == "BYDAY":
        _check_days(value, frequency=frequency)
        return
    if name not in _RANGES:
        raise _bad(Sentence("{name} is not known here", name=name))
    if name in _OF_MONTHS and frequency not in {"MONTHLY", "YEARLY"}:
        raise _bad(Sentence("{name} goes with MONTHLY or YEARLY", name=name))
    low, high = _RANGES[name]
    for item in value.split(","):
        number = _whole(item)
        if number is None or not low <= number <= high or number == 0:
            raise _bad(
                Sentence(
                    "{name}={item} is not from {low} to {high}", name=name, item=item, low=low, high=high
                )
            )


def _check_days(value: str, *, frequency: str) -> None:
    for item in value.split(","):
        number = item[:-2]
        if item[-2:] not in _WEEKDAYS:
            raise _bad(Sentence("BYDAY={item} is no weekday", item=item))
        if number and (frequency not in {"MONTHLY", "YEARLY"} or not -53 <= (_whole(number) or 0) <= 53):
            raise _bad(Sentence("BYDAY={item}: a number goes with MONTHLY or YEARLY", item=item))


def _with_local_until(parts: Mapping[str, str], *, zone: ZoneInfo) -> str:
    """Write the rule with UNTIL as a local time: occurrences are counted on the wall clock."""
    local = dict(parts)
    if until := parts.get("UNTIL"):
        local["UNTIL"] = _local_until(until, zone=zone)
    return ";".join(f"{name}={value}" for name, value in local.items())


def _local_until(value: str, *, zone: ZoneInfo) -> str:
    for form in ("%Y%m%dT%H%M%SZ", "%Y%m%dT%H%M%S", "%Y%m%d"):
        try:
            moment = datetime.strptime(value, form)  # noqa: DTZ007 - the zone is what this function finds out
        except ValueError:
            continue
        if form.endswith("Z"):
            moment = moment.replace(tzinfo=UTC).astimezone(zone)
        elif "T" not in form:
            moment += timedelta(days=1, seconds=-1)
        return f"{moment:%Y%m%dT%H%M%S}"
    raise _bad(Sentence("UNTIL={value} is no date such as 20261231 or 20261231T160000Z", value=value))


def _whole(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _bad(why: str) -> BadPlan:
    return BadPlan(
        Sentence("The recurrence rule can not be used: {why}. An example: FREQ=WEEKLY;BYDAY=MO,TU.", why=why),
        field="rule",
    )
