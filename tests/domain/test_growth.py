"""A plan only goes up, in everything that brings requests or copies of them to the candidate."""

from __future__ import annotations

from typing import Any

import pytest

from releases.domain import BadPlan
from releases.domain.plan import Plan

HALF = {"header": "x-user-id", "percent": 50}
TESTERS = [{"header": "x-tester", "exact": "1"}]


def planned(*steps: dict[str, Any], strategy: str = "canary") -> Plan:
    return Plan.from_json({"strategy": strategy, "steps": [{"bake_seconds": 5, **step} for step in steps]})


DOWN: list[tuple[str, list[dict[str, Any]], str]] = [
    ("a smaller weight", [{"weight": 5}, {"weight": 3}], "steps[1].weight"),
    ("sticky users that vanish", [{"weight": 0, "sticky": HALF}, {"weight": 1}], "steps[1].sticky"),
    (
        "sticky users that vanish for a step",
        [{"weight": 0, "sticky": HALF}, {"weight": 1}, {"weight": 5, "sticky": {**HALF, "percent": 60}}],
        "steps[1].sticky",
    ),
    (
        "fewer sticky users",
        [{"weight": 1}, {"weight": 1, "sticky": HALF}, {"weight": 5, "sticky": {**HALF, "percent": 49}}],
        "steps[2].sticky",
    ),
    (
        "users chosen by another header",
        [{"weight": 0, "sticky": HALF}, {"weight": 1, "sticky": {"header": "x-other", "percent": 60}}],
        "steps[1].sticky",
    ),
    (
        "users chosen by other ids",
        [{"weight": 0, "sticky": HALF}, {"weight": 1, "sticky": {**HALF, "ids": "hex"}}],
        "steps[1].sticky",
    ),
    (
        "users chosen from another offset",
        [{"weight": 0, "sticky": HALF}, {"weight": 1, "sticky": {**HALF, "offset": 7}}],
        "steps[1].sticky",
    ),
    (
        "fewer copies",
        [{"weight": 0, "mirror": {"percent": 50}}, {"weight": 0, "mirror": {"percent": 10}}, {"weight": 1}],
        "steps[1].mirror",
    ),
    (
        "copies that end before requests begin",
        [{"weight": 0, "mirror": {"percent": 50}}, {"weight": 0}, {"weight": 1}],
        "steps[1].mirror",
    ),
]


@pytest.mark.parametrize(("steps", "field"), [row[1:] for row in DOWN], ids=[row[0] for row in DOWN])
def test_a_step_that_takes_from_the_candidate_is_named(steps: list[dict[str, Any]], field: str) -> None:
    with pytest.raises(BadPlan) as refused:
        planned(*steps)
    assert refused.value.field == field
    assert f"Step {int(field[6]) + 1} " in str(refused.value)


UP: list[tuple[str, list[dict[str, Any]]]] = [
    ("the same twice", [{"weight": 5, "sticky": HALF}, {"weight": 5, "sticky": HALF}]),
    ("more sticky users", [{"weight": 0, "sticky": HALF}, {"weight": 0, "sticky": {**HALF, "percent": 60}}]),
    ("nobody was sticky", [{"weight": 0, "sticky": {**HALF, "percent": 0}}, {"weight": 1}]),
    ("everybody has it", [{"weight": 0, "sticky": HALF}, {"weight": 100}]),
    ("copies end where requests begin", [{"weight": 0, "mirror": {"percent": 50}}, {"weight": 1}]),
    (
        "copies end where users begin",
        [{"weight": 0, "mirror": {"percent": 50}}, {"weight": 0, "sticky": HALF}],
    ),
    (
        "copies end where testers begin",
        [{"weight": 0, "mirror": {"percent": 50}}, {"weight": 0, "rules": TESTERS}],
    ),
    ("testers before everybody else", [{"weight": 0, "rules": TESTERS}, {"weight": 5}]),
]


@pytest.mark.parametrize("steps", [row[1] for row in UP], ids=[row[0] for row in UP])
def test_a_plan_that_goes_up_is_taken(steps: list[dict[str, Any]]) -> None:
    assert len(planned(*steps).steps) == len(steps)


TESTER = {**TESTERS[0], "to": "candidate"}
STAFF = {"header": "x-user-id", "users": ["7"], "to": "candidate"}
MORE_STAFF = {**STAFF, "users": ["8", "7"]}
KEPT = {"header": "x-vip", "exact": "1", "to": "stable"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param([TESTER, STAFF], [TESTER], id="one of two left out"),
        pytest.param([MORE_STAFF], [STAFF], id="fewer users"),
        pytest.param([TESTER], [KEPT, TESTER], id="a rule to the stable version put before it"),
        pytest.param([TESTER], [{**TESTER, "to": "stable"}], id="turned round"),
        pytest.param([TESTER], [{**TESTER, "exact": "2"}], id="another value"),
    ],
)
def test_testers_keep_the_candidate_until_everybody_has_it(before: Any, after: Any) -> None:
    steps = [
        {"weight": 0, "bake_seconds": 60, "rules": before},
        {"weight": 5, "bake_seconds": 60, "rules": after},
    ]
    with pytest.raises(BadPlan, match="Step 2 takes the candidate") as refused:
        Plan.from_json({"steps": steps})
    assert refused.value.field == "steps[1].rules"
    steps[1] |= {"weight": 100}
    Plan.from_json({"steps": steps})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param([TESTER], [TESTER], id="the same"),
        pytest.param([TESTER], [STAFF, TESTER], id="more people"),
        pytest.param([STAFF], [MORE_STAFF], id="more users"),
        pytest.param([TESTER], [TESTER, KEPT], id="a rule to the stable version behind it"),
        pytest.param([KEPT, TESTER], [KEPT, TESTER], id="the same order as before"),
        pytest.param([KEPT, TESTER], [TESTER], id="a rule to the stable version goes"),
    ],
)
def test_rules_may_reach_more_people(before: Any, after: Any) -> None:
    steps = [{"weight": 5, "bake_seconds": 60, "rules": rules} for rules in (before, after)]
    assert len(Plan.from_json({"steps": steps}).steps) == 2


def test_a_step_without_rules_keeps_those_of_the_step_before_until_everybody_has_the_candidate() -> None:
    steps: list[dict[str, Any]] = [
        {"weight": 0, "rules": [TESTER]},
        {"weight": 5},
        {"weight": 50, "rules": [TESTER, STAFF]},
    ]
    plan = planned(*steps, {"weight": 60}, {"weight": 100})
    assert [len(step.traffic.rules) for step in plan.steps] == [1, 1, 2, 2, 0]


def test_what_is_held_back_at_the_end_keeps_the_rules_too() -> None:
    given = {
        "steps": [{"weight": 5, "bake_seconds": 5, "rules": [TESTER]}, {"weight": 100, "bake_seconds": 5}]
    }
    plan = Plan.from_json({**given, "evidence": {"hold_back": 10}}).carried_out()
    assert [len(step.traffic.rules) for step in plan.steps] == [1, 1]


def test_a_plan_that_was_read_once_is_read_again_as_it_is() -> None:
    plan = planned({"weight": 0, "rules": [TESTER]}, {"weight": 5}, {"weight": 100})
    assert Plan.from_json(plan.as_json()) == plan
