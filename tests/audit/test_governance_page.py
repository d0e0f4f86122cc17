"""``docs/governance.md`` names a test for each rule, and each of them is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "governance.md").read_text(encoding="utf-8")
RULES = {
    *(f"A{number}" for number in (*range(1, 4), *range(5, 14), 15, 17, 18, 20, 21, 22)),
    *(f"W{number}" for number in (1, 2, 3, 4, 6, 8, 9)),
    *(f"U{number}" for number in (*range(1, 7), 8, 10, 11, 12, 13, 16, 17, 18, 19)),
    *(f"R{number}" for number in range(1, 5)),
}
ROWS = re.findall(r"^\| ([AWUR]\d+) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)


def test_every_rule_has_one_row() -> None:
    assert sorted(rule for rule, _holds, _tests in ROWS) == sorted(RULES)


@pytest.mark.parametrize(("rule", "tests"), [(rule, tests) for rule, _holds, tests in ROWS])
def test_the_tests_of_a_rule_are_there(rule: str, tests: str) -> None:
    for named in tests.split(", "):
        file, _colons, function = named.partition("::")
        tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert function in functions, f"{rule}: {named}"
