"""render and cleaned: managed routes, mirrors, and everything that is refused."""

from __future__ import annotations

from typing import Any

import pytest

from istio.documents import TrafficError
from istio.mesh import Manifest
from istio.traffic import TrafficSpec, cleaned, render, with_subset
from tests.istio.builders import destination_rule, names, route, to, virtual_service, weights

V1_V2 = {"host": "product", "stable": "v1", "candidate": "v2"}
TESTERS = {"name": "testers", "header": "x-tester", "exact": "1"}


def rendered(document: Manifest, spec: dict[str, Any], **changes: Any) -> Manifest:
    return render(TrafficSpec.from_json(spec), document, **{**V1_V2, **changes})


def refusal(document: Manifest, spec: dict[str, Any], **changes: Any) -> TrafficError:
    with pytest.raises(TrafficError) as refused:
        rendered(document, spec, **changes)
    return refused.value


def test_a_weight_alone_changes_nothing_but_the_weight() -> None:
    before = virtual_service(route(to("v1")))
    assert rendered(before, {"weight": 5}) == virtual_service(route(to("v1", 95), to("v2", 5)))


def test_managed_routes_stand_directly_before_their_base_in_order() -> None:
    owners = route(to(None, host="old"), name="old", match=[{"uri": {"prefix": "/old"}}])
    last = route(to(None, host="other"), name="last")
    before = virtual_service(owners, route(to("v1"), name="primary"), last)
    spec = {
        "weight": 5,
        "rules": [TESTERS, {"query": "beta", "exact": "1"}],
        "sticky": {"header": "x-user-id", "percent": 10},
    }
    after = rendered(before, spec)
    assert names(after) == [
        "old",
        "weir-primary.testers",
        "weir-primary.rule-2",
        "weir-primary.sticky",
        "primary",
        "last",
    ]
    assert after["spec"]["http"][0] == owners
    assert after["spec"]["http"][5] == last


def test_a_base_without_a_name_has_managed_routes_all_the_same() -> None:
    assert names(rendered(virtual_service(route(to("v1"))), {"rules": [TESTERS]})) == ["weir-testers", ""]


def test_each_of_several_bases_has_its_own_managed_routes() -> None:
    before = virtual_service(route(to("v1"), name="a"), route(to("v1"), name="b"))
    after = rendered(before, {"rules": [TESTERS]}, routes=["a", "b"])
    assert names(after) == ["weir-a.testers", "a", "weir-b.testers", "b"]


def test_a_managed_route_is_a_copy_with_one_destination_and_a_narrower_match() -> None:
    base = route(
        to("v1", port={"number": 80}),
        name="primary",
        match=[{"uri": {"prefix": "/a"}}, {"uri": {"prefix": "/b"}, "headers": {"x-b": {"exact": "2"}}}],
        timeout="3s",
        retries={"attempts": 2},
        corsPolicy={"allowOrigins": [{"exact": "*"}]},
        headers={"request": {"set": {"a": "b"}}},
        rewrite={"uri": "/"},
        futureField={"kept": 1},
    )
    managed = rendered(virtual_service(base), {"weight": 5, "rules": [TESTERS]})["spec"]["http"][0]
    changed = {"name", "match", "route"}
    assert {k: v for k, v in managed.items() if k not in changed} == {
        k: v for k, v in base.items() if k not in changed
    }
    assert managed["route"] == [to("v2", port={"number": 80})]
    tester = {"x-tester": {"exact": "1"}}
    assert managed["match"] == [
        {"uri": {"prefix": "/a"}, "headers": tester},
        {"uri": {"prefix": "/b"}, "headers": {"x-b": {"exact": "2"}, **tester}},
    ]


def test_a_managed_route_takes_the_headers_of_its_own_destination() -> None:
    stable = {**to("v1", 100), "headers": {"response": {"set": {"x-version": "v1"}}}}
    candidate = {**to("v2", 0), "headers": {"response": {"set": {"x-version": "v2"}}}}
    spec = {"rules": [TESTERS, {"header": "x-old", "exact": "1", "to": "stable"}]}
    after = rendered(virtual_service(route(stable, candidate)), spec)["spec"]["http"]
    assert after[0]["route"] == [{key: candidate[key] for key in ("destination", "headers")}]
    assert after[1]["route"] == [{key: stable[key] for key in ("destination", "headers")}]


