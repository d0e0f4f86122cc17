"""Two conditions on one request, folded into one match entry: the AND, or a refusal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from istio.documents import RuleConflict, TrafficError
from istio.effective import RequestLike, destination_of
from istio.mesh import Manifest
from istio.traffic import TrafficSpec, render
from tests.istio.builders import route, to, virtual_service
from tests.istio.strategies import matches


def narrowed(match: list[Manifest], rule: dict[str, Any]) -> list[Manifest]:
    """Return the match of the managed route that a rule leads to before a base route with this match."""
    document = virtual_service(route(to("v1"), match=match))
    after = render(
        TrafficSpec.from_json({"rules": [rule]}), document, host="product", stable="v1", candidate="v2"
    )
    found: list[Manifest] = after["spec"]["http"][0]["match"]
    return found


def on(header: str, **matcher: str) -> Manifest:
    return {"headers": {header: matcher}}


@pytest.mark.parametrize(
    ("base", "rule", "folded"),
    [
        pytest.param({"exact": "ab"}, {"exact": "ab"}, {"exact": "ab"}, id="the same"),
        pytest.param({}, {"exact": "ab"}, {"exact": "ab"}, id="presence gives way"),
        pytest.param({"regex": "*"}, {"prefix": "a"}, {"prefix": "a"}, id="Istio's star is presence"),
        pytest.param({"exact": "ab"}, {"prefix": "a"}, {"exact": "ab"}, id="an exact value with the prefix"),
        pytest.param({"prefix": "a"}, {"exact": "ab"}, {"exact": "ab"}, id="a prefix of the exact value"),
        pytest.param({"regex": "a."}, {"exact": "ab"}, {"exact": "ab"}, id="a regex that takes the value"),
        pytest.param({"prefix": "a"}, {"prefix": "ab"}, {"prefix": "ab"}, id="the longer prefix"),
        pytest.param({"prefix": "ab"}, {"prefix": "a"}, {"prefix": "ab"}, id="whichever is longer"),
        pytest.param({"regex": "a|b"}, {"regex": "a|b"}, {"regex": "a|b"}, id="the same regex"),
    ],
)
def test_two_comparisons_of_a_header_become_one(
    base: Manifest, rule: dict[str, str], folded: Manifest
) -> None:
    assert narrowed([{"headers": {"x-a": base}}], {"header": "x-a", **rule}) == [{"headers": {"x-a": folded}}]


@pytest.mark.parametrize(
    ("match", "rule"),
    [
        pytest.param(on("x-a", exact="1"), {"exact": "2"}, id="two values"),
        pytest.param(on("x-a", exact="1"), {"prefix": "2"}, id="a value without the prefix"),
        pytest.param(on("x-a", prefix="a"), {"prefix": "b"}, id="two prefixes"),
        pytest.param(on("x-a", regex="[0-9]+"), {"exact": "b"}, id="a value outside the regex"),
        pytest.param(on("X-A", exact="1"), {"exact": "2"}, id="header names are of any case"),
        pytest.param({"withoutHeaders": {"x-a": {}}}, {"exact": "1"}, id="a header that must be absent"),
        pytest.param({"withoutHeaders": {"x-a": {"prefix": "1"}}}, {"exact": "12"}, id="an excluded value"),
        pytest.param(on("x-a", regex="a.*"), {"prefix": "a"}, id="a regex and a prefix do not fold"),
        pytest.param(on("x-a", regex="a.*"), {"regex": ".*b"}, id="two regexes do not fold"),
    ],
)
def test_what_cannot_be_said_in_one_entry_is_refused(match: Manifest, rule: dict[str, str]) -> None:
    with pytest.raises(RuleConflict) as refused:
        narrowed([match], {"header": "x-a", **rule})
    assert str(refused.value).endswith(".")


def test_impossible_entries_are_left_out_while_others_remain() -> None:
    match = [on("x-a", exact="1"), {"uri": {"prefix": "/b"}}]
    assert narrowed(match, {"header": "x-a", "exact": "2"}) == [
        {"uri": {"prefix": "/b"}, **on("x-a", exact="2")}
    ]


def test_a_value_that_is_not_excluded_keeps_the_exclusion() -> None:
    match = [{"withoutHeaders": {"x-a": {"exact": "1"}}}]
    assert narrowed(match, {"header": "x-a", "exact": "2"}) == [{**match[0], **on("x-a", exact="2")}]


def test_a_cookie_rule_beside_a_cookie_match_is_refused() -> None:
    with pytest.raises(RuleConflict):
        narrowed([on("cookie", regex=".*session.*")], {"cookie": "beta", "exact": "1"})


@pytest.mark.parametrize(
    ("rule", "cookie", "taken"),
    [
        ({"exact": "1"}, "beta=1", True),
        ({"exact": "1"}, "a=b; beta=1; c=d", True),
        ({"exact": "1"}, "a=b;beta=1", True),
        ({"exact": "1"}, "beta=12", False),
        ({"exact": "1"}, "xbeta=1", False),
        ({"exact": "1"}, "a=beta=1", False),
        ({"exact": "1.2"}, "beta=1x2", False),
        ({"prefix": "1"}, "beta=12; c=d", True),
        ({"prefix": "1"}, "beta=21", False),
        ({"regex": "[12]"}, "beta=2", True),
        ({"regex": "1|2"}, "beta=1; a=b", True),
    ],
)
def test_a_cookie_is_found_by_its_whole_name(rule: dict[str, str], cookie: str, taken: bool) -> None:
    spec = TrafficSpec.from_json({"rules": [{"cookie": "beta", **rule}]})
    document = render(spec, virtual_service(route(to("v1"))), host="product", stable="v1", candidate="v2")
    decision = destination_of(RequestLike(headers={"Cookie": cookie}), document)
    assert decision.routes[0].matched is taken


REQUESTS = st.builds(
    RequestLike,
    path=st.sampled_from(["/", "/a", "/b/x", "/c-d?a=b&c-d=a"]),
    method=st.sampled_from(["GET", "POST"]),
    headers=st.dictionaries(
        st.sampled_from(["x-a", "X-B", "x-user-id", "cookie"]),
        st.sampled_from(["a", "b", "ab", "c-d", "灰度"]),
        max_size=4,
    ),
    port=st.sampled_from([None, 80, 8080]),
)
RULES = st.builds(
    lambda header, kind, value: {"header": header, kind: value},
    st.sampled_from(["x-a", "x-b", "x-user-id"]),
    st.sampled_from(["exact", "prefix", "regex"]),
    st.sampled_from(["a", "b", "ab", "c-d"]),
)


@given(matches(), RULES, REQUESTS)
def test_a_managed_route_takes_exactly_what_base_and_rule_both_take(
    match: list[Manifest], rule: dict[str, str], request: RequestLike
) -> None:
    base = virtual_service(route(to("v1"), match=match) if match else route(to("v1")))
    alone = virtual_service(route(to("v1")))
    spec = TrafficSpec.from_json({"rules": [rule]})

    def taken(document: Manifest, index: int) -> bool:
        return destination_of(request, document).routes[index].matched

    rule_alone = taken(render(spec, alone, host="product", stable="v1", candidate="v2"), 0)
    try:
        both = render(spec, base, host="product", stable="v1", candidate="v2")
    except TrafficError:
        return
    assert taken(both, 0) is (taken(base, 0) and rule_alone)
