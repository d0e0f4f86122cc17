"""Which routes an edit finds: by name, by port or SNI hosts, or the only one of a section; and what it refuses to guess."""

from __future__ import annotations

from typing import Any

import pytest

from istio.documents import TrafficError
from tests.istio.builders import TWO, route, shift, to, virtual_service, weights

NAMED = virtual_service(
    route(*TWO, name="primary"),
    route(*TWO, name="secondary"),
    route(*TWO, name="twin"),
    route(to("v3", 100), to("v2", 0), name="twin"),
    {"name": "old", "redirect": {"uri": "/new"}},
    {"name": "ping", "directResponse": {"status": 200}},
    {"name": "team", "delegate": {"name": "other"}},
    route(name="nowhere"),
    route(to("v2"), name="testers"),
    route(to("v1", host="catalogue"), name="catalogue"),
)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"routes": ["nope"]}, "RouteNotFound", id="no route has the name"),
        pytest.param({"routes": ["primary", "nope"]}, "RouteNotFound", id="one of two is missing"),
        pytest.param({"routes": [""]}, "RouteNotFound", id="no name is no name"),
        pytest.param({"routes": ["twin"]}, "DuplicateRouteName", id="two routes have the name"),
        pytest.param({"routes": ["primary", "primary"]}, "DuplicateRouteName", id="asked for twice"),
        pytest.param({"routes": ["old"]}, "NotWeightedRoute", id="a redirect"),
        pytest.param({"routes": ["ping"]}, "NotWeightedRoute", id="a direct response"),
        pytest.param({"routes": ["team"]}, "NotWeightedRoute", id="a delegate"),
        pytest.param({"routes": ["nowhere"]}, "NotWeightedRoute", id="a route without destinations"),
        pytest.param({"routes": ["testers"]}, "StableDestinationNotFound", id="only the candidate"),
        pytest.param({"routes": ["catalogue"]}, "StableDestinationNotFound", id="another service's v1"),
        pytest.param({}, "AmbiguousRoutes", id="several routes and no name"),
        pytest.param({"stable": "v9"}, "NoMatchingRoute", id="nobody leads to the stable version"),
        pytest.param({"host": "order"}, "NoMatchingRoute", id="nobody leads to the host"),
        pytest.param({"candidate": "v1"}, "SameVersion", id="the same subset twice"),
        pytest.param({"stable": None, "candidate": None}, "SameVersion", id="no subset twice"),
        pytest.param({"stable": "", "candidate": None}, "SameVersion", id="an empty subset is none"),
        pytest.param(
            {
                "stable": None,
                "candidate": None,
                "stable_host": "a",
                "candidate_host": "a.shop.svc.cluster.local",
            },
            "SameVersion",
            id="one host spelled two ways",
        ),
    ],
)
def test_what_is_not_clear_is_refused(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(TrafficError) as refused:
        shift(NAMED, 10, **changes)
    assert refused.value.code == code
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize("section", ["http", "tls", "tcp"])
@pytest.mark.parametrize("value", [{}, "", 0, False, {"route": []}])
def test_a_section_that_is_no_list_is_malformed_and_not_empty(section: str, value: object) -> None:
    with pytest.raises(TrafficError) as refused:
        shift({"metadata": {"namespace": "shop"}, "spec": {section: value}}, 0)
    assert refused.value.code == "MalformedRoute"


def test_only_the_named_routes_are_edited() -> None:
    after = shift(NAMED, 10, routes=["primary", "secondary"])
    assert [weights(after, index=i) for i in (0, 1)] == [{"v1": 90, "v2": 10}] * 2
    assert after["spec"]["http"][2:] == NAMED["spec"]["http"][2:]


def test_named_http_routes_leave_tls_and_tcp_alone() -> None:
    before = virtual_service(route(*TWO, name="primary"), tls=[route(*TWO)], tcp=[route(*TWO)])
    after = shift(before, 10, routes=["primary"])
    assert weights(after) == {"v1": 90, "v2": 10}
    assert after["spec"]["tls"] == before["spec"]["tls"]
    assert after["spec"]["tcp"] == before["spec"]["tcp"]


def test_without_names_each_section_has_one_route_edited() -> None:
    before = virtual_service(route(*TWO), tls=[route(*TWO)], tcp=[route(to("v3", host="other")), route(*TWO)])
    after = shift(before, 10)
    assert weights(after, "http") == weights(after, "tls") == weights(after, "tcp", 1) == {"v1": 90, "v2": 10}
    assert after["spec"]["tcp"][0] == before["spec"]["tcp"][0]


def test_one_ambiguous_section_refuses_the_whole_edit() -> None:
    with pytest.raises(TrafficError) as refused:
        shift(virtual_service(route(*TWO), tcp=[route(*TWO), route(*TWO)]), 10)
    assert refused.value.code == "AmbiguousRoutes"


def test_a_route_for_the_candidate_alone_is_left_alone() -> None:
    testers = route(to("v2"), match=[{"headers": {"x-tester": {"exact": "1"}}}])
    before = virtual_service(testers, route(*TWO))
    for weight in (0, 50):
        after = shift(before, weight)
        assert after["spec"]["http"][0] == testers
        assert weights(after, index=1) == {"v1": 100 - weight, "v2": weight}


def test_managed_routes_are_no_candidates_unless_named() -> None:
    managed = route(to("v1", 100), to("v2", 0), name="weir-primary.x")
    before = virtual_service(managed, route(*TWO, name="primary"))
    assert shift(before, 10)["spec"]["http"][0] == managed
    assert weights(shift(before, 10, routes=["weir-primary.x"])) == {"v1": 90, "v2": 10}


TLS = virtual_service(
    tls=[
        route(*TWO, match=[{"sniHosts": ["a.com", "b.com"]}, {"sniHosts": ["c.com"]}]),
        route(*TWO, match=[{"port": 3001, "sniHosts": ["c.com"]}]),
        route(*TWO, match=[{"port": 3002, "sniHosts": ["d.com"]}, {"port": 3003, "sniHosts": ["d.com"]}]),
    ],
    tcp=[route(*TWO, match=[{"port": 3000}]), route(*TWO, match=[{"port": 3001}]), route(*TWO)],
)


@pytest.mark.parametrize(
    ("selectors", "edited"),
    [
        pytest.param({"tcp_routes": [{"port": 3001}]}, [("tcp", 1)], id="tcp by port"),
        pytest.param(
            {"tcp_routes": [{"port": 3000}, {"port": 3001}]}, [("tcp", 0), ("tcp", 1)], id="two ports"
        ),
        pytest.param({"tls_routes": [{"port": 3001}]}, [("tls", 1)], id="tls by port"),
        pytest.param({"tls_routes": [{"sniHosts": ["c.com"]}]}, [("tls", 1)], id="tls by SNI host"),
        pytest.param(
            {"tls_routes": [{"sniHosts": ["c.com", "b.com", "a.com"]}]},
            [("tls", 0)],
            id="SNI hosts are the union over the match entries, in any order",
        ),
        pytest.param(
            {"tls_routes": [{"port": 3001, "sniHosts": ["c.com"]}], "tcp_routes": [{"port": 3000}]},
            [("tls", 1), ("tcp", 0)],
            id="both sections",
        ),
        pytest.param(
            {"tls_routes": [{"port": None, "sniHosts": ["c.com"]}]}, [("tls", 1)], id="port None is any"
        ),
    ],
)
def test_tls_and_tcp_routes_are_selected(selectors: dict[str, Any], edited: list[tuple[str, int]]) -> None:
    after = shift(TLS, 10, **selectors)
    for section in ("tls", "tcp"):
        for index in range(3):
            share = 10 if (section, index) in edited else 0
            assert weights(after, section, index)["v2"] == share


@pytest.mark.parametrize(
    ("selectors", "code"),
    [
        pytest.param({"tcp_routes": [{"port": 2002}]}, "RouteNotFound", id="no such port"),
        pytest.param({"tls_routes": [{"sniHosts": ["z.com"]}]}, "RouteNotFound", id="no such SNI host"),
        pytest.param({"tls_routes": [{"sniHosts": ["a.com"]}]}, "RouteNotFound", id="a part of the hosts"),
        pytest.param({"tls_routes": [{"port": 3002}]}, "RouteNotFound", id="one of two ports"),
        pytest.param({"tls_routes": [{}]}, "RouteNotFound", id="a selector that selects nothing"),
        pytest.param({"tls_routes": [{"sniHosts": "c.com"}]}, "RouteNotFound", id="SNI hosts are a list"),
    ],
)
def test_selectors_that_select_nothing_are_refused(selectors: dict[str, Any], code: str) -> None:
    with pytest.raises(TrafficError) as refused:
        shift(TLS, 10, **selectors)
    assert refused.value.code == code


def test_a_selector_that_selects_two_routes_is_refused() -> None:
    twice = virtual_service(tcp=[route(*TWO, match=[{"port": 1}]), route(*TWO, match=[{"port": 1}])])
    with pytest.raises(TrafficError) as refused:
        shift(twice, 10, tcp_routes=[{"port": 1}])
    assert refused.value.code == "AmbiguousRoutes"
