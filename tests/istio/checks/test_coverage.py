"""When coverage says that one route takes all of another's requests, no request may prove it wrong."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from istio.checks.coverage import route_covers
from istio.effective import RequestLike, destination_of
from istio.mesh import Manifest
from tests.istio.builders import route, to, virtual_service
from tests.istio.strategies import WORDS, matches

PAIRS: list[tuple[str, list[Manifest], list[Manifest], bool]] = [
    ("no match takes everything", [], [{"uri": {"exact": "/a"}}], True),
    ("something is not everything", [{"uri": {"exact": "/a"}}], [], False),
    ("the root prefix is everything", [{"uri": {"prefix": "/"}}], [], True),
    ("a prefix takes longer ones", [{"uri": {"prefix": "/a"}}], [{"uri": {"prefix": "/ab"}}], True),
    ("and not shorter ones", [{"uri": {"prefix": "/ab"}}], [{"uri": {"prefix": "/a"}}], False),
    ("a regex takes an exact value", [{"uri": {"regex": "/a.*"}}], [{"uri": {"exact": "/ab"}}], True),
    ("patterns are not compared", [{"uri": {"regex": "/.*"}}], [{"uri": {"regex": "/a.*"}}], False),
    (
        "case is wider than no case",
        [{"uri": {"prefix": "/A"}, "ignoreUriCase": True}],
        [{"uri": {"exact": "/a"}}],
        True,
    ),
    (
        "and not narrower",
        [{"uri": {"exact": "/a"}}],
        [{"uri": {"exact": "/a"}, "ignoreUriCase": True}],
        False,
    ),
    (
        "more conditions are narrower",
        [{"headers": {"X": {}}}],
        [{"headers": {"x": {"exact": "1"}, "y": {}}}],
        True,
    ),
    ("one of several entries suffices", [{"port": 1}, {"port": 2}], [{"port": 2}], True),
    ("every entry must be taken", [{"port": 1}], [{"port": 1}, {"port": 2}], False),
    ("unknown fields must be equal", [{"future": 1}], [{"future": 2}], False),
    ("the mesh is not a gateway", [{"gateways": ["front"]}], [{}], False),
    ("the mesh is the mesh", [{"gateways": ["mesh"]}], [{}], True),
    ("labels narrow", [{"sourceLabels": {"a": "b"}}], [{"sourceLabels": {"a": "b", "c": "d"}}], True),
    ("a name says nothing", [{"name": "x"}], [{}], True),
]


@pytest.mark.parametrize(
    ("wide", "narrow", "covers"), [row[1:] for row in PAIRS], ids=[row[0] for row in PAIRS]
)
def test_a_match_covers_what_follows_from_it(
    wide: list[Manifest], narrow: list[Manifest], covers: bool
) -> None:
    assert route_covers({"match": wide}, {"match": narrow}, gateways=["mesh"], where="spec") is covers


REQUESTS = st.builds(
    RequestLike,
    path=WORDS.map(lambda word: f"/{word}"),
    method=st.sampled_from(["GET", "POST"]),
    headers=st.dictionaries(st.sampled_from(["x-a", "x-b", "x-user-id"]), WORDS, max_size=3),
    query=st.dictionaries(WORDS, WORDS, max_size=2),
)


@given(matches(), matches(), st.lists(REQUESTS, min_size=5, max_size=5))
def test_no_request_proves_it_wrong(wide: Any, narrow: Any, requests: list[RequestLike]) -> None:
    covers = route_covers({"match": wide}, {"match": narrow}, gateways=["mesh"], where="spec")
    event(f"covers: {covers}")
    for request in requests if covers else ():
        if _taken(request, match=narrow):
            assert _taken(request, match=wide)


def _taken(request: RequestLike, *, match: list[Manifest]) -> bool:
    decision = destination_of(request, virtual_service(route(to("v1"), match=match)))
    return decision.routes[0].matched
