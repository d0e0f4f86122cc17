"""VirtualService -> Envoy routes: a table with a row per field, and what is refused with its path."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.lab.mesh.fields import Json, TranslationError
from deploy.lab.mesh.routes import routes_of, virtual_hosts
from tests.lab.translation import HOST, metadata, objects, to, virtual_service

V1, V2 = f"outbound|8080|v1|{HOST}", f"outbound|8080|v2|{HOST}"


def translated(route: Json, **spec: Any) -> list[Json]:
    manifest = virtual_service(route, **spec)
    return routes_of(manifest, objects=objects(manifest))


def action(**fields: Any) -> Json:
    """Return Envoy's action for one route to v1 with these fields of Istio's."""
    (route,) = translated({"route": to(), **fields})
    found: Json = route["route"]
    return found


def match(**fields: Any) -> Json:
    """Return Envoy's match for one match with these fields of Istio's."""
    (route,) = translated({"route": to(), "match": [fields]})
    found: Json = route["match"]
    return found


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ((), [(V1, 1)]),
        ((100,), [(V1, 1)]),
        ((0,), [(V1, 1)]),
        ((95, 5), [(V1, 95), (V2, 5)]),
        ((0, 100), [(V1, 0), (V2, 100)]),
        ((1, 1), [(V1, 1), (V2, 1)]),
    ],
    ids=["one without weight", "one", "one at 0 has everything", "canary", "all on v2", "relative weights"],
)
def test_weights(weights: tuple[int, ...], expected: list[tuple[str, int]]) -> None:
    (route,) = translated({"route": to(*weights)})
    clusters = route["route"]["weighted_clusters"]["clusters"]
    assert [(one["name"], one["weight"]) for one in clusters] == expected


def test_a_missing_weight_beside_others_is_zero() -> None:
    destinations = to(100, 0)
    del destinations[1]["weight"]
    assert [
        one["weight"]
        for one in translated({"route": destinations})[0]["route"]["weighted_clusters"]["clusters"]
    ] == [100, 0]


@pytest.mark.parametrize(
    ("istio", "envoy"),
    [
        ({}, {"prefix": "/"}),
        ({"uri": {"exact": "/a"}}, {"path": "/a"}),
        ({"uri": {"prefix": "/a"}}, {"prefix": "/a"}),
        ({"uri": {"regex": "/a.*"}}, {"safe_regex": {"regex": "/a.*"}}),
        ({"uri": {"prefix": "/a"}, "ignoreUriCase": True}, {"prefix": "/a", "case_sensitive": False}),
        (
            {"headers": {"x-tester": {"exact": "true"}}},
            {"prefix": "/", "headers": [{"name": "x-tester", "string_match": {"exact": "true"}}]},
        ),
        (
            {"headers": {"x-user-id": {"regex": ".*[0-4]."}}},
            {
                "prefix": "/",
                "headers": [{"name": "x-user-id", "string_match": {"safe_regex": {"regex": ".*[0-4]."}}}],
            },
        ),
        (
            {"headers": {"x-tester": {}}},
            {"prefix": "/", "headers": [{"name": "x-tester", "present_match": True}]},
        ),
        (
            {"withoutHeaders": {"x-bot": {"prefix": "y"}}},
            {
                "prefix": "/",
                "headers": [
                    {
                        "name": "x-bot",
                        "string_match": {"prefix": "y"},
                        "invert_match": True,
                        "treat_missing_header_as_empty": True,
                    }
                ],
            },
        ),
        (
            {"method": {"exact": "GET"}},
            {"prefix": "/", "headers": [{"name": ":method", "string_match": {"exact": "GET"}}]},
        ),
        (
            {"queryParams": {"beta": {"exact": "on"}}},
            {"prefix": "/", "query_parameters": [{"name": "beta", "string_match": {"exact": "on"}}]},
        ),
    ],
    ids=lambda value: str(sorted(value))[:40],
)
def test_matches(istio: Json, envoy: Json) -> None:
    assert match(**istio) == envoy


@pytest.mark.parametrize(
    ("istio", "envoy"),
    [
        ({}, {"timeout": "0s"}),
        ({"timeout": "1m30s"}, {"timeout": "90s"}),
        ({"timeout": "250ms"}, {"timeout": "0.25s"}),
        ({"retries": {"attempts": 0}}, {"retry_policy": None}),
        (
            {"retries": {"attempts": 3, "retryOn": "5xx,429", "perTryTimeout": "2s"}},
            {
                "retry_policy": {
                    "retry_on": "5xx,retriable-status-codes",
                    "num_retries": 3,
                    "retriable_status_codes": [429],
                    "per_try_timeout": "2s",
                }
            },
        ),
        (
            {"mirrors": [{"destination": {"host": "product", "subset": "v2"}, "percentage": {"value": 0.5}}]},
            {
                "request_mirror_policies": [
                    {
                        "cluster": V2,
                        "runtime_fraction": {"default_value": {"numerator": 5000, "denominator": "MILLION"}},
                    }
                ]
            },
        ),
        (
            {"mirror": {"host": "product", "subset": "v2"}, "mirrorPercentage": {"value": 0}},
            {"request_mirror_policies": None},
        ),
        (
            {"rewrite": {"uri": "/b", "authority": "other"}},
            {"prefix_rewrite": "/b", "host_rewrite_literal": "other"},
        ),
    ],
    ids=["no timeout", "minutes", "ms", "no retries", "retries", "mirror", "mirror 0", "rewrite"],
)
def test_actions(istio: Json, envoy: Json) -> None:
    found = action(**istio)
    assert {name: found.get(name) for name in envoy} == envoy


def test_faults_are_a_filter_of_their_route() -> None:
    fault = {
        "abort": {"httpStatus": 503, "percentage": {"value": 10}},
        "delay": {"fixedDelay": "200ms", "percentage": {"value": 50}},
    }
    (route,) = translated({"route": to(), "fault": fault})
    config = route["typed_per_filter_config"]["envoy.filters.http.fault"]
    assert config["abort"] == {
        "http_status": 503,
        "percentage": {"numerator": 100_000, "denominator": "MILLION"},
    }
    assert config["delay"] == {
        "fixed_delay": "0.2s",
        "percentage": {"numerator": 500_000, "denominator": "MILLION"},
    }


def test_each_match_of_a_route_is_a_route_of_its_own() -> None:
    matches = [{"headers": {"x-tester": {"exact": "1"}}}, {"uri": {"prefix": "/beta"}}]
    routes = translated({"name": "testers", "route": to(), "match": matches})
    assert [route["match"].get("prefix") for route in routes] == ["/", "/beta"]
    assert {route["name"] for route in routes} == {"testers"}


def test_matches_for_other_sources_are_left_out() -> None:
    matches = [{"sourceLabels": {"app": "batch"}}, {"port": 9999}, {"gateways": ["elsewhere"]}]
    assert translated({"route": to(), "match": matches}) == []


@pytest.mark.parametrize(
    ("route", "path"),
    [
        ({"route": to(0, 0)}, "spec.http[0].route"),
        ({"route": []}, "spec.http[0]"),
        ({"delegate": {"name": "other"}}, "spec.http[0].delegate"),
        ({"route": to(), "timeout": "5"}, "spec.http[0].timeout"),
        ({"route": to(), "match": [{"uri": {"regex": "("}}]}, "spec.http[0].match[0].uri.regex"),
        ({"route": to(), "match": [{"cookies": {}}]}, "spec.http[0].match[0]"),
        ({"route": to(), "fault": {"abort": {"grpcStatus": "ABORTED"}}}, "spec.http[0].fault.abort"),
        ({"redirect": {"uri": "/", "redirectCode": 200}}, "spec.http[0].redirect.redirectCode"),
    ],
    ids=[
        "weights 0",
        "nowhere",
        "delegate",
        "no unit",
        "regex",
        "unknown field",
        "gRPC fault",
        "no redirect",
    ],
)
def test_what_cannot_be_translated_is_refused_with_its_path(route: Json, path: str) -> None:
    with pytest.raises(TranslationError) as refusal:
        translated(route)
    assert str(refusal.value).startswith(f"{path}:")


def test_a_host_answers_to_all_forms_of_its_name() -> None:
    manifest = virtual_service({"route": to()}, hosts=("product", "product.shop.example.com"))
    world = objects(manifest)
    hosts = virtual_hosts(world, routes={"shop/product": routes_of(manifest, objects=world)})
    domains = {host["name"]: host["domains"] for host in hosts}
    assert {"product", "product:*", "product.shop", f"{HOST}:*"} <= set(domains[HOST])
    assert domains["product.shop.example.com"] == ["product.shop.example.com", "product.shop.example.com:*"]


def test_a_virtual_service_for_a_missing_gateway_leaves_the_service_as_it_is() -> None:
    manifest = virtual_service({"route": to(0, 100)}, gateways=["shop-gateway"])
    world = objects(manifest)
    (host,) = virtual_hosts(world, routes={"shop/product": routes_of(manifest, objects=world)})
    assert [route["route"]["cluster"] for route in host["routes"]] == [f"outbound|8080||{HOST}"]

    bound = objects(manifest, gateways=({"metadata": metadata("shop-gateway")},))
    (host,) = virtual_hosts(bound, routes={"shop/product": routes_of(manifest, objects=bound)})
    assert "weighted_clusters" in host["routes"][0]["route"]
