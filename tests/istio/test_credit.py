"""Whose version is credited with a business event."""

from __future__ import annotations

import pytest

from istio.credit import Row, credited, splits_users
from istio.telemetry import Target

PAID = Row(
    {
        "namespace": "",
        "service": "payment",
        "version": "v1",
        "variant": "v2",
        "caller": "order",
        "caller_version": "v3",
    },
    4.0,
)


@pytest.mark.parametrize(
    ("service", "by_variant", "version"),
    [("product", True, "v2"), ("order", False, "v3"), ("payment", False, "v1")],
    ids=["what its users saw", "what it asked for", "what it did itself"],
)
def test_a_payment_counts_once_for_every_service_on_its_way(
    service: str, by_variant: bool, version: str
) -> None:
    assert credited([PAID], target=Target("shop", service), by_variant=by_variant) == {version: 4.0}


def test_a_service_that_had_no_part_in_it_gets_nothing() -> None:
    assert credited([PAID], target=Target("shop", "search"), by_variant=False) == {}


@pytest.mark.parametrize("variant", ["", "none"])
def test_an_event_of_an_unknown_variant_is_nobody_s(variant: str) -> None:
    row = Row({"service": "payment", "variant": variant}, 4.0)

    assert credited([row], target=Target("shop", "product"), by_variant=True) == {}


def test_another_namespace_s_events_are_not_ours() -> None:
    row = Row({"namespace": "shop-eu", "service": "payment", "version": "v1"}, 4.0)

    assert credited([row], target=Target("shop", "payment"), by_variant=False) == {}
    assert credited([row], target=Target("shop-eu", "payment"), by_variant=False) == {"v1": 4.0}


def test_only_the_service_that_assigns_users_is_credited_by_variant() -> None:
    assignments = [Row({"namespace": "shop", "service": "product"}, 1.0)]

    assert splits_users(Target("shop", "product"), assignments)
    assert not splits_users(Target("shop", "payment"), assignments)
    assert not splits_users(Target("shop-eu", "product"), assignments)
