"""Whatever an API server, a file or a person hands over: an answer or a TrafficError, never a crash."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from istio.checks import CheckFacts, run_checks
from istio.difference import rollback_patch, three_way, unified_difference
from istio.documents import MalformedRoute, TrafficError
from istio.effective import RequestLike, destination_of, effective_split
from istio.traffic import (
    TrafficSpec,
    annotated,
    cleaned,
    has_drifted,
    owned_part,
    render,
    with_subset,
    without_weir,
)
from tests.istio.builders import route, to, virtual_service
from tests.istio.strategies import JSON, hostile_services

BASE: dict[str, Any] = {"host": "product", "stable": "v1", "candidate": "v2", "routes": ["base"]}
GOOD = virtual_service(route(to("v1"), name="base"))
SPEC = TrafficSpec.from_json(
    {
        "weight": 5,
        "rules": [{"header": "x-a", "exact": "a"}, {"cookie": "beta", "exact": "1"}],
        "sticky": {"header": "x-user-id", "percent": 20},
        "mirror": {"percent": 10},
    }
)


@given(hostile_services())
def test_no_function_crashes_on_a_hostile_document(document: Any) -> None:
    for attempt in (
        lambda: render(SPEC, document, **BASE),
        lambda: cleaned(document),
        lambda: owned_part(document, **BASE),
        lambda: without_weir(document),
        lambda: annotated(document, rollout="R-7", step=1, fingerprint="", fence=1),
        lambda: with_subset(document, name="v2", labels={"version": "v2"}),
        lambda: unified_difference(GOOD, document),
        lambda: three_way(GOOD, GOOD, document),
        lambda: rollback_patch(document, GOOD),
        lambda: rollback_patch(GOOD, document),
        lambda: effective_split(document, host="product"),
        lambda: destination_of(RequestLike(authority="product"), document),
    ):
        with contextlib.suppress(TrafficError):
            attempt()


@given(hostile_services())
def test_a_hostile_live_object_has_drifted_or_has_not(document: Any) -> None:
    assert has_drifted(document, GOOD, **BASE) in {True, False}


@given(
    hostile_services(),
    st.sampled_from(["virtual_services", "destination_rules", "services", "deployments", "gateways"]),
    JSON,
)
def test_checks_find_or_say_that_they_could_not_look(document: Any, kind: str, other: Any) -> None:
    lists: dict[str, Any] = {kind: [other, document]}
    facts = CheckFacts(
        virtual_service=document,
        host="product",
        stable="v1",
        candidate="v2",
        candidate_weight=5,
        namespace="shop",
        **lists,
    )
    assert all(finding.message for finding in run_checks(facts))


@pytest.mark.parametrize("broken", [None, [], "text", 7, {"metadata": 7}, {"metadata": {"annotations": []}}])
def test_a_document_without_honest_metadata_is_named_malformed(broken: Any) -> None:
    with pytest.raises(MalformedRoute) as refused:
        without_weir(broken)
    assert str(refused.value).endswith(".")
