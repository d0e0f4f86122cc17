"""Wall-clock times: a local time, an IANA zone, and the one instant they mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from istio.sentence import Sentence
from releases.domain.errors import BadPlan

_MINUTE = "%Y-%m-%d %H:%M"


def zone_of(name: str) -> ZoneInfo:
    """Return the zone of an IANA name. Raises BadPlan."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # not found, an absolute path, a directory
        raise BadPlan(_unknown(name), field="time_zone") from error


def instant_of(local: datetime, *, zone: str, fold: int | None = None, field: str = "") -> datetime:
    """Return the instant in UTC that a naive local time means in a zone.

    When clocks go forward some local times do not exist: those are refused. When they go back some exist twice: then
    ``fold`` chooses the earlier (0) or the later (1), and without it the time is refused. Raises BadPlan.
    """
    place = zone_of(zone)
    first, second = _candidates(local, place)
    if _back(first, place) != local:
        raise BadPlan(
            Sentence(
                "{local} does not exist in {zone}: clocks go forward over it. Take a time before or after.",
                local=f"{local:{_MINUTE}}",
                zone=zone,
            ),
            field=field,
        )
    if first != second and fold is None:
        raise BadPlan(
            Sentence(
                "{local} exists twice in {zone}, as {first} and as {second} UTC: choose the earlier "
                "(fold 0) or the later (fold 1).",
                local=f"{local:{_MINUTE}}",
                zone=zone,
                first=f"{first:%H:%M}",
                second=f"{second:%H:%M}",
            ),
            field=field,
        )
    return second if fold else first


def recurring_instant(local: datetime, *, zone: ZoneInfo) -> datetime:
    """Return the instant of one occurrence of a rule, which nobody is there to be asked about.

    As RFC 5545, 3.3.5: a time that does not exist is read with the offset before the change, one that exists twice is the
    first.
    """
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def local_of(instant: datetime, *, zone: ZoneInfo) -> datetime:
    """Return the naive wall-clock time of an instant."""
    return instant.astimezone(zone).replace(tzinfo=None)


def _candidates(local: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return (first, second) if second - first >= timedelta(0) else (first, first)


def _back(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def _unknown(name: str) -> str:
    return Sentence("{name} is no time zone; take an IANA name such as Asia/Shanghai.", name=repr(name))
