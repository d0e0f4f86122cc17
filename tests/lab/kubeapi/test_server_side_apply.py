"""Server-side apply: who owns which field, told to the real kubectl and in managedFields."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.lab.kubeapi import manifests
from tests.lab.kubeapi.process import KubeApi

pytestmark = pytest.mark.enable_socket

PATH = "/apis/networking.istio.io/v1/namespaces/shop/virtualservices/product"
DEPLOYMENT = "/apis/apps/v1/namespaces/shop/deployments/product-v1"


def apply(
    shop: KubeApi, manifest: dict[str, Any], *, manager: str, force: bool = False, check: bool = True
) -> str:
    """Apply with kubectl as one manager and return what it said on stderr."""
    options = ["--server-side", f"--field-manager={manager}", *(["--force-conflicts"] if force else [])]
    return shop.kubectl("apply", *options, "-f", "-", stdin=json.dumps(manifest), check=check).stderr


def owners(obj: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the owned fields by manager and operation."""
    entries = obj["metadata"]["managedFields"]
    return {(entry["manager"], entry["operation"]): entry["fieldsV1"] for entry in entries}


def test_the_first_apply_creates_and_owns_what_it_says(shop: KubeApi) -> None:
    apply(shop, manifests.virtual_service(), manager="release")

    found = shop.api("GET", PATH).body
    assert owners(found) == {
        ("release", "Apply"): {
            "f:metadata": {"f:labels": {"f:app": {}}},
            "f:spec": {"f:hosts": {}, "f:http": {}},
        }
    }


def test_the_same_apply_again_changes_nothing(shop: KubeApi) -> None:
    apply(shop, manifests.virtual_service(), manager="release")
    before = shop.api("GET", PATH).body

    apply(shop, manifests.virtual_service(), manager="release")

    assert shop.api("GET", PATH).body == before


def test_two_managers_cannot_own_different_routes(shop: KubeApi) -> None:
    apply(shop, manifests.virtual_service(weight=5), manager="release")

    said = apply(shop, manifests.virtual_service(weight=20), manager="platform", check=False)

    assert 'conflict with "release"' in said
    assert ".spec.http" in said
    assert shop.api("GET", PATH).body["spec"]["http"][0]["route"][1]["weight"] == 5


def test_a_forced_apply_takes_the_field_over(shop: KubeApi) -> None:
    apply(shop, manifests.virtual_service(weight=5), manager="release")

    apply(shop, manifests.virtual_service(weight=20), manager="platform", force=True)

    found = shop.api("GET", PATH).body
    assert found["spec"]["http"][0]["route"][1]["weight"] == 20
    assert "f:http" not in owners(found)["release", "Apply"]["f:spec"]
    assert "f:http" in owners(found)["platform", "Apply"]["f:spec"]


def test_equal_values_are_owned_together(shop: KubeApi) -> None:
    apply(shop, manifests.virtual_service(weight=5), manager="release")

    apply(shop, manifests.virtual_service(weight=5), manager="platform")

    found = owners(shop.api("GET", PATH).body)
    assert found["release", "Apply"] == found["platform", "Apply"]


def test_a_plain_write_takes_what_it_changes(shop: KubeApi) -> None:
    apply(shop, manifests.virtual_service(weight=5), manager="release")
    live = shop.api("GET", PATH).body
    live["spec"] = manifests.virtual_service(weight=20)["spec"]

    shop.api("PUT", f"{PATH}?fieldManager=weir", live)

    found = owners(shop.api("GET", PATH).body)
    assert found["weir", "Update"] == {"f:spec": {"f:http": {}}}
    assert found["release", "Apply"]["f:spec"] == {"f:hosts": {}}
    said = apply(shop, manifests.virtual_service(weight=5), manager="release", check=False)
    assert 'conflict with "weir" using networking.istio.io/v1' in said


def test_a_field_that_is_no_longer_applied_goes(shop: KubeApi) -> None:
    apply(shop, manifests.virtual_service(), manager="release")
    without_labels = manifests.virtual_service()
    del without_labels["metadata"]["labels"]

    apply(shop, without_labels, manager="release")

    assert "labels" not in shop.api("GET", PATH).body["metadata"]


