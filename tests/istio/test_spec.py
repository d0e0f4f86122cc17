"""Reading and writing a TrafficSpec, and every sentence with which it is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from istio.documents import BadSpec, TrafficError
from istio.rules import MAX_USERS
from istio.traffic import Match, Mirror, Rule, Sticky, TrafficSpec
from tests.istio.strategies import JSON

COMPLETE = {
    "candidate_weight": 5,
    "rules": [
        {"name": "testers", "header": "x-weir-test", "exact": "v2", "to": "candidate"},
        {"cookie": "beta", "prefix": "yes", "to": "stable"},
        {"query": "v", "regex": "2|3", "to": "candidate"},
        {"header": "x-user-id", "users": ["1", "2"], "to": "candidate"},
    ],
    "sticky": {"header": "x-user-id", "percent": 20, "offset": 7, "ids": "hex"},
    "mirror": {"percent": 10},
}


def test_what_is_written_is_read_back() -> None:
    spec = TrafficSpec.from_json(COMPLETE)
    assert spec.as_json() == COMPLETE
    assert spec == TrafficSpec(
        5,
        rules=(
            Rule(Match("header", "x-weir-test", "exact", "v2"), name="testers"),
            Rule(Match("cookie", "beta", "prefix", "yes"), to="stable"),
            Rule(Match("query", "v", "regex", "2|3")),
            Rule(Match("header", "x-user-id", "users", users=("1", "2"))),
        ),
        sticky=Sticky("x-user-id", 20, offset=7, ids="hex"),
        mirror=Mirror(10),
    )


@pytest.mark.parametrize(
    ("document", "spec"),
    [
        pytest.param({}, TrafficSpec(), id="nothing is all traffic to stable"),
        pytest.param({"weight": 5}, TrafficSpec(5), id="weight is candidate_weight"),
        pytest.param({"weight": 5, "candidate_weight": 5}, TrafficSpec(5), id="both, if equal"),
        pytest.param({"weight": 5.0}, TrafficSpec(5), id="5.0 is JSON for 5"),
        pytest.param({"weight": 5, "rules": None, "sticky": None, "mirror": None}, TrafficSpec(5), id="null"),
        pytest.param(
            {"sticky": {"header": "X-User-Id", "percent": 1}},
            TrafficSpec(sticky=Sticky("x-user-id", 1)),
            id="header names are lowered",
        ),
        pytest.param(
            {"rules": [{"header": "x-user-id", "users": [1, "1", 2]}]},
            TrafficSpec(rules=(Rule(Match("header", "x-user-id", "users", users=("1", "2"))),)),
            id="numbers are ids too, each once",
        ),
    ],
)
def test_what_may_be_left_out(document: Any, spec: TrafficSpec) -> None:
    assert TrafficSpec.from_json(document) == spec


def rule(**fields: Any) -> dict[str, Any]:
    return {"rules": [{"header": "x-a", "exact": "1", **fields}]}


@pytest.mark.parametrize(
    ("document", "word"),
    [
        pytest.param(None, "object", id="null"),
        pytest.param([], "object", id="a list"),
        pytest.param({"weigth": 5}, "weigth", id="a misspelt field"),
        pytest.param({"weight": 5, "candidate_weight": 6}, "differ", id="two weights"),
        pytest.param({"weight": 101}, "weight", id="a weight above 100"),
        pytest.param({"weight": -1}, "weight", id="a weight below 0"),
        pytest.param({"weight": True}, "weight", id="true is no weight"),
        pytest.param({"weight": "5"}, "weight", id="a text is no weight"),
        pytest.param({"weight": 5.5}, "weight", id="half a percent"),
        pytest.param({"weight": float("nan")}, "weight", id="not a number"),
        pytest.param({"rules": {}}, "rules", id="rules are a list"),
        pytest.param({"rules": [None]}, "rules[0]", id="a rule is an object"),
        pytest.param({"rules": [{"header": "x-a"}]}, "exactly one", id="no comparison"),
        pytest.param({"rules": [{"exact": "1"}]}, "exactly one", id="no source"),
        pytest.param(rule(prefix="2"), "exactly one", id="two comparisons"),
        pytest.param(rule(cookie="c"), "exactly one", id="two sources"),
        pytest.param(rule(to="nobody"), "to", id="an unknown version"),
        pytest.param(rule(exact=""), "visible", id="an empty value"),
        pytest.param(rule(exact="a\nb"), "visible", id="a line break"),
        pytest.param(rule(exact=7), "text", id="a number for a text"),
        pytest.param(rule(name="Not A Label"), "name", id="a rule name with blanks"),
        pytest.param(rule(name="sticky"), "sticky", id="the name of the sticky route"),
        pytest.param(rule(header="bad name"), "header", id="a header with a blank"),
        pytest.param(rule(header=":path"), "header", id="a pseudo header"),
        pytest.param(rule(header="uri"), "ignores", id="a header that Istio ignores"),
        pytest.param(rule(unknown=1), "unknown", id="an unknown field of a rule"),
        pytest.param({"rules": [{"header": "x-a", "regex": "(a"}]}, "RE2", id="a broken regex"),
        pytest.param({"rules": [{"header": "x-a", "regex": "(?=a)"}]}, "RE2", id="a regex RE2 has not"),
        pytest.param({"rules": [{"header": "x-a", "users": []}]}, "users", id="nobody"),
        pytest.param({"rules": [{"header": "x-a", "users": "1"}]}, "users", id="users are a list"),
        pytest.param({"rules": [{"header": "x-a", "users": ["a b\x00"]}]}, "users", id="an invisible id"),
        pytest.param({"rules": [{"header": "x-a", "users": ["a" * 65]}]}, "users", id="a long id"),
        pytest.param({"rules": [{"header": "x-a", "users": [True]}]}, "users", id="true is no id"),
        pytest.param({"rules": [{"cookie": "c", "users": ["1"]}]}, "users", id="users of a cookie"),
        pytest.param(
            {"rules": [{"header": "x-a", "users": list(range(MAX_USERS + 1))}]}, str(MAX_USERS), id="too many"
        ),
        pytest.param({"rules": [rule()["rules"][0]] * 51}, "50", id="too many rules"),
        pytest.param({"rules": [rule(name="a")["rules"][0]] * 2}, "same name", id="two rules of one name"),
        pytest.param(
            {"rules": [rule()["rules"][0], rule(name="rule-1")["rules"][0]]}, "same name", id="by position"
        ),
        pytest.param({"sticky": {"percent": 5}}, "header", id="sticky without a header"),
        pytest.param({"sticky": {"header": "x-a"}}, "percent", id="sticky without a percent"),
        pytest.param({"sticky": {"header": "x-a", "percent": 5, "ids": "octal"}}, "ids", id="unknown ids"),
        pytest.param(
            {"sticky": {"header": "x-a", "percent": 5, "offset": 256}}, "offset", id="an offset too far"
        ),
        pytest.param(
            {"sticky": {"header": "x-a", "percent": 5, "x": 1}}, "unknown", id="sticky's unknown field"
        ),
        pytest.param({"mirror": {"percent": 0}}, "mirror", id="a mirror of nothing"),
        pytest.param({"mirror": {"percent": 100.5}}, "mirror", id="a mirror of more than all"),
        pytest.param({"mirror": {"percent": float("inf")}}, "mirror", id="an endless mirror"),
        pytest.param({"mirror": {}}, "mirror", id="a mirror without a percent"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_sentence(document: Any, word: str) -> None:
    with pytest.raises(BadSpec) as refused:
        TrafficSpec.from_json(document)
    assert word in str(refused.value)
    assert isinstance(refused.value, TrafficError)
    assert isinstance(refused.value, ValueError)
    assert refused.value.code == "BadSpec"


@given(JSON)
def test_any_json_is_read_or_refused(document: Any) -> None:
    for wrapped in (
        document,
        {"weight": document},
        {"rules": document},
        {"sticky": document},
        {"mirror": document},
    ):
        try:
            spec = TrafficSpec.from_json(wrapped)
        except BadSpec:
            continue
        assert TrafficSpec.from_json(spec.as_json()) == spec


@pytest.mark.parametrize(
    ("spec", "reaches"),
    [
        (TrafficSpec(), False),
        (TrafficSpec(1), True),
        (TrafficSpec(rules=(Rule(Match("header", "x-a", "exact", "1")),)), True),
        (TrafficSpec(rules=(Rule(Match("header", "x-a", "exact", "1"), to="stable"),)), False),
        (TrafficSpec(sticky=Sticky("x-a", 0)), False),
        (TrafficSpec(sticky=Sticky("x-a", 1)), True),
        (TrafficSpec(mirror=Mirror(1)), True),
    ],
)
def test_a_spec_knows_whether_it_reaches_the_candidate(spec: TrafficSpec, reaches: bool) -> None:
    assert spec.reaches_candidate is reaches
