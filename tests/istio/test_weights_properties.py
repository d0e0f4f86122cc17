"""with_weights over arbitrary documents: what must hold whatever the owner wrote."""

from __future__ import annotations

import contextlib
from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from istio.documents import TrafficError, WeightOverflow
from istio.mesh import Manifest
from istio.weights import weights_of, with_weights
from tests.istio.strategies import editable_services, hostile_services, virtual_services

V1_V2 = {"host": "product", "stable": "v1", "candidate": "v2"}
WEIGHTS = st.integers(0, 100)


def shift(document: Manifest, weight: int, **changes: Any) -> Manifest:
    return with_weights(document, candidate_weight=weight, **{**V1_V2, **changes})


def without_weights(document: Manifest) -> Manifest:
    """Return a copy without any weight, and without entries for the candidate that edits may append."""
    copy = deepcopy(document)
    for section in ("http", "tls", "tcp"):
        for route in copy["spec"].get(section) or []:
            for entry in route.get("route", []):
                entry.pop("weight", None)
            kept = [e for e in route.get("route", []) if e["destination"].get("subset") != "v2"]
            if "route" in route:
                route["route"] = kept
    return copy


@given(virtual_services(), WEIGHTS)
def test_nothing_but_weights_changes_and_the_input_stays(document: Manifest, weight: int) -> None:
    before = deepcopy(document)
    try:
        after = shift(document, weight)
    except TrafficError:
        assert document == before
        return
    assert document == before
    assert without_weights(after) == without_weights(before)


@given(editable_services(), WEIGHTS)
def test_an_edited_route_sums_to_100_and_gives_the_candidate_its_percent(
    document: Manifest, weight: int
) -> None:
    try:
        after = shift(document, weight, routes=["base"])
    except WeightOverflow:
        assert weight > 0
        return
    [base] = [route for route in after["spec"]["http"] if route.get("name") == "base"]
    if len(base["route"]) > 1:
        assert sum(entry.get("weight") or 0 for entry in base["route"]) == 100
    assert weights_of(after, host="product", routes=["base"]).get("v2", 0) == weight


@given(editable_services(), WEIGHTS)
def test_editing_twice_is_editing_once(document: Manifest, weight: int) -> None:
    with contextlib.suppress(WeightOverflow):
        once = shift(document, weight, routes=["base"])
        assert shift(once, weight, routes=["base"]) == once


@given(editable_services(), WEIGHTS)
def test_a_route_that_was_edited_says_every_weight(document: Manifest, weight: int) -> None:
    with contextlib.suppress(WeightOverflow):
        after = shift(document, weight, routes=["base"])
        for was, now in zip(document["spec"]["http"], after["spec"]["http"], strict=True):
            assert now == was or all(entry["weight"] >= 0 for entry in now["route"])


@given(editable_services(), st.lists(WEIGHTS, max_size=4))
def test_rollback_is_possible_from_wherever_the_steps_led(document: Manifest, steps: list[int]) -> None:
    for weight in steps:
        with contextlib.suppress(WeightOverflow):
            document = shift(document, weight, routes=["base"])
    back = shift(document, 0, routes=["base"], destination_rules=[])
    assert weights_of(back, host="product", routes=["base"]).get("v2", 0) == 0


@given(editable_services(), WEIGHTS, WEIGHTS)
def test_third_versions_keep_their_weights_from_step_to_step(
    document: Manifest, first: int, second: int
) -> None:
    def thirds(document: Manifest) -> dict[Any, int]:
        [base] = [route for route in document["spec"]["http"] if route.get("name") == "base"]
        found = {
            (entry["destination"]["host"], entry["destination"].get("subset")): entry.get("weight") or 0
            for entry in base["route"]
        }
        return {
            key: weight
            for key, weight in found.items()
            if not (key[0][:7] == "product" and key[1] in {"v1", "v2"})
        }

    with contextlib.suppress(WeightOverflow):
        step = shift(document, first, routes=["base"])
        assert thirds(shift(step, second, routes=["base"])) == thirds(step)


@given(hostile_services(), WEIGHTS, st.sampled_from([None, ["base"]]))
def test_hostile_documents_are_refused_and_never_crash(
    document: Any, weight: int, routes: list[str] | None
) -> None:
    with contextlib.suppress(TrafficError):
        shift(document, weight, routes=routes)
    with contextlib.suppress(TrafficError):
        weights_of(document, host="product", routes=routes)


@given(hostile_services())
def test_hostile_destination_rules_are_refused_and_never_crash(rule: Any) -> None:
    good = {
        "metadata": {"namespace": "shop"},
        "spec": {"http": [{"route": [{"destination": {"host": "product", "subset": "v1"}}]}]},
    }
    with contextlib.suppress(TrafficError):
        shift(good, 10, destination_rules=[rule])
