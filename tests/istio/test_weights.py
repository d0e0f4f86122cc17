"""with_weights: one row per consequence of the nine rules."""

from __future__ import annotations

import pytest

from istio.documents import TrafficError
from istio.mesh import Manifest
from istio.weights import percentages
from tests.istio.builders import TWO, destination_rule, route, shift, to, virtual_service, weights


@pytest.mark.parametrize(
    ("entries", "weight", "expected"),
    [
        pytest.param((to("v1", 80), to("v2", 20)), 50, {"v1": 50, "v2": 50}, id="both get their share"),
        pytest.param((to("v2", 20), to("v1", 80)), 50, {"v2": 50, "v1": 50}, id="order is kept"),
        pytest.param(TWO, 100, {"v1": 0, "v2": 100}, id="stable stays, at 0, for the way back"),
        pytest.param((to("v1", 0), to("v2", 100)), 0, {"v1": 100, "v2": 0}, id="rollback writes 0"),
        pytest.param((to("v1"), to("v2")), 20, {"v1": 80, "v2": 20}, id="missing weights are written"),
        pytest.param((to("v1"),), 10, {"v1": 90, "v2": 10}, id="a new candidate brings stable's weight"),
        pytest.param((to("v1", 0),), 10, {"v1": 90, "v2": 10}, id="a lone weight 0 still meant 100"),
        pytest.param((to("v1"),), 100, {"v1": 0, "v2": 100}, id="a new candidate may take all"),
        pytest.param((to("v1"),), 0, {"v1": None}, id="a lone stable needs no weight"),
        pytest.param((to("v1", 37),), 0, {"v1": 37}, id="a lone stable keeps its odd weight"),
        pytest.param((to("v1", 8), to("v2", 2)), 20, {"v1": 80, "v2": 20}, id="relative becomes percent"),
        pytest.param((to("v1", 10**9), to("v2", 10**9)), 1, {"v1": 99, "v2": 1}, id="large weights"),
        pytest.param((to("v1", 90.0), to("v2", 10.0)), 30, {"v1": 70, "v2": 30}, id="10.0 is JSON for 10"),
        pytest.param(
            (to("v1", 60), to("v2", 20), to("v3", 20)),
            30,
            {"v1": 50, "v2": 30, "v3": 20},
            id="a third version keeps its share",
        ),
        pytest.param(
            (to("v1", 9), to("v2", 1), to("v3", 10)),
            20,
            {"v1": 30, "v2": 20, "v3": 50},
            id="a third version's share is scaled to percent",
        ),
        pytest.param(
            (to("v1", 1), to("v3", 1), to("v4", 1)),
            10,
            {"v1": 24, "v3": 33, "v4": 33, "v2": 10},
            id="thirds of a third are rounded by largest remainder",
        ),
        pytest.param(
            (to("v1", 80), to("v3", 20)), 0, {"v1": 80, "v3": 20}, id="nothing is appended to roll back"
        ),
        pytest.param(
            (to("v1", 80), to("v2", 20), to("v3", 0)),
            0,
            {"v1": 100, "v2": 0, "v3": 0},
            id="a third version at 0 stays at 0",
        ),
        pytest.param(
            (to("v1"), to("v2", 50)), 100, {"v1": 0, "v2": 100}, id="0 is written, not left missing"
        ),
        pytest.param((to("v1"), to("v2")), 0, {"v1": 100, "v2": 0}, id="a rollback writes a missing 0 too"),
        pytest.param((to("v1"), to("v2", 100)), 100, {"v1": None, "v2": 100}, id="nothing to do: nothing"),
        pytest.param(
            (to("v3", 1), to("v1", 1), to("v2", 1)),
            10,
            {"v3": 34, "v1": 56, "v2": 10},
            id="of equal remainders the first is rounded up",
        ),
        pytest.param((to("v1"), to("v3")), 5, {"v1": 95, "v3": 0, "v2": 5}, id="all missing: thirds have 0"),
        pytest.param(
            (to("v1", 40), to("v3", 60)), 40, {"v1": 0, "v3": 60, "v2": 40}, id="stable may end at 0"
        ),
    ],
)
def test_the_candidate_gets_its_percent(
    entries: tuple[Manifest, ...], weight: int, expected: dict[str, int | None]
) -> None:
    assert weights(shift(virtual_service(route(*entries)), weight)) == expected


