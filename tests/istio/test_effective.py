"""The split that is in force, and where one request goes."""

from __future__ import annotations

from typing import Any

import pytest

from istio.documents import MalformedRoute
from istio.effective import RequestLike, destination_of, effective_split, route_splits
from istio.mesh import Manifest
from istio.traffic import TrafficSpec, render
from tests.istio.builders import route, to, virtual_service

SPLITS: list[tuple[str, Manifest, dict[str, float]]] = [
    ("a lone destination has everything", virtual_service(route(to("v1"))), {"v1": 100}),
    ("a lone destination has everything even at 0", virtual_service(route(to("v1", 0))), {"v1": 100}),
    (
        "a missing weight beside another counts as 0",
        virtual_service(route(to("v1"), to("v2", 10))),
        {"v1": 0, "v2": 100},
    ),
    ("weights are relative", virtual_service(route(to("v1", 3), to("v2", 1))), {"v1": 75, "v2": 25}),
    ("no subset is an empty name", virtual_service(route(to(None))), {"": 100}),
    (
        "another host has a share",
        virtual_service(route(to("v1", 60), to("v1", 40, host="order"))),
        {"v1": 60},
    ),
    ("no route leads there", virtual_service(route(to("v1", host="order"))), {}),
    (
        "a managed route is not ordinary",
        virtual_service(route(to("v2"), name="weir-a"), route(to("v1"))),
        {"v1": 100},
    ),
    (
        "the route for all requests counts before one with a match",
        virtual_service(route(to("v2"), match=[{"uri": {"prefix": "/beta"}}]), route(to("v1"))),
        {"v1": 100},
    ),
    ("a redirect sends nobody", virtual_service({"redirect": {"uri": "/new"}}, route(to("v1"))), {"v1": 100}),
]


@pytest.mark.parametrize(("document", "split"), [row[1:] for row in SPLITS], ids=[row[0] for row in SPLITS])
def test_the_split_is_what_istio_makes_of_the_weights(document: Manifest, split: dict[str, float]) -> None:
    assert effective_split(document, host="product") == split


def test_the_routes_asked_for_are_the_ones_that_count() -> None:
    document = virtual_service(
        route(to("v1"), name="a", match=[{"uri": {"prefix": "/a"}}]), route(to("v2"), name="b")
    )
    assert effective_split(document, host="product", routes=["a"]) == {"v1": 100}


def test_testers_with_a_route_of_their_own_are_not_the_ordinary_split() -> None:
    testers = route(to("v2"), name="testers", match=[{"headers": {"x-tester": {"exact": "1"}}}])
    document = virtual_service(testers, route(to("v1"), name="base", match=[{"uri": {"prefix": "/"}}]))
    assert effective_split(document, host="product", stable="v1") == {"v1": 100}
    assert effective_split(document, host="product", stable="v9") == {"v2": 100}


def test_a_route_the_operator_named_is_the_owners_whatever_it_is_called() -> None:
    document = virtual_service(route(to("v1", 95), to("v2", 5), name="weir-edge"))
    assert effective_split(document, host="product", routes=["weir-edge"]) == {"v1": 95, "v2": 5}
    assert effective_split(document, host="product") == {}


def test_every_route_is_listed_with_who_made_it() -> None:
    spec = TrafficSpec.from_json({"weight": 5, "rules": [{"header": "x-tester", "exact": "1"}]})
    document = render(spec, virtual_service(route(to("v1"))), host="product", stable="v1", candidate="v2")
    first, second = route_splits(document, host="product.shop.svc.cluster.local")
    assert (first.path, first.managed, first.takes_all) == ("spec/http[0]", True, False)
    assert (second.path, second.managed, second.takes_all) == ("spec/http[1]", False, True)
    assert [(share.subset, share.percent) for share in second.shares] == [("v1", 95), ("v2", 5)]


MATCHES: list[tuple[str, Manifest, dict[str, Any], bool]] = [
    ("a prefix takes what begins with it", {"uri": {"prefix": "/a"}}, {"path": "/ab"}, True),
    ("a prefix leaves the rest", {"uri": {"prefix": "/a"}}, {"path": "/b"}, False),
    ("an exact path does not see the query", {"uri": {"exact": "/a"}}, {"path": "/a?x=1"}, True),
    ("a regex must match the whole path", {"uri": {"regex": "/a"}}, {"path": "/ab"}, False),
    ("case counts in a path", {"uri": {"exact": "/A"}}, {"path": "/a"}, False),
    ("unless it shall not", {"uri": {"exact": "/A"}, "ignoreUriCase": True}, {"path": "/a"}, True),
    ("the method is compared", {"method": {"exact": "POST"}}, {"method": "GET"}, False),
    (
        "the authority is compared",
        {"authority": {"prefix": "prod"}},
        {"authority": "product"},
        True,
    ),
    ("the scheme is compared", {"scheme": {"exact": "https"}}, {"scheme": "http"}, False),
    (
        "a header's name has no case",
        {"headers": {"x-user": {"exact": "1"}}},
        {"headers": {"X-User": "1"}},
        True,
    ),
    ("a missing header does not match", {"headers": {"x-user": {"prefix": ""}}}, {}, False),
    (
        "an empty comparison asks for presence",
        {"headers": {"x-user": {}}},
        {"headers": {"x-user": "9"}},
        True,
    ),
    ("presence fails without the header", {"headers": {"x-user": {}}}, {}, False),
    ("an excluded header keeps out", {"withoutHeaders": {"x-bot": {}}}, {"headers": {"x-bot": "1"}}, False),
    (
        "an excluded value keeps only itself out",
        {"withoutHeaders": {"x-bot": {"exact": "1"}}},
        {"headers": {"x-bot": "2"}},
        True,
    ),
    (
        "the query is read from the path",
        {"queryParams": {"beta": {"exact": "1"}}},
        {"path": "/?beta=1"},
        True,
    ),
    ("or given beside it", {"queryParams": {"beta": {"exact": "1"}}}, {"query": {"beta": "1"}}, True),
    ("another value is no hit", {"queryParams": {"beta": {"exact": "1"}}}, {"path": "/?beta=2"}, False),
    ("a port not said is any port", {"port": 8080}, {}, True),
    ("another port is no hit", {"port": 8080}, {"port": 80}, False),
    (
        "labels of the caller count",
        {"sourceLabels": {"app": "order"}},
        {"source_labels": {"app": "order"}},
        True,
    ),
    ("a caller without them is no hit", {"sourceLabels": {"app": "order"}}, {}, False),
    ("the caller's namespace counts", {"sourceNamespace": "a"}, {"source_namespace": "b"}, False),
    ("a match for a gateway leaves the mesh", {"gateways": ["front"]}, {}, False),
    ("and takes what comes through it", {"gateways": ["front"]}, {"gateway": "front"}, True),
    ("an entry is an AND", {"uri": {"prefix": "/"}, "method": {"exact": "PUT"}}, {"path": "/a"}, False),
]


