"""Closed or open, by what, and until when; and what a plan will meet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from releases.domain.calendar import (
    Calendar,
    Effect,
    Freeze,
    Schedule,
    Window,
    answer,
    forecast,
)
from releases.domain.plan import Plan

BEGIN = datetime(2026, 11, 9, tzinfo=UTC)  # a Monday
HOUR = timedelta(hours=1)


def freeze(name: str, begins: int, ends: int | None, *, effect: Effect = Effect.HOLD) -> Freeze:
    """A freeze from and to hours after BEGIN."""
    schedule = Schedule(BEGIN + begins * HOUR, None if ends is None else BEGIN + ends * HOUR, "UTC")
    return Freeze(key=1, name=name, schedule=schedule, effect=effect)


def daily(begins: int, ends: int) -> Window:
    return Window(
        key=1,
        name="office hours",
        schedule=Schedule(BEGIN + begins * HOUR, BEGIN + ends * HOUR, "UTC", "FREQ=DAILY"),
    )


def test_an_empty_calendar_is_open() -> None:
    found = answer(Calendar(), at=BEGIN)
    assert (found.closed, found.reason, found.next_close) == (False, "", None)


def test_any_freeze_closes_though_a_window_is_open() -> None:
    calendar = Calendar(freezes=(freeze("双十一封网", 10, 14),), windows=(daily(9, 17),))
    found = answer(calendar, at=BEGIN + 11 * HOUR)
    assert (found.closed, found.reason, found.next_open) == (True, "freeze", BEGIN + 14 * HOUR)
    assert found.by is not None
    assert found.by.name == "双十一封网"


def test_where_there_are_windows_one_must_be_open() -> None:
    calendar = Calendar(windows=(daily(9, 12), daily(11, 17)))
    closed = answer(calendar, at=BEGIN + 8 * HOUR)
    assert (closed.closed, closed.reason, closed.next_open) == (True, "window", BEGIN + 9 * HOUR)
    assert answer(calendar, at=BEGIN + 9 * HOUR).next_close == BEGIN + 17 * HOUR, (
        "windows that overlap hang together"
    )
    assert answer(calendar, at=BEGIN + 17 * HOUR).next_open == BEGIN + 33 * HOUR


def test_a_freeze_that_ends_outside_the_windows_opens_with_the_next_window() -> None:
    calendar = Calendar(freezes=(freeze("night", 12, 20),), windows=(daily(9, 17),))
    assert answer(calendar, at=BEGIN + 13 * HOUR).next_open == BEGIN + 33 * HOUR


def test_freezes_that_follow_each_other_open_after_the_last() -> None:
    calendar = Calendar(freezes=(freeze("a", 1, 3), freeze("b", 2, 6), freeze("c", 6, 7)))
    assert answer(calendar, at=BEGIN + HOUR).next_open == BEGIN + 7 * HOUR
    assert answer(calendar, at=BEGIN).next_close == BEGIN + HOUR


def test_a_red_button_opens_when_somebody_lifts_it() -> None:
    found = answer(Calendar(freezes=(freeze("red button", 0, None),)), at=BEGIN + 500 * HOUR)
    assert found.closed
    assert found.next_open is None


def test_of_several_freezes_the_strictest_effect_counts() -> None:
    both = (freeze("a", 0, 9, effect=Effect.FINISH_STEP), freeze("b", 0, 9, effect=Effect.ROLL_BACK))
    assert answer(Calendar(freezes=both), at=BEGIN).effect is Effect.ROLL_BACK


def test_a_window_that_never_comes_again_says_so() -> None:
    once = Window(key=1, name="once", schedule=Schedule(BEGIN, BEGIN + HOUR, "UTC"))
    found = answer(Calendar(windows=(once,)), at=BEGIN + 2 * HOUR)
    assert (found.closed, found.next_open) == (True, None)


PLAN = Plan.from_json({"steps": [{"weight": weight, "bake_seconds": 3600} for weight in (1, 5, 20, 50)]})


def test_a_plan_says_which_step_falls_into_a_freeze_and_how_it_shifts() -> None:
    calendar = Calendar(freezes=(freeze("双十一封网", 3, 10),))
    planned = forecast(PLAN.steps, start=BEGIN, calendar=calendar)
    assert [step.begins for step in planned] == [BEGIN + hours * HOUR for hours in (0, 1, 2, 10)]
    assert [conflict.position for step in planned for conflict in step.conflicts] == [3]
    assert planned[3].conflicts[0].by.name == "双十一封网"


def test_a_plan_says_that_a_freeze_will_roll_it_back() -> None:
    calendar = Calendar(freezes=(freeze("shut", 1, 2, effect=Effect.ROLL_BACK),))
    planned = forecast(PLAN.steps, start=BEGIN + timedelta(minutes=30), calendar=calendar)
    assert [conflict.rolls_back for conflict in planned[0].conflicts] == [True]


def test_steps_behind_a_red_button_have_no_time() -> None:
    calendar = Calendar(freezes=(freeze("red button", 1, None),))
    planned = forecast(PLAN.steps, start=BEGIN, calendar=calendar)
    assert [step.begins for step in planned] == [BEGIN, None, None, None]
    assert len(planned[1].conflicts) == 1


hours = st.integers(0, 200)
freezes = st.builds(
    lambda begins, length, effect: freeze("f", begins, begins + length, effect=effect),
    hours,
    st.integers(1, 60),
    st.sampled_from(Effect),
)
windows = st.builds(
    lambda begins, length: daily(begins, begins + length), st.integers(0, 23), st.integers(1, 23)
)


@given(found=st.lists(freezes, max_size=5), opened=st.lists(windows, max_size=3), hour=hours)
def test_next_open_is_open_and_nothing_before_it_is(
    found: list[Freeze], opened: list[Window], hour: int
) -> None:
    calendar = Calendar(freezes=tuple(found), windows=tuple(opened))
    now = answer(calendar, at=BEGIN + hour * HOUR)
    if not now.closed:
        assert now.next_close is None or answer(calendar, at=now.next_close).closed
        return
    assert now.next_open is not None
    assert not answer(calendar, at=now.next_open).closed
    moment = BEGIN + hour * HOUR
    while moment < now.next_open:
        assert answer(calendar, at=moment).closed
        moment += HOUR
