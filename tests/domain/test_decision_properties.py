"""What holds for every answer of ``decide``, whatever the facts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from releases.domain.decision import (
    Complete,
    Expire,
    Facts,
    Hold,
    Measure,
    Opening,
    Promote,
    RollBack,
    Run,
    Shift,
    Start,
    Verify,
    Wait,
    decide,
)
from releases.domain.evidence import Outcome
from releases.domain.plan import Plan
from releases.domain.states import FINISHED, State

NOW = datetime(2026, 11, 11, 9, tzinfo=UTC)
MOMENTS = [NOW - timedelta(hours=2), NOW - timedelta(seconds=30), NOW, NOW + timedelta(seconds=30)]
STEPS = [
    {"weight": 5, "bake_seconds": 60},
    {"weight": 50, "bake_seconds": 60, "gate": "manual"},
    {"weight": 100, "bake_seconds": 60, "not_before": (NOW + timedelta(hours=1)).isoformat()},
]
PLANS = [
    Plan.from_json({"steps": STEPS, "evidence": {"policy": policy, "when_unclear": unclear}})
    for policy in ("gate", "guard")
    for unclear in ("hold", "roll_back")
]
moments = st.none() | st.sampled_from(MOMENTS)
runs = st.builds(
    Run,
    position=st.integers(0, 3),
    desired=st.integers(0, 100),
    written=st.none() | st.integers(0, 100),
    bake_until=moments,
    last_measured_at=moments,
    outcome=st.none() | st.sampled_from(Outcome),
    metrics_away=st.booleans(),
    mismatch=st.none() | st.just({"observed": 0.0}),
)
facts = st.builds(
    Facts,
    state=st.sampled_from(State),
    plan=st.sampled_from(PLANS),
    start_at=moments,
    run=st.none() | runs,
    drifted=st.booleans(),
    promote_requested=st.booleans(),
    gates_passed=st.integers(0, 4),
    approval_problem=st.sampled_from(["", "void", None]),
    version_problem=st.sampled_from(["", "another image"]),
    calendar=st.sampled_from([Opening(), Opening(is_open=False)]),
    due_at=moments,
    expires_at=moments,
)


def goes_up(given_facts: Facts, action: object) -> bool:
    """Whether the action gives the candidate more than it has."""
    run = given_facts.run
    if isinstance(action, Promote):
        return True
    return isinstance(action, Shift) and not (run and run.goes_down and action.position == run.position)


@given(given_facts=facts)
def test_there_is_one_answer_and_always_the_same(given_facts: Facts) -> None:
    action = decide(given_facts, now=NOW)
    assert isinstance(
        action, Wait | Start | Expire | Verify | Shift | Measure | Promote | Complete | RollBack | Hold
    )
    assert action == decide(given_facts, now=NOW)


@given(given_facts=facts)
def test_nothing_goes_up_without_votes_image_calendar_and_a_mesh_that_is_ours(given_facts: Facts) -> None:
    if goes_up(given_facts, decide(given_facts, now=NOW)):
        assert given_facts.state is State.RUNNING
        assert given_facts.approval_problem == ""
        assert not given_facts.version_problem
        assert given_facts.calendar.is_open
        assert not given_facts.drifted


@given(given_facts=facts)
def test_no_step_is_skipped_and_none_begins_before_its_time(given_facts: Facts) -> None:
    action, run = decide(given_facts, now=NOW), given_facts.run
    if isinstance(action, Shift) and goes_up(given_facts, action):
        assert action.position in ({0} if run is None else {run.position, run.position + 1})
        if run is None or action.position != run.position:
            not_before = given_facts.plan.steps[action.position].not_before
            assert not_before is None or not_before <= NOW
            assert run is None or run.bake_until is None or run.bake_until <= NOW


@given(given_facts=facts)
def test_a_failed_guard_is_answered_by_a_rollback_or_a_smaller_weight(given_facts: Facts) -> None:
    run = given_facts.run
    carries = given_facts.state in {State.RUNNING, State.PAUSED} and run is not None
    if carries and run is not None and run.written is not None and run.outcome is Outcome.FAIL:
        action = decide(given_facts, now=NOW)
        assert isinstance(action, RollBack) or (isinstance(action, Shift) and run.goes_down)


@given(given_facts=facts)
def test_nothing_stops_a_rollback(given_facts: Facts) -> None:
    if given_facts.state is State.ROLLING_BACK:
        assert isinstance(decide(given_facts, now=NOW), RollBack)


@given(given_facts=facts)
def test_nothing_that_is_finished_moves(given_facts: Facts) -> None:
    if given_facts.state in FINISHED:
        assert isinstance(decide(given_facts, now=NOW), Wait)


@given(given_facts=facts)
def test_without_data_nothing_is_promoted_by_itself(given_facts: Facts) -> None:
    run = given_facts.run
    if run is None or run.outcome not in {None, Outcome.NO_DATA} or given_facts.promote_requested:
        return
    if run.is_written and run.position < len(given_facts.plan.steps):
        action = decide(given_facts, now=NOW)
        assert not isinstance(action, Promote | Complete)
        assert not isinstance(action, Shift) or action.position == run.position