@pytest.mark.parametrize(
    ("match", "request_fields", "taken"), [row[1:] for row in MATCHES], ids=[row[0] for row in MATCHES]
)
def test_a_match_takes_what_envoy_takes(match: Manifest, request_fields: dict[str, Any], taken: bool) -> None:
    document = virtual_service(route(to("v2"), match=[match]), route(to("v1")))
    decision = destination_of(RequestLike(**request_fields), document)
    assert decision.routes[0].matched is taken
    assert [share.subset for share in decision.shares] == (["v2"] if taken else ["v1"])


def test_the_first_hit_wins_and_later_routes_say_so() -> None:
    document = virtual_service(
        route(to("v2"), name="beta", match=[{"uri": {"prefix": "/beta"}}]),
        route(to("v1", 90), to("v2", 10), name="primary"),
        route(to("v3"), name="never"),
    )
    decision = destination_of(RequestLike(path="/shop"), document)
    assert [(verdict.name, verdict.matched) for verdict in decision.routes] == [
        ("beta", False),
        ("primary", True),
        ("never", False),
    ]
    assert "'/shop' is not prefix '/beta'" in decision.routes[0].why
    assert decision.routes[2].why == "An earlier route takes the request."
    assert [(share.subset, share.percent) for share in decision.shares] == [("v1", 90), ("v2", 10)]


def test_several_entries_are_an_or() -> None:
    match = [{"uri": {"exact": "/a"}}, {"uri": {"exact": "/b"}}]
    document = virtual_service(route(to("v2"), match=match))
    assert destination_of(RequestLike(path="/b"), document).routes[0].matched
    missed = destination_of(RequestLike(path="/c"), document)
    assert (missed.action, missed.shares) == ("none", ())
    assert "match[0]" in missed.routes[0].why
    assert "match[1]" in missed.routes[0].why


def test_a_long_list_of_entries_is_summed_up() -> None:
    match = [{"uri": {"exact": f"/{number}"}} for number in range(9)]
    verdict = destination_of(RequestLike(path="/x"), virtual_service(route(to("v2"), match=match))).routes[0]
    assert verdict.why.endswith("and 6 more match entries fail.")


@pytest.mark.parametrize("action", ["redirect", "directResponse", "delegate"])
def test_a_route_without_destinations_ends_there(action: str) -> None:
    decision = destination_of(RequestLike(), virtual_service({action: {"uri": "/new"}}, route(to("v1"))))
    assert (decision.action, decision.shares) == (action, ())


def test_a_request_for_another_host_is_not_taken() -> None:
    decision = destination_of(RequestLike(authority="order:80"), virtual_service(route(to("v1"))))
    assert decision.action == "none"
    assert decision.routes[0].why == "The VirtualService is for product, not for order."


@pytest.mark.parametrize("authority", ["product", "PRODUCT:8080", "product.shop.svc.cluster.local"])
def test_a_host_is_known_by_every_spelling(authority: str) -> None:
    decision = destination_of(RequestLike(authority=authority), virtual_service(route(to("v1"))))
    assert decision.action == "route"


@pytest.mark.parametrize(("user", "subset"), [("1207", "v2"), ("1220", "v1"), ("7", "v2"), ("", "v1")])
def test_a_sticky_user_is_told_where_he_goes(user: str, subset: str) -> None:
    spec = TrafficSpec.from_json({"sticky": {"header": "x-user-id", "percent": 20}})
    document = render(spec, virtual_service(route(to("v1"))), host="product", stable="v1", candidate="v2")
    decision = destination_of(RequestLike(headers={"X-User-ID": user}), document)
    assert [share.subset for share in decision.shares if share.percent] == [subset]


def test_a_regex_that_envoy_would_refuse_is_named() -> None:
    document = virtual_service(route(to("v1"), match=[{"uri": {"regex": "(?=x)"}}]))
    with pytest.raises(MalformedRoute, match="is not RE2"):
        destination_of(RequestLike(), document)
