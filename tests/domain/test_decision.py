"""What ``decide`` answers: one row, one sentence. No Django, no clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from releases.domain import BadPlan, IllegalMove
from releases.domain.decision import (
    Action,
    Facts,
    Hold,
    Measure,
    Promote,
    RollBack,
    Run,
    Shift,
    Start,
    Wait,
    decide,
)
from releases.domain.evidence import Outcome
from releases.domain.plan import Plan
from releases.domain.reasons import Reason
from releases.domain.states import FINISHED, TRANSITIONS, Event, State, target

NOW = datetime(2026, 11, 11, 9, tzinfo=UTC)
PLAN = Plan.from_json(
    {
        "steps": [{"weight": 5, "bake_seconds": 60}, {"weight": 100, "bake_seconds": 60}],
        "evidence": {"policy": "guard", "interval_seconds": 15, "wait_limit_seconds": 60},
    }
)


def facts(state: State = State.RUNNING, *, run: Run | None = None, **others: object) -> Facts:
    return Facts(state=state, plan=PLAN, start_at=None, run=run, **others)  # type: ignore[arg-type]  # a test names what it needs


def step(
    position: int = 0, *, over: bool = False, measured: bool = True, outcome: Outcome | None = Outcome.PASS
) -> Run:
    bake_until = NOW - timedelta(seconds=1) if over else NOW + timedelta(seconds=30)
    last = NOW if measured else NOW - timedelta(seconds=60)
    weight = PLAN.steps[position].weight
    return Run(
        position=position,
        desired=weight,
        written=weight,
        bake_until=bake_until,
        last_measured_at=last,
        outcome=outcome,
    )


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        pytest.param(facts(State.APPROVED), Start, id="an approved rollout without a time starts"),
        pytest.param(facts(), Shift, id="a running one without a step writes the first"),
        pytest.param(facts(run=step()), Wait, id="a baking step waits"),
        pytest.param(facts(run=step(measured=False)), Measure, id="a measurement that is due comes first"),
        pytest.param(facts(run=step(over=True)), Shift, id="a step that passed makes way for the next"),
        pytest.param(facts(run=step(1, over=True)), Promote, id="the last step that passed is promoted"),
        pytest.param(
            facts(run=step(outcome=Outcome.FAIL)), RollBack, id="a failed guard rolls back inside the bake"
        ),
        pytest.param(
            facts(State.PAUSED, run=step(outcome=Outcome.FAIL)), RollBack, id="guards judge while paused"
        ),
        pytest.param(facts(run=step(over=True), approval_problem="void"), Hold, id="a void approval holds"),
        pytest.param(facts(run=step(over=True), drifted=True), Hold, id="drift holds"),
        pytest.param(
            facts(run=step(over=True, outcome=Outcome.NO_DATA)), Wait, id="no data is never silently on"
        ),
        pytest.param(
            facts(State.ROLLING_BACK, approval_problem="void", drifted=True),
            RollBack,
            id="nothing stops a rollback",
        ),
    ],
)
def test_one_good_reason(given: Facts, kind: type[Action]) -> None:
    assert isinstance(decide(given, now=NOW), kind)


def test_a_step_that_was_desired_but_not_written_is_written_again() -> None:
    run = Run(position=0, desired=5, written=None, bake_until=None)
    assert decide(facts(run=run), now=NOW) == Shift(0)


def test_unclear_evidence_holds_at_the_plan_s_limit() -> None:
    run = step(over=True, outcome=Outcome.NO_DATA)
    later = facts(run=Run(0, 5, 5, NOW - timedelta(seconds=61), NOW, Outcome.NO_DATA))
    assert isinstance(decide(facts(run=run), now=NOW), Wait)
    assert decide(later, now=NOW) == Hold(Reason.EVIDENCE_UNCLEAR)


def test_unclear_evidence_that_a_person_accepted_makes_way_for_the_next_step() -> None:
    accepted = replace(step(over=True, outcome=Outcome.NO_DATA), evidence_accepted=True)
    assert decide(facts(run=accepted), now=NOW) == Shift(1)
    failed = replace(accepted, outcome=Outcome.FAIL)
    assert isinstance(decide(facts(run=failed), now=NOW), RollBack)


def test_a_finished_rollout_never_moves_back_into_life() -> None:
    for state in FINISHED:
        assert set(TRANSITIONS[state].values()) <= FINISHED


def test_an_unknown_event_is_an_illegal_move() -> None:
    with pytest.raises(IllegalMove):
        target(State.DRAFT, Event.RESUME)


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [{"weight": 101, "bake_seconds": 1}],
        [{"weight": 0.5, "bake_seconds": 1}],
        [{"weight": 5, "bake_seconds": 0}],
        [{"weight": 20, "bake_seconds": 1}, {"weight": 5, "bake_seconds": 1}],
    ],
)
def test_a_plan_that_can_not_be_carried_out_is_refused(steps: list[dict[str, object]]) -> None:
    with pytest.raises(BadPlan):
        Plan.from_json({"steps": steps})
