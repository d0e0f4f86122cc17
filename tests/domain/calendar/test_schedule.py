"""When an entry holds: rules on the wall clock, working days, and what is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releases.domain import BadPlan
from releases.domain.calendar import Days, Holidays, OwnDay, Schedule

SHANGHAI = ZoneInfo("Asia/Shanghai")


def at(*parts: int, zone: str = "Asia/Shanghai") -> datetime:
    return datetime(*parts, tzinfo=ZoneInfo(zone))  # type: ignore[misc,arg-type]  # year, month, day and so on


def office_hours(**changes: Any) -> Schedule:
    given = {
        "begins": at(2026, 9, 21, 10),
        "ends": at(2026, 9, 21, 17),
        "zone": "Asia/Shanghai",
        "rule": "FREQ=DAILY",
        "days": Days.WORKING,
    }
    schedule = Schedule(**{**given, **changes})
    schedule.check()
    return schedule


def days_of(
    schedule: Schedule, since: datetime, until: datetime, *, holidays: Holidays | None = None
) -> list[date]:
    spans = schedule.spans(since=since, until=until, holidays=holidays or Holidays())
    return [span.begins.astimezone(ZoneInfo(schedule.zone)).date() for span in spans]


def test_working_days_leave_out_the_national_holiday_and_take_in_the_weekends_worked_for_it() -> None:
    days = days_of(office_hours(), at(2026, 9, 28), at(2026, 10, 12))
    assert date(2026, 10, 1) not in days
    assert date(2026, 10, 7) not in days
    assert date(2026, 10, 10) in days, "a Saturday worked in exchange"
    assert date(2026, 10, 11) not in days


def test_a_year_that_is_not_published_has_weekends_and_the_operators_list() -> None:
    own = Holidays(own={date(2027, 1, 1): OwnDay("元旦"), date(2027, 1, 2): OwnDay("调休", working=True)})
    days = days_of(office_hours(), at(2026, 12, 31), at(2027, 1, 6), holidays=own)
    assert days == [date(2026, 12, 31), date(2027, 1, 2), date(2027, 1, 4), date(2027, 1, 5)]
    assert own.unknown_years(date(2026, 1, 1), date(2028, 1, 1)) == (2027, 2028)


def test_a_weekly_rule_keeps_its_wall_clock_over_a_change_of_clocks() -> None:
    schedule = Schedule(
        begins=at(2026, 10, 26, 9, zone="America/New_York"),
        ends=at(2026, 10, 26, 10, zone="America/New_York"),
        zone="America/New_York",
        rule="FREQ=WEEKLY;BYDAY=MO",
    )
    spans = list(
        schedule.spans(since=schedule.begins, until=schedule.begins + timedelta(days=15), holidays=Holidays())
    )
    assert [span.begins.astimezone(UTC).hour for span in spans] == [13, 14, 14]


def test_an_occurrence_in_the_gap_is_read_with_the_offset_before_the_change() -> None:
    schedule = Schedule(
        begins=at(2026, 3, 7, 2, 30, zone="America/New_York"),
        ends=at(2026, 3, 7, 4, zone="America/New_York"),
        zone="America/New_York",
        rule="FREQ=DAILY;COUNT=2",
    )
    spans = list(
        schedule.spans(since=schedule.begins, until=schedule.begins + timedelta(days=3), holidays=Holidays())
    )
    assert spans[1].begins == datetime(2026, 3, 8, 7, 30, tzinfo=UTC)
    assert spans[1].ends == datetime(2026, 3, 8, 8, tzinfo=UTC)


def test_until_in_utc_ends_the_rule_on_the_wall_clock() -> None:
    schedule = Schedule(
        begins=at(2026, 11, 2, 9),
        ends=at(2026, 11, 2, 10),
        zone="Asia/Shanghai",
        rule="FREQ=DAILY;UNTIL=20261104T010000Z",
    )
    assert days_of(schedule, at(2026, 11, 1), at(2026, 12, 1)) == [date(2026, 11, day) for day in (2, 3, 4)]


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("FREQ=HOURLY", "FREQ is one of"),
        ("FREQ=SECONDLY;COUNT=5", "FREQ is one of"),
        ("BYDAY=MO", "FREQ is one of"),
        ("FREQ=WEEKLY;BYDAY=XX", "no weekday"),
        ("FREQ=WEEKLY;BYDAY=2MO", "MONTHLY or YEARLY"),
        ("FREQ=DAILY;BYHOUR=1,2,3", "BYHOUR is not known"),
        ("FREQ=DAILY;BYMONTHDAY=30", "goes with MONTHLY"),
        ("FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30", "no occurrence within five years"),
        ("FREQ=DAILY;INTERVAL=0", "not from 1 to 1000"),
        ("FREQ=DAILY;COUNT=3;UNTIL=20270101", "exclude each other"),
        ("FREQ=DAILY;UNTIL=tomorrow", "is no date"),
        ("FREQ=DAILY;FREQ=WEEKLY", "given twice"),
        ("nonsense", "no NAME=VALUE"),
        ("FREQ=DAILY;BYMONTH=" + ",".join(["1"] * 400), "longer than"),
    ],
)
def test_a_rule_that_can_not_be_kept_is_refused(rule: str, why: str) -> None:
    with pytest.raises(BadPlan, match=why) as refused:
        office_hours(rule=rule, days=Days.ANY)
    assert refused.value.field == "rule"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"ends": at(2026, 9, 21, 9)}, "ends after it begins"),
        ({"ends": None}, "comes again ends"),
        ({"ends": at(2026, 11, 21)}, "at most 31 days"),
        ({"rule": ""}, "go with a recurrence rule"),
        ({"rule": "FREQ=WEEKLY;BYDAY=MO"}, "FREQ=DAILY"),
        ({"zone": "Nowhere/City"}, "no time zone"),
    ],
)
def test_a_schedule_that_contradicts_itself_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(BadPlan, match=why):
        office_hours(**changes)


@given(text=st.text(alphabet="FREQ=DAILYWKMOUNTH;,BYST-0123456789", max_size=60))
def test_no_text_is_more_than_refused(text: str) -> None:
    try:
        schedule = office_hours(rule=text, days=Days.ANY)
    except BadPlan:
        return
    list(
        schedule.spans(since=schedule.begins, until=schedule.begins + timedelta(days=30), holidays=Holidays())
    )
