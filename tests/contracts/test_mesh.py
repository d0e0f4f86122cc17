"""The Mesh port's contract, kept by FakeMesh and by KubeMesh over a real API process alike."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from istio.mesh import (
    DEPLOYMENT,
    DESTINATION_RULE,
    SERVICE,
    VIRTUAL_SERVICE,
    Conflict,
    Manifest,
    NotFound,
    Rejected,
    Unreachable,
)
from tests.contracts.mesh_rigs import PRODUCT, FakeRig, KubeRig, Rig
from tests.lab.kubeapi import manifests
from tests.lab.kubeapi.process import KubeApi, running_kubeapi

pytestmark = pytest.mark.enable_socket


@pytest.fixture(scope="module")
def kubeapi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeApi]:
    with running_kubeapi(tmp_path_factory.mktemp("kubeapi")) as process:
        yield process


@pytest.fixture(params=["fake", "kube"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    if request.param == "fake":
        yield FakeRig()
        return
    process: KubeApi = request.getfixturevalue("kubeapi")
    rig = KubeRig(process)
    rig.add(manifests.namespace())
    yield rig
    process.forgive()
    process.api("DELETE", "/api/v1/namespaces/shop")


def with_weight(manifest: Manifest, weight: Any) -> Manifest:
    """Return a copy with another weight for the candidate."""
    changed: Manifest = json.loads(json.dumps(manifest))
    changed["spec"]["http"][0]["route"][1]["weight"] = weight
    return changed


def weight_of(manifest: Manifest) -> int:
    """Return the candidate's weight."""
    weight: int = manifest["spec"]["http"][0]["route"][1]["weight"]
    return weight


def test_an_object_is_read_whole(rig: Rig) -> None:
    wanted = manifests.virtual_service(weight=5)
    rig.add(wanted)

    found = rig.mesh.get(PRODUCT)

    assert found["spec"] == wanted["spec"]
    assert (found["apiVersion"], found["kind"]) == (wanted["apiVersion"], wanted["kind"])
    assert found["metadata"]["resourceVersion"]


def test_a_missing_object_is_not_found(rig: Rig) -> None:
    with pytest.raises(NotFound, match="shop/product") as caught:
        rig.mesh.get(PRODUCT)

    assert (caught.value.ref, caught.value.status) == (PRODUCT, 404)


def test_a_write_is_stored_under_a_new_version(rig: Rig) -> None:
    rig.add(manifests.virtual_service(weight=5))
    read = rig.mesh.get(PRODUCT)

    written = rig.mesh.put(with_weight(read, 20))

    assert weight_of(written) == 20
    assert written["metadata"]["resourceVersion"] != read["metadata"]["resourceVersion"]
    assert rig.mesh.get(PRODUCT) == written


def test_a_stale_write_is_refused_and_changes_nothing(rig: Rig) -> None:
    rig.add(manifests.virtual_service(weight=5))
    stale = rig.mesh.get(PRODUCT)
    rig.mesh.put(with_weight(stale, 20))

    with pytest.raises(Conflict) as caught:
        rig.mesh.put(with_weight(stale, 50))

    assert (caught.value.ref, caught.value.status) == (PRODUCT, 409)
    assert weight_of(rig.mesh.get(PRODUCT)) == 20


def test_after_a_conflict_a_fresh_read_can_be_written(rig: Rig) -> None:
    rig.add(manifests.virtual_service(weight=5))
    stale = rig.mesh.get(PRODUCT)
    rig.mesh.put(with_weight(stale, 20))
    with pytest.raises(Conflict):
        rig.mesh.put(with_weight(stale, 50))

    written = rig.mesh.put(with_weight(rig.mesh.get(PRODUCT), 50))

    assert weight_of(written) == 50


def test_a_write_that_changes_nothing_keeps_the_version(rig: Rig) -> None:
    rig.add(manifests.virtual_service(weight=5))
    rig.mesh.put(with_weight(rig.mesh.get(PRODUCT), 20))
    read = rig.mesh.get(PRODUCT)

    assert rig.mesh.put(read)["metadata"]["resourceVersion"] == read["metadata"]["resourceVersion"]


def test_a_write_without_a_version_is_refused(rig: Rig) -> None:
    rig.add(manifests.virtual_service(weight=5))

    with pytest.raises(Rejected, match="resourceVersion") as caught:
        rig.mesh.put(manifests.virtual_service(weight=50))

    assert caught.value.ref == PRODUCT
    assert weight_of(rig.mesh.get(PRODUCT)) == 5


def test_a_write_does_not_create(rig: Rig) -> None:
    absent = manifests.virtual_service()
    absent["metadata"]["resourceVersion"] = "1"

    with pytest.raises(NotFound):
        rig.mesh.put(absent)

    assert rig.mesh.list(VIRTUAL_SERVICE, namespace="shop") == []


@pytest.mark.parametrize("weight", ["50", 50.5, None], ids=["text", "fraction", "null"])
def test_what_the_crd_refuses_is_rejected_with_the_path(rig: Rig, weight: Any) -> None:
    rig.add(manifests.virtual_service(weight=5))

    with pytest.raises(Rejected, match=r"spec\.http\[0\]\.route\[1\]\.weight") as caught:
        rig.mesh.put(with_weight(rig.mesh.get(PRODUCT), weight))

    assert caught.value.status == 422
    assert weight_of(rig.mesh.get(PRODUCT)) == 5


