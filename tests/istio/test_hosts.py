"""Full names of hosts, and which DestinationRules cover them."""

from __future__ import annotations

import pytest

from istio.documents import fqdn, host_covers, rules_for_host
from tests.istio.builders import destination_rule

PRODUCT = "product.shop.svc.cluster.local"


@pytest.mark.parametrize(
    ("host", "full"),
    [
        pytest.param("product", PRODUCT, id="a short name belongs to the document's namespace"),
        pytest.param("product.shop", PRODUCT, id="name.namespace of the own namespace is recognised"),
        pytest.param("product.shop.svc", PRODUCT, id="name.namespace.svc is recognised"),
        pytest.param("product.other.svc", "product.other.svc.cluster.local", id="also in another namespace"),
        pytest.param(PRODUCT, PRODUCT, id="a full name is its own full name"),
        pytest.param("product.other", "product.other", id="name.namespace elsewhere is literal, as in Istio"),
        pytest.param("example.com", "example.com", id="an external host is literal"),
        pytest.param("product.extsvc.com", "product.extsvc.com", id="an external host is never shortened"),
        pytest.param("*", "*", id="the wildcard is no short name"),
        pytest.param("*.shop.svc.cluster.local", "*.shop.svc.cluster.local", id="a wildcard is literal"),
    ],
)
def test_a_host_has_one_full_name(host: str, full: str) -> None:
    assert fqdn(host, namespace="shop") == full


def test_another_cluster_domain_is_possible() -> None:
    assert fqdn("product", namespace="shop", domain="mesh.internal") == "product.shop.svc.mesh.internal"


@pytest.mark.parametrize(
    ("pattern", "covers"),
    [
        (PRODUCT, True),
        ("*", True),
        ("*.shop.svc.cluster.local", True),
        ("*.local", True),
        ("*.other.svc.cluster.local", False),
        ("shop.svc.cluster.local", False),
        ("*product.shop.svc.cluster.local", False),
    ],
)
def test_a_wildcard_covers_whole_labels(pattern: str, covers: bool) -> None:
    assert host_covers(pattern, PRODUCT) is covers


def test_an_exact_rule_hides_wildcards_and_the_longest_wildcard_wins() -> None:
    exact = destination_rule("v1", host="product.shop.svc.cluster.local", name="exact")
    near = destination_rule("v2", host="*.shop.svc.cluster.local", name="near")
    far = destination_rule("v3", host="*.local", name="far")
    assert rules_for_host([far, near, exact], host=PRODUCT, namespace="shop") == [exact]
    assert rules_for_host([far, near], host=PRODUCT, namespace="shop") == [near]
    assert rules_for_host([], host=PRODUCT, namespace="shop") == []


def test_a_short_host_of_a_rule_means_the_rules_own_namespace() -> None:
    elsewhere = destination_rule("v1", namespace="other")
    nowhere = destination_rule("v1", namespace=None)
    assert rules_for_host([elsewhere], host=PRODUCT, namespace="shop") == []
    assert rules_for_host([nowhere], host=PRODUCT, namespace="shop") == [nowhere]
