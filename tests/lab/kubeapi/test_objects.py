"""What a Kubernetes registry promises about versions, metadata and names, asked over raw requests."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.kubeapi import manifests
from tests.lab.kubeapi.process import KubeApi

pytestmark = pytest.mark.enable_socket

COLLECTION = "/apis/networking.istio.io/v1/namespaces/shop/virtualservices"
PATH = f"{COLLECTION}/product"
MERGE = "application/merge-patch+json"


def version(obj: dict[str, Any]) -> int:
    """Return the resourceVersion."""
    return int(obj["metadata"]["resourceVersion"])


def test_creation_gives_identity_and_generation(shop: KubeApi) -> None:
    metadata = shop.create(manifests.virtual_service())["metadata"]

    assert metadata["uid"]
    assert metadata["creationTimestamp"].endswith("Z")
    assert metadata["generation"] == 1


def test_versions_grow_over_all_kinds(shop: KubeApi) -> None:
    first = shop.create(manifests.virtual_service())
    second = shop.create(manifests.service())

    assert version(second) > version(first)


def test_only_a_change_of_the_spec_counts_as_a_generation(shop: KubeApi) -> None:
    shop.create(manifests.virtual_service())

    labelled = shop.api("PATCH", PATH, {"metadata": {"labels": {"a": "b"}}}, media_type=MERGE).body
    status = shop.api("PATCH", f"{PATH}/status", {"status": {"observedGeneration": 1}}, media_type=MERGE).body
    spec = shop.api("PATCH", PATH, {"spec": {"hosts": ["a"]}}, media_type=MERGE).body

    assert [obj["metadata"]["generation"] for obj in (labelled, status, spec)] == [1, 1, 2]
    assert version(labelled) < version(status) < version(spec)


def test_identity_cannot_be_written(shop: KubeApi) -> None:
    made = shop.create(manifests.virtual_service())
    forged = {"metadata": {"creationTimestamp": "2000-01-01T00:00:00Z", "generation": 99}}

    answer = shop.api("PATCH", PATH, forged, media_type=MERGE)

    assert answer.body["metadata"] == made["metadata"]


def test_status_and_spec_are_written_apart(shop: KubeApi) -> None:
    made = shop.create({**manifests.virtual_service(), "status": {"observedGeneration": 7}})
    assert "status" not in made

    both = {"spec": {"hosts": ["other"]}, "status": {"observedGeneration": 1}}
    through_status = shop.api("PATCH", f"{PATH}/status", both, media_type=MERGE).body
    through_main = shop.api("PATCH", PATH, {"status": {"observedGeneration": 2}}, media_type=MERGE).body

    assert through_status["spec"] == made["spec"]
    assert through_status["status"] == through_main["status"] == {"observedGeneration": 1}


@pytest.mark.parametrize("change", ["resourceVersion", "uid"])
def test_a_write_of_another_object_or_version_is_a_conflict(shop: KubeApi, change: str) -> None:
    made = shop.create(manifests.virtual_service(weight=5))
    sent = {**manifests.virtual_service(weight=50), "metadata": {**made["metadata"], change: "1"}}

    answer = shop.api("PUT", PATH, sent)

    assert (answer.status, answer.body["reason"]) == (409, "Conflict")
    assert shop.api("GET", PATH).body == made


def test_a_replace_of_an_istio_object_must_name_the_version_and_of_a_service_need_not(shop: KubeApi) -> None:
    shop.create(manifests.virtual_service())
    shop.create(manifests.service())

    istio = shop.api("PUT", PATH, manifests.virtual_service(weight=50))
    service = shop.api("PUT", "/api/v1/namespaces/shop/services/product", manifests.service())

    assert (istio.status, istio.body["details"]["causes"][0]["field"]) == (422, "metadata.resourceVersion")
    assert service.status == 200


def test_a_patch_may_ask_for_a_version(shop: KubeApi) -> None:
    made = shop.create(manifests.virtual_service())
    shop.api("PATCH", PATH, {"spec": {"hosts": ["a"]}}, media_type=MERGE)
    late = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "spec": {"hosts": ["b"]}}

    assert shop.api("PATCH", PATH, late, media_type=MERGE).status == 409


def test_a_delete_may_ask_for_a_version(shop: KubeApi) -> None:
    made = shop.create(manifests.virtual_service())
    asked = {"preconditions": {"resourceVersion": "1"}}

    assert shop.api("DELETE", PATH, asked).status == 409
    asked["preconditions"]["resourceVersion"] = made["metadata"]["resourceVersion"]
    assert shop.api("DELETE", PATH, asked).status == 200


def test_a_finalizer_holds_an_object_until_it_is_taken_away(shop: KubeApi) -> None:
    manifest = manifests.virtual_service()
    manifest["metadata"]["finalizers"] = ["weir.dev/hold"]
    shop.create(manifest)

    shop.api("DELETE", PATH)
    held = shop.api("GET", PATH)
    shop.api("PATCH", PATH, {"metadata": {"finalizers": None}}, media_type=MERGE)

    assert held.body["metadata"]["deletionTimestamp"]
    assert shop.api("GET", PATH).status == 404


def test_nothing_is_created_in_a_namespace_that_is_not_there(kubeapi: KubeApi) -> None:
    answer = kubeapi.api(
        "POST", COLLECTION.replace("shop", "nowhere"), manifests.virtual_service(namespace="nowhere")
    )

    assert (answer.status, answer.body["message"]) == (404, 'namespaces "nowhere" not found')


def test_a_namespace_takes_its_content_with_it(kubeapi: KubeApi) -> None:
    kubeapi.create(manifests.namespace("brief"))
    kubeapi.create(manifests.virtual_service(namespace="brief"))
    kubeapi.create(manifests.service(namespace="brief"))

    kubeapi.api("DELETE", "/api/v1/namespaces/brief")

    kubeapi.create(manifests.namespace("brief"))
    assert kubeapi.api("GET", COLLECTION.replace("shop", "brief")).body["items"] == []
    kubeapi.api("DELETE", "/api/v1/namespaces/brief")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"metadata": {"name": "Product", "namespace": "shop"}}, 422),
        ({"metadata": {"namespace": "shop"}}, 422),
        ({"metadata": {"name": "product", "namespace": "other"}}, 400),
        ({"metadata": {"name": "product", "labels": {"a": "b c"}}}, 422),
        ({"kind": "Gateway"}, 400),
        ({"apiVersion": "networking.istio.io/v1beta1"}, 400),
    ],
    ids=["upper case name", "no name", "other namespace", "bad label", "other kind", "other version"],
)
def test_what_does_not_fit_its_path_is_refused(shop: KubeApi, change: dict[str, Any], status: int) -> None:
    answer = shop.api("POST", COLLECTION, {**manifests.virtual_service(), **change})

    assert answer.status == status, answer.body


@pytest.mark.parametrize(
    "metadata",
    [
        {"labels": "a"},
        {"labels": {"a": 1}},
        {"annotations": []},
        {"finalizers": "a"},
        {"ownerReferences": [{}]},
        {"managedFields": ["a"]},
        {"generateName": 5, "name": None},
    ],
    ids=str,
)
def test_nonsense_in_the_metadata_is_refused(shop: KubeApi, metadata: dict[str, Any]) -> None:
    shop.create(manifests.virtual_service("order"))
    wrong = manifests.virtual_service()
    wrong["metadata"].update(metadata)

    created = shop.api("POST", COLLECTION, wrong)
    patched = shop.api("PATCH", f"{COLLECTION}/order", {"metadata": metadata}, media_type=MERGE)

    assert {created.status, patched.status} <= {400, 422}


@pytest.mark.parametrize("patch", [5, [], {"metadata": None}, {"metadata": []}, {"spec": 5}], ids=str)
def test_a_patch_that_leaves_no_object_is_refused(shop: KubeApi, patch: Any) -> None:
    made = shop.create(manifests.virtual_service())

    answer = shop.api("PATCH", PATH, patch, media_type=MERGE)

    assert answer.status in {400, 422}
    assert shop.api("GET", PATH).body == made


def test_a_generated_name_is_free(shop: KubeApi) -> None:
    manifest = manifests.virtual_service()
    manifest["metadata"] = {"generateName": "product-", "namespace": "shop"}

    names = {shop.create(manifest)["metadata"]["name"] for _ in range(3)}

    assert len(names) == 3
    assert all(name.startswith("product-") for name in names)


def test_the_fields_of_a_list_can_be_selected(shop: KubeApi) -> None:
    for name in ("order", "payment", "product"):
        shop.create(manifests.virtual_service(name))

    def names(query: str) -> list[str]:
        return [item["metadata"]["name"] for item in shop.api("GET", f"{COLLECTION}?{query}").body["items"]]

    assert names("fieldSelector=metadata.name%3Dorder") == ["order"]
    assert names("labelSelector=app+in+(order,payment)") == ["order", "payment"]
    assert names("labelSelector=app+notin+(order),app!%3Dpayment") == ["product"]
    assert names("labelSelector=!app") == []
    assert names("labelSelector=app") == ["order", "payment", "product"]


def test_a_whole_collection_is_deleted_by_its_labels(shop: KubeApi) -> None:
    for name in ("order", "product"):
        shop.create(manifests.virtual_service(name))

    shop.api("DELETE", f"{COLLECTION}?labelSelector=app%3Dorder")

    assert [item["metadata"]["name"] for item in shop.api("GET", COLLECTION).body["items"]] == ["product"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/apis/networking.istio.io/v2/namespaces/shop/virtualservices", 404),
        ("GET", "/apis/networking.istio.io/v1/virtualservices/product", 404),
        ("GET", f"{PATH}/scale", 404),
        ("GET", "/nowhere", 404),
        ("PUT", COLLECTION, 405),
        ("POST", "/apis/networking.istio.io/v1/virtualservices", 405),
    ],
)
def test_a_path_that_is_not_served_says_so(shop: KubeApi, method: str, path: str, status: int) -> None:
    body = None if method == "GET" else manifests.virtual_service()

    answer = shop.api(method, path, body)

    assert (answer.status, answer.body["kind"]) == (status, "Status")


def test_everybody_may_do_everything(kubeapi: KubeApi) -> None:
    for kind in ("SelfSubjectAccessReview", "SubjectAccessReview"):
        review: dict[str, Any] = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": {}}
        answer = kubeapi.api("POST", f"/apis/authorization.k8s.io/v1/{kind.lower()}s", review)
        assert (answer.status, answer.body["status"]["allowed"]) == (201, True)
