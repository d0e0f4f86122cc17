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
