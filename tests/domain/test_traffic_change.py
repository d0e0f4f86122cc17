"""When a change of traffic leads back, and what each state knows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from istio.traffic import TrafficSpec
from releases.domain import IllegalMove
from releases.domain.traffic_change import (
    CHANGE_TRANSITIONS,
    OPEN,
    ChangeEvent,
    ChangeState,
    change_target,
    goes_back,
    settled_on,
)

TESTERS = {"header": "x-tester", "exact": "1"}
STAFF = {"header": "x-staff", "exact": "1"}
HELD = {"header": "x-vip", "exact": "1", "to": "stable"}
STICKY = {"header": "x-user-id", "percent": 20}


def spec(weight: int = 0, **parts: Any) -> TrafficSpec:
    return TrafficSpec.from_json({"candidate_weight": weight, **parts})


@pytest.mark.parametrize(
    ("before", "after", "back"),
    [
        pytest.param(spec(20), spec(10), True, id="a smaller weight"),
        pytest.param(spec(20), spec(20), True, id="the same"),
        pytest.param(spec(20), spec(21), False, id="a larger weight"),
        pytest.param(spec(0, rules=[TESTERS]), spec(0), True, id="a rule less"),
        pytest.param(spec(0, rules=[TESTERS, STAFF]), spec(0, rules=[STAFF]), True, id="the first rule less"),
        pytest.param(spec(0), spec(0, rules=[TESTERS]), False, id="a rule more"),
        pytest.param(spec(0, rules=[TESTERS]), spec(0, rules=[STAFF]), False, id="another rule"),
        pytest.param(
            spec(0, rules=[TESTERS, STAFF]), spec(0, rules=[STAFF, TESTERS]), False, id="another order"
        ),
        pytest.param(
            spec(50, rules=[HELD]), spec(50), False, id="users held back from the candidate are let go"
        ),
        pytest.param(spec(50, rules=[HELD]), spec(0), True, id="nobody reaches the candidate any more"),
        pytest.param(spec(20, rules=[TESTERS]), spec(0, rules=[HELD]), True, id="only rules to stable"),
        pytest.param(
            spec(0, sticky=STICKY), spec(0, sticky={**STICKY, "percent": 5}), True, id="less sticky"
        ),
        pytest.param(
            spec(0, sticky=STICKY), spec(0, sticky={**STICKY, "percent": 30}), False, id="more sticky"
        ),
        pytest.param(
            spec(0, sticky=STICKY), spec(0, sticky={**STICKY, "offset": 50}), False, id="other users"
        ),
        pytest.param(
            spec(0, sticky=STICKY), spec(0, sticky={**STICKY, "header": "x-id"}), False, id="another header"
        ),
        pytest.param(spec(0, mirror={"percent": 10}), spec(0), True, id="no copies any more"),
        pytest.param(spec(0), spec(0, mirror={"percent": 1}), False, id="copies reach the candidate too"),
        pytest.param(
            spec(0, mirror={"percent": 10}), spec(0, mirror={"percent": 20}), False, id="more copies"
        ),
    ],
)
def test_what_leads_back(before: TrafficSpec, after: TrafficSpec, back: bool) -> None:
    assert goes_back(before, after) is back


SPECS = st.builds(
    spec,
    st.integers(0, 100),
    rules=st.lists(st.sampled_from([TESTERS, STAFF, HELD]), max_size=3),
    sticky=st.one_of(
        st.none(),
        st.builds(
            lambda p, o: {**STICKY, "percent": p, "offset": o}, st.integers(0, 100), st.integers(0, 99)
        ),
    ),
    mirror=st.one_of(st.none(), st.builds(lambda p: {"percent": p}, st.integers(1, 100))),
)


@given(SPECS)
def test_everything_back_and_no_change_at_all_always_lead_back(now: TrafficSpec) -> None:
    assert goes_back(now, TrafficSpec())
    assert goes_back(now, now)


@given(SPECS, SPECS, SPECS)
def test_two_steps_back_are_a_step_back(first: TrafficSpec, second: TrafficSpec, third: TrafficSpec) -> None:
    if second.reaches_candidate and goes_back(first, second) and goes_back(second, third):
        assert goes_back(first, third)


@given(SPECS, SPECS)
def test_there_and_back_again_without_a_vote_is_no_way_to_get_more(
    one: TrafficSpec, other: TrafficSpec
) -> None:
    if other.reaches_candidate and goes_back(one, other) and goes_back(other, one):
        assert one.candidate_weight == other.candidate_weight


@pytest.mark.parametrize(
    ("given_spec", "winner"),
    [
        (spec(0), "stable"),
        (spec(100), "candidate"),
        (spec(50), ""),
        (spec(0, rules=[TESTERS]), ""),
        (spec(100, rules=[HELD]), ""),
        (spec(100, mirror={"percent": 1}), ""),
    ],
)
def test_a_version_is_settled_on_only_when_it_gets_every_request(
    given_spec: TrafficSpec, winner: str
) -> None:
    assert settled_on(given_spec) == winner


def test_every_state_is_in_the_table_and_only_open_ones_lead_on() -> None:
    assert set(CHANGE_TRANSITIONS) == set(ChangeState)
    assert {state for state, events in CHANGE_TRANSITIONS.items() if events} == OPEN


def test_an_event_the_state_does_not_know_is_refused_with_what_is_possible() -> None:
    with pytest.raises(IllegalMove, match="applied can not apply; possible now: nothing"):
        change_target(ChangeState.APPLIED, ChangeEvent.APPLY)