@pytest.mark.parametrize(
    ("rule", "match"),
    [
        ({"header": "X-A", "exact": "1"}, {"headers": {"x-a": {"exact": "1"}}}),
        ({"header": "x-a", "prefix": "1"}, {"headers": {"x-a": {"prefix": "1"}}}),
        ({"header": "x-a", "regex": "1|2"}, {"headers": {"x-a": {"regex": "1|2"}}}),
        ({"header": "x-a", "users": ["1", "a.b"]}, {"headers": {"x-a": {"regex": r"1|a\.b"}}}),
        (
            {"cookie": "beta", "exact": "a.b"},
            {"headers": {"cookie": {"regex": r"(?:.*;\s*)?beta=(?:a\.b)(?:;.*)?"}}},
        ),
        ({"query": "v", "exact": "2"}, {"queryParams": {"v": {"exact": "2"}}}),
        ({"query": "v", "prefix": "2."}, {"queryParams": {"v": {"regex": r"2\..*"}}}),
    ],
)
def test_each_kind_of_rule_has_its_match(rule: dict[str, Any], match: Manifest) -> None:
    after = rendered(virtual_service(route(to("v1"))), {"rules": [rule]})
    assert after["spec"]["http"][0]["match"] == [match]


def test_a_long_user_list_is_split_into_several_entries() -> None:
    users = [str(10_000_000 + number * 7919) for number in range(2000)]
    after = rendered(virtual_service(route(to("v1"))), {"rules": [{"header": "x-user-id", "users": users}]})
    patterns = [entry["headers"]["x-user-id"]["regex"] for entry in after["spec"]["http"][0]["match"]]
    assert "|".join(patterns).split("|") == users
    assert 50 < len(patterns) < 300


def test_an_object_too_large_to_store_is_refused() -> None:
    base = route(to("v1"), match=[{"uri": {"prefix": f"/{number}"}} for number in range(40)])
    users = [f"{number:032x}" for number in range(5000)]
    assert (
        refusal(virtual_service(base), {"rules": [{"header": "x-user-id", "users": users}]}).code
        == "RuleConflict"
    )


def test_a_new_rendering_replaces_the_old_one() -> None:
    before = virtual_service(route(to("v1"), name="primary"))
    first = rendered(before, {"weight": 5, "rules": [TESTERS], "mirror": {"percent": 10}})
    second = rendered(first, {"weight": 20, "sticky": {"header": "x-user-id", "percent": 5}})
    assert names(second) == ["weir-primary.sticky", "primary"]
    assert weights(second, index=1) == {"v1": 80, "v2": 20}
    assert "mirrors" not in second["spec"]["http"][1]
    assert "annotations" not in second["metadata"]


def test_the_rollback_takes_everything_out_but_the_destination() -> None:
    before = virtual_service(route(to("v1"), name="primary"))
    spec = {"weight": 50, "rules": [TESTERS], "mirror": {"percent": 10}}
    back = rendered(rendered(before, spec), {"weight": 0}, destination_rules=[])
    assert back == virtual_service(route(to("v1", 100), to("v2", 0), name="primary"))


def test_a_mirror_is_an_entry_beside_the_owners() -> None:
    owners = {"destination": {"host": "audit"}, "percentage": {"value": 100}}
    before = virtual_service(route(to("v1", port={"number": 80}), mirrors=[owners]))
    after = rendered(before, {"mirror": {"percent": 12.5}, "rules": [TESTERS]})
    managed, base = after["spec"]["http"]
    ours = {**to("v2", port={"number": 80}), "percentage": {"value": 12.5}}
    assert base["mirrors"] == [owners, ours]
    assert managed["mirrors"] == [owners]
    assert cleaned(after) == before


@pytest.mark.parametrize(
    "base",
    [
        pytest.param(route(to("v1"), mirror={"host": "audit"}), id="the older field"),
        pytest.param(route(to("v1"), mirrors=[to("v2")]), id="a mirror to the candidate"),
        pytest.param(
            route(to("v1"), mirrors=[to("v2", host="product.shop.svc.cluster.local")]),
            id="the same by its full name",
        ),
    ],
)
def test_a_mirror_that_could_not_be_told_from_the_owners_is_refused(base: Manifest) -> None:
    before = virtual_service(base)
    assert refusal(before, {"mirror": {"percent": 10}}).code == "RuleConflict"
    assert rendered(before, {"weight": 0}) == before
    assert cleaned(before) == before


@pytest.mark.parametrize(
    "spec",
    [{"rules": [TESTERS]}, {"sticky": {"header": "x-user-id", "percent": 1}}, {"mirror": {"percent": 1}}],
)
def test_what_needs_http_is_refused_for_tcp(spec: dict[str, Any]) -> None:
    before = virtual_service(tcp=[route(to("v1"))])
    assert refusal(before, spec).code == "RuleConflict"
    assert weights(rendered(before, {"weight": 5}), "tcp") == {"v1": 95, "v2": 5}


