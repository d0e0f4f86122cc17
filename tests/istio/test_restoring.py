"""A service's routes put back as they were stored, among the routes of others in the same object."""

from __future__ import annotations

import pytest

from istio.mesh import Manifest
from istio.restoring import with_routes_of
from tests.istio.builders import names, route, to, virtual_service

OURS = route(to("v1", 100), name="ours")
ORDERS = route(to("v1", 100, host="order"), name="orders", match=[{"uri": {"prefix": "/orders"}}])
PAYMENTS = route(to("v1", 100, host="payment"), name="payments", match=[{"uri": {"prefix": "/pay"}}])
CHANGED_ORDERS = {**ORDERS, "route": [to("v1", 70, host="order"), to("v2", 30, host="order")]}
REDIRECT = {"name": "old", "match": [{"uri": {"prefix": "/old"}}], "redirect": {"uri": "/"}}
BROKEN = {"name": "ours", "route": "nowhere"}


def put_back(stored: Manifest, live: Manifest, *, routes: list[str] | None = None) -> Manifest:
    return with_routes_of(stored, live, host="product", routes=routes)


def test_alone_in_the_object_it_is_put_back_whole() -> None:
    stored = virtual_service(OURS)
    live = virtual_service(OURS, route(to("v1"), name="second"), gateways=["edge"])
    assert put_back(stored, live) == stored


def test_what_a_neighbour_changed_since_stays() -> None:
    stored = virtual_service(ORDERS, OURS, hosts=["shop"])
    live = virtual_service(
        CHANGED_ORDERS, OURS, route(to("v1"), name="second"), PAYMENTS, hosts=["shop", "pay"]
    )
    back = put_back(stored, live)
    assert back == virtual_service(CHANGED_ORDERS, OURS, PAYMENTS, hosts=["shop", "pay"])


@pytest.mark.parametrize(
    ("stored", "live", "expected"),
    [
        pytest.param([ORDERS, OURS], [ORDERS], ["orders", "ours"], id="taken away: behind the neighbour"),
        pytest.param([OURS, ORDERS], [ORDERS], ["ours", "orders"], id="taken away: before the neighbour"),
        pytest.param(
            [OURS], [PAYMENTS, ORDERS, BROKEN], ["payments", "orders", "ours"], id="behind new neighbours"
        ),
        pytest.param(
            [route(to("v1"), name="special"), ORDERS, OURS],
            [route(to("v2"), name="special"), ORDERS, PAYMENTS, BROKEN],
            ["special", "orders", "payments", "ours"],
            id="each where its counterpart stood",
        ),
        pytest.param([OURS], [REDIRECT, OURS], ["old", "ours"], id="a redirect leads elsewhere"),
        pytest.param(
            [OURS, ORDERS],
            [{**ORDERS, "route": "broken"}],
            ["ours", "orders"],
            id="a neighbour's broken route is the neighbour's",
        ),
        pytest.param([OURS, ORDERS], [{"route": 5}, ORDERS], ["ours", "orders"], id="broken and nameless"),
    ],
)
def test_the_order_is_kept(stored: list[Manifest], live: list[Manifest], expected: list[str]) -> None:
    back = put_back(virtual_service(*stored), virtual_service(*live))
    assert names(back) == expected


def test_nameless_routes_are_paired_by_their_number() -> None:
    first, rest = route(to("v1"), match=[{"uri": {"prefix": "/a"}}]), route(to("v1"))
    live = virtual_service(route(to("v2")), ORDERS, route(to("v2"), to("v1")))
    back = put_back(virtual_service(first, rest), live)
    assert back["spec"]["http"] == [first, ORDERS, rest]


def test_a_managed_route_goes_and_a_neighbours_stays() -> None:
    mine = route(to("v2"), name="weir-ours.sticky")
    theirs = route(to("v2", host="order"), name="weir-orders.sticky")
    back = put_back(virtual_service(ORDERS, OURS), virtual_service(theirs, ORDERS, mine, BROKEN))
    assert names(back) == ["weir-orders.sticky", "orders", "ours"]


def test_a_base_route_named_for_the_service_is_its_own_wherever_it_leads() -> None:
    elsewhere = {**OURS, "route": [to("v1", host="order")]}
    back = put_back(virtual_service(ORDERS, OURS), virtual_service(ORDERS, elsewhere), routes=["ours"])
    assert back["spec"]["http"] == [ORDERS, OURS]


def test_other_sections_are_put_back_too() -> None:
    tcp = {"route": [to("v1")]}
    back = put_back(virtual_service(ORDERS, OURS, tcp=[tcp]), virtual_service(ORDERS, BROKEN))
    assert back == virtual_service(ORDERS, OURS, tcp=[tcp])


def test_an_object_whose_routes_are_no_list_is_put_back_whole() -> None:
    live = virtual_service(ORDERS)
    live["spec"]["http"] = "gone"
    stored = virtual_service(ORDERS, OURS)
    assert put_back(stored, live) == stored


def test_nothing_given_is_changed() -> None:
    stored, live = virtual_service(ORDERS, OURS), virtual_service(ORDERS, BROKEN)
    back = put_back(stored, live)
    back["spec"]["http"][1]["route"].append("mine")
    assert OURS["route"] == [to("v1", 100)]
    assert live["spec"]["http"][1] == BROKEN