def test_a_dry_run_answers_and_stores_nothing(rig: Rig) -> None:
    rig.add(manifests.virtual_service(weight=5))
    read = rig.mesh.get(PRODUCT)

    tried = rig.mesh.put(with_weight(read, 20), dry_run=True)

    assert weight_of(tried) == 20
    assert rig.mesh.get(PRODUCT) == read


def test_a_dry_run_is_refused_as_the_write_would_be(rig: Rig) -> None:
    rig.add(manifests.virtual_service(weight=5))
    stale = rig.mesh.get(PRODUCT)
    fresh = rig.mesh.put(with_weight(stale, 20))

    with pytest.raises(Conflict):
        rig.mesh.put(with_weight(stale, 50), dry_run=True)
    with pytest.raises(Rejected):
        rig.mesh.put(with_weight(fresh, "50"), dry_run=True)


def test_a_list_has_one_kind_of_one_namespace_in_order(rig: Rig) -> None:
    for name in ("product", "order", "payment"):
        rig.add(manifests.virtual_service(name))
    rig.add(manifests.destination_rule("product"))

    found = rig.mesh.list(VIRTUAL_SERVICE, namespace="shop")

    assert [item["metadata"]["name"] for item in found] == ["order", "payment", "product"]
    assert {item["kind"] for item in found} == {VIRTUAL_SERVICE}


def test_a_list_can_be_narrowed_by_labels(rig: Rig) -> None:
    for name in ("product-v1", "product-v2", "order-v1"):
        rig.add(manifests.deployment(name))

    found = rig.mesh.list(DEPLOYMENT, namespace="shop", labels={"app": "product", "version": "v2"})

    assert [item["metadata"]["name"] for item in found] == ["product-v2"]


def test_an_empty_namespace_lists_all_of_them(rig: Rig) -> None:
    rig.add(manifests.service("product"))

    found = rig.mesh.list(SERVICE, namespace="")

    assert ("shop", "product") in [
        (item["metadata"]["namespace"], item["metadata"]["name"]) for item in found
    ]
    assert rig.mesh.list(SERVICE, namespace="nowhere") == []


@pytest.mark.parametrize("kind", [SERVICE, DEPLOYMENT, DESTINATION_RULE])
def test_items_of_a_list_say_what_they_are_and_can_be_written(rig: Rig, kind: str) -> None:
    make = {
        SERVICE: manifests.service,
        DEPLOYMENT: manifests.deployment,
        DESTINATION_RULE: manifests.destination_rule,
    }
    rig.add(make[kind]())

    (item,) = rig.mesh.list(kind, namespace="shop")
    item["metadata"].setdefault("annotations", {})["weir.dev/rollout"] = "7"
    written = rig.mesh.put(item)

    assert (written["kind"], written["apiVersion"]) == (kind, make[kind]()["apiVersion"])
    assert written["metadata"]["annotations"]["weir.dev/rollout"] == "7"


def test_what_was_read_can_be_changed_without_changing_the_mesh(rig: Rig) -> None:
    rig.add(manifests.virtual_service(weight=5))

    rig.mesh.get(PRODUCT)["spec"]["http"].clear()
    rig.mesh.list(VIRTUAL_SERVICE, namespace="shop")[0]["spec"]["http"].clear()

    assert weight_of(rig.mesh.get(PRODUCT)) == 5


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_in_trouble_is_unreachable_for_one_call(rig: Rig, status: int) -> None:
    rig.add(manifests.virtual_service(weight=5))
    rig.refuse_next(status)

    with pytest.raises(Unreachable) as caught:
        rig.mesh.get(PRODUCT)

    assert (caught.value.ref, caught.value.status) == (PRODUCT, status)
    assert caught.value.retry_after_seconds == 7
    assert weight_of(rig.mesh.get(PRODUCT)) == 5


def test_a_refused_write_has_not_happened(rig: Rig) -> None:
    rig.add(manifests.virtual_service(weight=5))
    read = rig.mesh.get(PRODUCT)
    rig.refuse_next(503)

    with pytest.raises(Unreachable):
        rig.mesh.put(with_weight(read, 20))

    assert weight_of(rig.mesh.put(with_weight(read, 20))) == 20


def test_a_permission_refused_is_rejected(rig: Rig) -> None:
    rig.add(manifests.virtual_service(weight=5))
    rig.refuse_next(403)

    with pytest.raises(Rejected) as caught:
        rig.mesh.get(PRODUCT)

    assert caught.value.status == 403


def test_a_write_whose_answer_is_lost_has_happened_once(rig: Rig) -> None:
    rig.add(manifests.virtual_service(weight=5))
    read = rig.mesh.get(PRODUCT)
    rig.lose_next_answer()

    with pytest.raises(Unreachable):
        rig.mesh.put(with_weight(read, 20))

    assert weight_of(rig.mesh.get(PRODUCT)) == 20
    with pytest.raises(Conflict):
        rig.mesh.put(with_weight(read, 20))
