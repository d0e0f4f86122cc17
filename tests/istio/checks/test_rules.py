"""Every check finds what it is for, at its place and gravity, and is silent about a sound shop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from istio.checks import as_markdown, run_checks
from istio.checks.run import CHECKS
from istio.documents import copied
from istio.traffic import TrafficSpec, render
from tests.istio.builders import destination_rule
from tests.istio.checks.rows import ROWS
from tests.istio.checks.shop import E, Expected, I, W, deployment, facts, marked, ruled, told

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(("changes", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_each_check_finds_what_it_is_for(changes: dict[str, Any], expected: Expected) -> None:
    assert told(run_checks(facts(**changes))) == expected


def test_subsets_with_equal_labels_split_nothing() -> None:
    rule = destination_rule("v1", "v2")
    rule["spec"]["subsets"][0]["labels"] = {"version": "v2"}
    assert told(run_checks(facts(destination_rules=[rule]))) == [
        ("WEIR0112", E, "DestinationRule shop/product spec/subsets[1]")
    ]


@pytest.mark.parametrize(("changes", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_nothing_blocks_going_back(changes: dict[str, Any], expected: Expected) -> None:
    given = facts(**changes)
    back = render(
        TrafficSpec(),
        given.virtual_service,
        host="product",
        stable="v1",
        candidate="v2",
        routes=[*given.routes] if given.routes else None,
    )
    findings = run_checks(replace(given, virtual_service=back, candidate_weight=0))
    assert not [finding for finding in findings if finding.severity is E]


@pytest.mark.parametrize(
    "spec",
    [
        {"weight": 0, "rules": [{"header": "x", "exact": "1"}]},
        {"weight": 0, "sticky": {"header": "x-user-id", "percent": 5}},
        {"weight": 0, "mirror": {"percent": 1}},
    ],
    ids=["a rule", "sticky users", "a mirror"],
)
def test_whoever_reaches_the_candidate_goes_up(spec: dict[str, Any]) -> None:
    given = facts(virtual_service=ruled(**spec), candidate_weight=0, deployments=[deployment("v1")])
    assert told(run_checks(given)) == [("WEIR0103", E, "subset v2")]


def test_errors_come_first_then_codes_in_order() -> None:
    given = facts(
        virtual_service=marked(labels={"kustomize.toolkit.fluxcd.io/name": "shop"}),
        candidate_labels={"version": "v3"},
        deployments=[deployment("v2", ready=1)],
    )
    assert [finding.code for finding in run_checks(given)] == ["WEIR0112", "WEIR0103", "WEIR0111"]


def test_checking_changes_nothing() -> None:
    given = facts()
    before = copied(given.virtual_service)
    run_checks(given)
    assert given.virtual_service == before


def test_every_code_has_a_row_here() -> None:
    found = {code for _, _, expected in ROWS for code, _, _ in expected}
    assert found == {*(check.code for check in CHECKS), "WEIR0100"}


def test_no_check_is_graver_than_its_page_says() -> None:
    order = [I, W, E]
    worst = {check.code: check.worst for check in CHECKS}
    graver = [
        row
        for row in ROWS
        for code, severity, _ in row[2]
        if code in worst and order.index(severity) > order.index(worst[code])
    ]
    assert graver == []


def test_messages_are_sentences() -> None:
    findings = [finding for _, changes, _ in ROWS for finding in run_checks(facts(**changes))]
    assert all(finding.message[0].isupper() or finding.message[0].isdigit() for finding in findings)
    assert all(finding.message.endswith(".") for finding in findings)


def test_the_page_of_checks_is_current() -> None:
    page = ROOT / "docs" / "checks.md"
    assert page.read_text(encoding="utf-8") == as_markdown()
