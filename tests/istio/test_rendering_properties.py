"""What holds for every document and every spec: render again, take out again, roll back always."""

from __future__ import annotations

from typing import Any

from hypothesis import given, reject
from hypothesis import strategies as st

from istio.documents import TrafficError, copied
from istio.marks import annotated
from istio.mesh import Manifest
from istio.routes import is_managed, sections_of
from istio.traffic import TrafficSpec, cleaned, render
from istio.weights import weights_of, with_weights
from tests.istio.strategies import editable_services

V1_V2: dict[str, Any] = {"host": "product", "stable": "v1", "candidate": "v2", "routes": ["base"]}

RULES = st.lists(
    st.sampled_from(
        [
            {"header": "x-tester", "exact": "1"},
            {"header": "x-a", "prefix": "a", "to": "stable"},
            {"header": "x-user-id", "users": ["u-1", "u-2"]},
            {"cookie": "group", "regex": "b.*"},
            {"query": "beta", "exact": "1"},
        ]
    ),
    max_size=3,
)
STICKY = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {"header": st.just("x-user-id"), "percent": st.integers(0, 100), "offset": st.integers(0, 255)}
    ),
)
MIRRORS = st.one_of(st.none(), st.fixed_dictionaries({"percent": st.sampled_from([0.5, 10, 100])}))
SPECS = st.fixed_dictionaries(
    {"weight": st.integers(0, 100), "rules": RULES, "sticky": STICKY, "mirror": MIRRORS}
).map(TrafficSpec.from_json)
ROLLBACK = TrafficSpec()


def rendered(spec: TrafficSpec, document: Manifest) -> Manifest:
    """Render, or tell Hypothesis to look elsewhere where the document cannot carry the spec."""
    before = copied(document)
    try:
        after = render(spec, document, **V1_V2)
    except TrafficError:
        reject()
    assert document == before, "the input was changed"
    return after


@given(editable_services(), SPECS)
def test_rendering_twice_is_rendering_once(document: Manifest, spec: TrafficSpec) -> None:
    once = rendered(spec, document)
    assert render(spec, once, **V1_V2) == once


@given(editable_services(), SPECS, SPECS)
def test_an_earlier_rendering_leaves_but_weights_in_a_later_one(
    document: Manifest, first: TrafficSpec, second: TrafficSpec
) -> None:
    through = rendered(second, rendered(first, document))
    weighted = with_weights(document, candidate_weight=first.candidate_weight, **V1_V2)
    assert through == rendered(second, weighted)


@given(editable_services(), SPECS)
def test_cleaned_equals_the_owners_apart_from_weights(document: Manifest, spec: TrafficSpec) -> None:
    written = annotated(rendered(spec, document), rollout="7", step=1, fingerprint="f", fence=3)
    assert cleaned(written) == with_weights(document, candidate_weight=spec.candidate_weight, **V1_V2)


@given(editable_services(), SPECS)
def test_rollback_is_possible_from_every_rendering(document: Manifest, spec: TrafficSpec) -> None:
    back = render(ROLLBACK, rendered(spec, document), **V1_V2, destination_rules=[])
    assert not any(is_managed(route, place=place) for place, route in sections_of(back))
    assert weights_of(back, host="product", routes=["base"]).get("v2", 0) == 0
    assert cleaned(back) == back


@given(editable_services(), SPECS)
def test_the_owners_routes_keep_their_order_and_everything_but_weights_and_mirrors(
    document: Manifest, spec: TrafficSpec
) -> None:
    after = rendered(spec, document)
    kept = [route for place, route in sections_of(after) if not is_managed(route, place=place)]
    owners = [route for _, route in sections_of(document)]
    assert [_without_split(route) for route in kept] == [_without_split(route) for route in owners]
    others = [(old, new) for old, new in zip(owners, kept, strict=True) if old.get("name") != "base"]
    assert all(old == new for old, new in others)


def _without_split(route: Manifest) -> Manifest:
    return {key: value for key, value in route.items() if key not in {"route", "mirrors"}}