def test_a_field_that_another_manager_applies_too_stays(shop: KubeApi) -> None:
    apply(shop, manifests.virtual_service(), manager="release")
    apply(shop, manifests.virtual_service(), manager="platform")
    without_labels = manifests.virtual_service()
    del without_labels["metadata"]["labels"]

    apply(shop, without_labels, manager="release")

    assert shop.api("GET", PATH).body["metadata"]["labels"] == {"app": "product"}


def test_containers_are_owned_one_by_one(shop: KubeApi) -> None:
    apply(shop, manifests.deployment(), manager="shop")
    sidecar = {"name": "proxy", "image": "proxy:1", "env": [{"name": "A", "value": "1"}]}
    added = {
        **{key: manifests.deployment()[key] for key in ("apiVersion", "kind")},
        "metadata": {"name": "product-v1", "namespace": "shop"},
        "spec": {"template": {"spec": {"containers": [sidecar]}}},
    }

    apply(shop, added, manager="injector")
    apply(shop, manifests.deployment(image="shop/product:2"), manager="shop")

    containers = shop.api("GET", DEPLOYMENT).body["spec"]["template"]["spec"]["containers"]
    assert [container["name"] for container in containers] == ["app", "proxy"]
    assert containers[0]["image"] == "shop/product:2"
    assert containers[1] == sidecar


def test_a_container_that_is_no_longer_applied_goes(shop: KubeApi) -> None:
    two = manifests.deployment()
    two["spec"]["template"]["spec"]["containers"].append({"name": "proxy", "image": "proxy:1"})
    apply(shop, two, manager="shop")

    apply(shop, manifests.deployment(), manager="shop")

    containers = shop.api("GET", DEPLOYMENT).body["spec"]["template"]["spec"]["containers"]
    assert [container["name"] for container in containers] == ["app"]


def test_status_is_owned_through_its_subresource_only(shop: KubeApi) -> None:
    apply(shop, manifests.virtual_service(), manager="release")
    patch = {"status": {"observedGeneration": 1}}

    shop.api(
        "PATCH", f"{PATH}/status?fieldManager=controller", patch, media_type="application/merge-patch+json"
    )

    entries = shop.api("GET", PATH).body["metadata"]["managedFields"]
    (entry,) = [entry for entry in entries if entry["manager"] == "controller"]
    assert entry["subresource"] == "status"
    assert entry["fieldsV1"] == {"f:status": {"f:observedGeneration": {}}}


def test_an_apply_prunes_before_it_owns(shop: KubeApi) -> None:
    wrong = manifests.virtual_service()
    wrong["spec"]["weights"] = [1]

    shop.kubectl("apply", "--server-side", "--validate=ignore", "-f", "-", stdin=json.dumps(wrong))

    found = shop.api("GET", PATH).body
    assert "weights" not in found["spec"]
    assert "f:weights" not in owners(found)["kubectl", "Apply"]["f:spec"]


def test_client_side_apply_can_move_to_server_side(shop: KubeApi) -> None:
    shop.kubectl("apply", "-f", "-", stdin=json.dumps(manifests.virtual_service(weight=5)))

    shop.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(manifests.virtual_service(weight=20)))

    found = shop.api("GET", PATH).body
    assert found["spec"]["http"][0]["route"][1]["weight"] == 20
    assert "f:http" in owners(found)["kubectl", "Apply"]["f:spec"]


def test_what_somebody_changed_since_the_client_side_apply_is_a_conflict(shop: KubeApi) -> None:
    shop.kubectl("apply", "-f", "-", stdin=json.dumps(manifests.virtual_service(weight=5)))
    merge = "application/merge-patch+json"
    theirs = {"spec": {"http": manifests.virtual_service(weight=50)["spec"]["http"]}}
    shop.api("PATCH", f"{PATH}?fieldManager=weir", theirs, media_type=merge)

    said = apply(shop, manifests.virtual_service(weight=20), manager="kubectl", check=False)

    assert 'conflict with "weir"' in said
    assert shop.api("GET", PATH).body["spec"]["http"][0]["route"][1]["weight"] == 50