@pytest.mark.parametrize(
    ("spec", "refused"),
    [
        ({"rules": [TESTERS]}, True),
        ({"sticky": {"header": "x-user-id", "percent": 1}}, True),
        ({"mirror": {"percent": 1}}, True),
        ({"weight": 1}, True),
        ({"rules": [{**TESTERS, "to": "stable"}]}, False),
        ({"sticky": {"header": "x-user-id", "percent": 0}}, False),
        ({"weight": 0}, False),
    ],
)
def test_only_what_reaches_the_candidate_needs_its_subset(spec: dict[str, Any], refused: bool) -> None:
    before = virtual_service(route(to("v1")))
    rules = [destination_rule("v1")]
    if refused:
        assert refusal(before, spec, destination_rules=rules).code == "SubsetNotDefined"
    else:
        rendered(before, spec, destination_rules=rules)


def test_an_owners_route_called_like_a_managed_one_is_kept_when_it_is_named() -> None:
    before = virtual_service(route(to("v1", 100), name="weir-edge"), route(to("v1"), name="other"))
    spec = {"weight": 5, "rules": [TESTERS]}
    written = rendered(before, spec, routes=["weir-edge"])
    assert names(written) == ["weir-weir-edge.testers", "weir-edge", "other"]
    assert weights(written, index=1) == {"v1": 95, "v2": 5}
    assert rendered(written, spec, routes=["weir-edge"]) == written
    back = cleaned(rendered(written, {}, routes=["weir-edge"]), routes=["weir-edge"])
    assert names(back) == ["weir-edge", "other"]
    assert weights(back) == {"v1": 100, "v2": 0}


def test_cleaned_keeps_the_owners_annotations() -> None:
    before = virtual_service(route(to("v1")), annotations={"team": "shop", "weir.dev/rollout": "7"})
    assert cleaned(before)["metadata"]["annotations"] == {"team": "shop"}
    alone = virtual_service(route(to("v1")), annotations={"weir.dev/rollout": "7"})
    assert "annotations" not in cleaned(alone)["metadata"]


def test_an_owners_empty_list_of_mirrors_is_there_again_when_the_mirror_goes() -> None:
    before = virtual_service(
        route(to("v1", 100), name="primary", mirrors=[]), route(to("v3"), name="other", mirrors=[])
    )
    mirrored = rendered(before, {"mirror": {"percent": 10}})
    assert [len(item["mirrors"]) for item in mirrored["spec"]["http"]] == [1, 0]
    assert rendered(mirrored, {}) == before
    assert cleaned(mirrored) == before


@pytest.mark.parametrize("spelled", ["{", "7", '"primary"', "[7]"])
def test_a_note_of_empty_mirrors_that_somebody_spoiled_stops_no_removal(spelled: str) -> None:
    mirrored = rendered(virtual_service(route(to("v1", 100), name="primary")), {"mirror": {"percent": 10}})
    mirrored["metadata"]["annotations"]["weir.dev/empty-mirrors"] = spelled
    assert cleaned(mirrored) == virtual_service(route(to("v1", 100), name="primary"))


def test_what_belongs_to_another_host_of_the_document_stays() -> None:
    before = virtual_service(
        route(to("v1", 100, host="order"), name="orders", match=[{"uri": {"prefix": "/orders"}}]),
        route(to("v1", 100), name="primary"),
    )
    orders = {"host": "order", "routes": ["orders"]}
    theirs = rendered(before, {"rules": [TESTERS], "mirror": {"percent": 5}}, **orders)
    both = rendered(theirs, {"weight": 5, "rules": [TESTERS]}, routes=["primary"])
    assert names(both) == ["weir-orders.testers", "orders", "weir-primary.testers", "primary"]
    ours_gone = cleaned(rendered(both, {}, routes=["primary"]), host="product", routes=["primary"])
    assert ours_gone["metadata"] == theirs["metadata"]
    assert ours_gone["spec"]["http"][:2] == theirs["spec"]["http"][:2]
    assert names(ours_gone) == ["weir-orders.testers", "orders", "primary"]
    assert cleaned(rendered(theirs, {}, **orders)) == before
    assert refusal(theirs, {"mirror": {"percent": 5}}, routes=["primary"]).code == "RuleConflict"


def test_a_missing_subset_is_added_once() -> None:
    before = destination_rule("v1")
    after = with_subset(before, name="v2", labels={"version": "v2"})
    assert after == destination_rule("v1", "v2")
    assert with_subset(after, name="v2", labels={"version": "v2"}) == after
    assert before == destination_rule("v1")


def test_a_rule_without_subsets_gets_its_first() -> None:
    after = with_subset({"spec": {"host": "product", "subsets": None}}, name="v2", labels={"a": "b"})
    assert after["spec"]["subsets"] == [{"name": "v2", "labels": {"a": "b"}}]


def test_a_subset_with_other_labels_is_not_overwritten() -> None:
    with pytest.raises(TrafficError) as refused:
        with_subset(destination_rule("v2"), name="v2", labels={"version": "other"})
    assert refused.value.code == "RuleConflict"
