"""A freeze never holds back a rollback, an abort, a pause or a smaller weight, whatever else is the case."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from releases.domain.calendar import Effect
from releases.domain.decision import Facts, Hold, Opening, Promote, RollBack, Run, Shift, Start, decide
from releases.domain.evidence import Outcome
from releases.domain.plan import Plan
from releases.domain.reasons import Reason
from releases.domain.states import TRANSITIONS, Event, State

NOW = datetime(2026, 11, 11, tzinfo=UTC)
WEIGHTS = (5, 20, 50, 100)
PLAN = Plan.from_json({"steps": [{"weight": weight, "bake_seconds": 60} for weight in WEIGHTS]})
OPEN = Opening()

closings = st.builds(
    Opening,
    is_open=st.sampled_from([False]),
    code=st.sampled_from([Reason.HELD_BY_FREEZE, Reason.WAITING_FOR_WINDOW]),
    name=st.just("双十一封网"),
    next_open=st.none() | st.just(NOW + timedelta(days=1)),
    effect=st.sampled_from(Effect),
)
runs = st.none() | st.builds(
    Run,
    position=st.integers(0, 3),
    desired=st.integers(0, 100),
    written=st.none() | st.integers(0, 100),
    bake_until=st.none() | st.sampled_from([NOW - timedelta(minutes=1), NOW + timedelta(minutes=1)]),
    last_measured_at=st.just(NOW),
    outcome=st.none() | st.sampled_from(Outcome),
)
situations = st.builds(
    Facts,
    state=st.sampled_from([State.APPROVED, State.RUNNING, State.PAUSED, State.ROLLING_BACK]),
    plan=st.just(PLAN),
    start_at=st.none(),
    run=runs,
    drifted=st.booleans(),
    promote_requested=st.booleans(),
    gates_passed=st.integers(0, 4),
    approval_problem=st.sampled_from(["", "a vote is missing"]),
    calendar=closings,
)


@given(facts=situations)
def test_what_rolls_back_or_holds_when_open_does_so_when_closed(facts: Facts) -> None:
    opened = decide(replace(facts, calendar=OPEN), now=NOW)
    if isinstance(opened, RollBack | Hold) or (
        isinstance(opened, Shift) and facts.run is not None and facts.run.goes_down
    ):
        closed = decide(facts, now=NOW)
        assert closed == opened or (isinstance(closed, RollBack) and facts.calendar.rolls_back)


@given(facts=situations)
def test_nothing_goes_forward_while_it_is_closed(facts: Facts) -> None:
    action = decide(facts, now=NOW)
    run = facts.run
    finishing = facts.calendar.effect is Effect.FINISH_STEP and run is not None
    if finishing and facts.calendar.code is Reason.HELD_BY_FREEZE:
        assert not isinstance(action, Start)
        assert not isinstance(action, Shift) or (run is not None and action.position == run.position)
        return
    assert not isinstance(action, Start | Promote) or (run is not None and run.goes_down)
    assert not isinstance(action, Shift) or (run is not None and run.goes_down)


@given(facts=situations.filter(lambda facts: facts.state in {State.RUNNING, State.PAUSED}))
def test_a_freeze_that_rolls_back_does_so_from_every_place_that_carries_traffic(facts: Facts) -> None:
    shut = Opening(is_open=False, code=Reason.HELD_BY_FREEZE, name="shut", effect=Effect.ROLL_BACK)
    action = decide(replace(facts, calendar=shut), now=NOW)
    if facts.run is not None and facts.run.written and not facts.run.goes_down:
        assert isinstance(action, RollBack)


def test_no_freeze_stands_in_the_table_of_states() -> None:
    for state in (State.RUNNING, State.PAUSED):
        assert Event.ROLL_BACK in TRANSITIONS[state]
    assert Event.PAUSE in TRANSITIONS[State.RUNNING]