@pytest.mark.parametrize(
    "value", [-1, 101, 10.5, 10.0, True, False, "10", None, [10], {}, float("nan"), 10**30]
)
def test_only_whole_numbers_from_0_to_100_are_weights(value: object) -> None:
    with pytest.raises(TrafficError) as refused:
        shift(virtual_service(route(*TWO)), value)
    assert refused.value.code == "InvalidWeight"


@pytest.mark.parametrize(
    "entries",
    [
        (to("v1", 50, port={"number": 1}), to("v1", 50, port={"number": 2}), to("v2", 0)),
        (to("v1", 50), to("v1", 50, host="product.shop.svc.cluster.local")),
        (to("v1", 50), to("v2", 25), to("v2", 25)),
    ],
)
def test_a_version_named_twice_in_a_route_is_refused(entries: tuple[Manifest, ...]) -> None:
    for weight in (0, 10):
        with pytest.raises(TrafficError) as refused:
            shift(virtual_service(route(*entries)), weight)
        assert refused.value.code == "DuplicateDestination"


def test_the_subset_of_another_service_is_a_third_version() -> None:
    before = virtual_service(route(to("v1", 60), to("v2", 20), to("v2", 20, host="recommender")))
    entries = shift(before, 30)["spec"]["http"][0]["route"]
    assert [entry["weight"] for entry in entries] == [50, 30, 20]


def test_what_does_not_fit_beside_third_versions_is_refused_and_rollback_never_is() -> None:
    before = virtual_service(route(to("v1", 10), to("v2", 10), to("v3", 80)))
    with pytest.raises(TrafficError) as refused:
        shift(before, 21)
    assert refused.value.code == "WeightOverflow"
    assert "20 %" in str(refused.value)
    assert weights(shift(before, 20)) == {"v1": 0, "v2": 20, "v3": 80}
    assert weights(shift(before, 0)) == {"v1": 20, "v2": 0, "v3": 80}


def test_two_hosts_can_be_split_like_two_subsets() -> None:
    before = virtual_service(route(to(None, host="blue", port={"number": 80})))
    after = shift(
        before, 25, host="product", stable=None, candidate=None, stable_host="blue", candidate_host="green"
    )
    assert after["spec"]["http"][0]["route"] == [
        {"destination": {"host": "blue", "port": {"number": 80}}, "weight": 75},
        {"destination": {"host": "green", "port": {"number": 80}}, "weight": 25},
    ]


@pytest.mark.parametrize(
    ("stable", "candidate", "expected"),
    [(None, "v2", {"host": "product", "subset": "v2"}), ("v1", None, {"host": "product"})],
)
def test_no_subset_is_a_version_too(stable: str | None, candidate: str | None, expected: Manifest) -> None:
    after = shift(virtual_service(route(to(stable))), 10, stable=stable, candidate=candidate)
    assert after["spec"]["http"][0]["route"][1] == {"destination": expected, "weight": 10}


def test_a_new_candidate_copies_the_destination_but_not_the_headers() -> None:
    stable = {
        **to("v1", port={"number": 5000}, futureField="kept"),
        "headers": {"request": {"set": {"a": "b"}}},
    }
    entries = shift(virtual_service(route(stable)), 25)["spec"]["http"][0]["route"]
    assert entries[0] == {**stable, "weight": 75}
    assert entries[1] == {**to("v2", 25, port={"number": 5000}, futureField="kept")}


@pytest.mark.parametrize("written", ["product", "product.shop", "product.shop.svc.cluster.local"])
@pytest.mark.parametrize("asked", ["product", "product.shop.svc.cluster.local"])
def test_short_and_full_host_names_mean_the_same(written: str, asked: str) -> None:
    before = virtual_service(route(to("v1", 100, host=written), to("v2", 0, host=written)))
    assert weights(shift(before, 10, host=asked)) == {"v1": 90, "v2": 10}


def test_the_namespace_argument_counts_only_if_the_manifest_names_none() -> None:
    full = "product.shop.svc.cluster.local"
    entries = (to("v1", 100, host=full), to("v2", 0, host=full))
    nameless = virtual_service(route(*entries), namespace=None)
    assert weights(shift(nameless, 10, namespace="shop")) == {"v1": 90, "v2": 10}
    with pytest.raises(TrafficError):
        shift(nameless, 10)
    assert weights(shift(virtual_service(route(*entries)), 10, namespace="other")) == {"v1": 90, "v2": 10}


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        pytest.param([destination_rule("v1", "v2")], "", id="short host, same namespace"),
        pytest.param(
            [destination_rule("v1", "v2", host="product.shop.svc.cluster.local")], "", id="full host"
        ),
        pytest.param([destination_rule("v1"), destination_rule("v2")], "", id="one of two rules of the host"),
        pytest.param([destination_rule("v2", host="*.shop.svc.cluster.local")], "", id="a wildcard rule"),
        pytest.param([], "SubsetNotDefined", id="no rule at all"),
        pytest.param([destination_rule("v1")], "SubsetNotDefined", id="a rule without the subset"),
        pytest.param([destination_rule("v2", host="order")], "SubsetNotDefined", id="another host's subset"),
        pytest.param(
            [destination_rule("v2", namespace="x")], "SubsetNotDefined", id="another namespace's host"
        ),
        pytest.param(
            [destination_rule("v1"), destination_rule("v2", host="*")],
            "SubsetNotDefined",
            id="a wildcard that an exact rule hides",
        ),
        pytest.param([{"spec": {"host": "product"}}], "SubsetNotDefined", id="a rule without subsets"),
        pytest.param([{"spec": {"host": 7}}], "MalformedRoute", id="a rule with nonsense for a host"),
    ],
)
def test_going_up_needs_the_subset(rules: list[Manifest], code: str) -> None:
    before = virtual_service(route(to("v1", 90), to("v2", 10)))
    if code:
        with pytest.raises(TrafficError) as refused:
            shift(before, 20, destination_rules=rules)
        assert refused.value.code == code
    else:
        assert weights(shift(before, 20, destination_rules=rules)) == {"v1": 80, "v2": 20}
    for back in (0, 5, 10):
        assert weights(shift(before, back, destination_rules=rules)) == {"v1": 100 - back, "v2": back}


def test_nothing_to_do_returns_an_equal_document() -> None:
    before = virtual_service(route(to("v1", 90), to("v2", 10)), futureField={"a": [1]})
    assert shift(before, 10) == before
    assert shift(virtual_service(route(to("v1"))), 0) == virtual_service(route(to("v1")))


def test_yaml_anchors_do_not_make_one_edit_two() -> None:
    shared = [to("v1", 100), to("v2", 0)]
    before = virtual_service({"name": "a", "route": shared}, {"name": "b", "route": shared})
    after = shift(before, 10, routes=["a"])
    assert weights(after, index=0) == {"v1": 90, "v2": 10}
    assert weights(after, index=1) == {"v1": 100, "v2": 0}


@pytest.mark.parametrize(
    ("given", "scaled"),
    [
        ([1, 1, 1], [34, 33, 33]),
        ([2, 1], [67, 33]),
        ([1] * 7, [15, 15, 14, 14, 14, 14, 14]),
        ([0, 0], [0, 0]),
        ([100, 0], [100, 0]),
        ([999, 1], [100, 0]),
    ],
)
def test_percentages_are_rounded_by_largest_remainder(given: list[int], scaled: list[int]) -> None:
    assert percentages(given) == scaled
