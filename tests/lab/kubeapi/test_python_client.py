"""The real ``kubernetes`` client against the endpoint: typed, custom-object and dynamic APIs, and watches."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config, dynamic, watch

from tests.lab.kubeapi import manifests
from tests.lab.kubeapi.process import KubeApi

pytestmark = pytest.mark.enable_socket

VIRTUAL_SERVICES = ("networking.istio.io", "v1", "shop", "virtualservices")
TIMEOUT_SECONDS = 10


@pytest.fixture
def api(shop: KubeApi) -> Iterator[Any]:
    """Return a client of the ``kubernetes`` package. ``Any``: the package is not typed."""
    connect: Any = config.new_client_from_config
    with connect(shop.kubeconfig) as connected:
        yield connected


@pytest.fixture
def custom(api: Any) -> Any:
    """Return the API for custom objects with one VirtualService in the shop."""
    objects = client.CustomObjectsApi(api)
    objects.create_namespaced_custom_object(*VIRTUAL_SERVICES, manifests.virtual_service(weight=5))
    return objects


def weight(obj: Any) -> int:
    """Return the candidate's weight."""
    found: int = obj["spec"]["http"][0]["route"][1]["weight"]
    return found


def test_custom_objects_are_read_one_by_one_and_listed(custom: Any) -> None:
    one = custom.get_namespaced_custom_object(*VIRTUAL_SERVICES, "product")
    some = custom.list_namespaced_custom_object(*VIRTUAL_SERVICES, label_selector="app=product")
    everywhere = custom.list_cluster_custom_object("networking.istio.io", "v1beta1", "virtualservices")

    assert weight(one) == 5
    assert some["items"] == [one]
    assert everywhere["items"][0]["apiVersion"] == "networking.istio.io/v1beta1"


def test_a_merge_patch_is_applied(custom: Any) -> None:
    patch = {"metadata": {"annotations": {"weir.dev/fence": "7"}}}

    done = custom.patch_namespaced_custom_object(*VIRTUAL_SERVICES, "product", patch)

    assert done["metadata"]["annotations"] == {"weir.dev/fence": "7"}


def test_a_json_patch_is_applied_and_its_test_is_kept(custom: Any) -> None:
    path = "/spec/http/0/route/1/weight"
    patch = [{"op": "test", "path": path, "value": 5}, {"op": "replace", "path": path, "value": 20}]
    send = {"_content_type": "application/json-patch+json"}

    done = custom.patch_namespaced_custom_object(*VIRTUAL_SERVICES, "product", patch, **send)
    with pytest.raises(client.ApiException) as caught:
        custom.patch_namespaced_custom_object(*VIRTUAL_SERVICES, "product", patch, **send)

    assert weight(done) == 20
    assert caught.value.status == 422


def test_a_stale_replace_is_a_conflict(custom: Any) -> None:
    stale = custom.get_namespaced_custom_object(*VIRTUAL_SERVICES, "product")
    custom.replace_namespaced_custom_object(*VIRTUAL_SERVICES, "product", {**stale, "spec": {"hosts": ["a"]}})

    with pytest.raises(client.ApiException) as caught:
        custom.replace_namespaced_custom_object(
            *VIRTUAL_SERVICES, "product", {**stale, "spec": {"hosts": ["b"]}}
        )

    assert caught.value.status == 409
    assert custom.get_namespaced_custom_object(*VIRTUAL_SERVICES, "product")["spec"]["hosts"] == ["a"]


def test_status_is_patched_through_its_subresource(custom: Any) -> None:
    patch = {"status": {"observedGeneration": 1}}

    custom.patch_namespaced_custom_object_status(*VIRTUAL_SERVICES, "product", patch)

    found = custom.get_namespaced_custom_object_status(*VIRTUAL_SERVICES, "product")
    assert found["status"] == {"observedGeneration": 1}


def test_a_deleted_object_is_gone(custom: Any) -> None:
    custom.delete_namespaced_custom_object(*VIRTUAL_SERVICES, "product")

    with pytest.raises(client.ApiException) as caught:
        custom.get_namespaced_custom_object(*VIRTUAL_SERVICES, "product")
    assert caught.value.status == 404


def test_typed_deployments_are_listed_patched_and_reported_ready(api: Any) -> None:
    apps: Any = client.AppsV1Api(api)
    apps.create_namespaced_deployment("shop", manifests.deployment())
    container = {"name": "app", "image": "shop/product:2"}

    apps.patch_namespaced_deployment(
        "product-v1", "shop", {"spec": {"template": {"spec": {"containers": [container]}}}}
    )
    apps.patch_namespaced_deployment_status(
        "product-v1", "shop", {"status": {"readyReplicas": 1, "replicas": 1}}
    )

    (found,) = apps.list_namespaced_deployment("shop", label_selector="app=product").items
    assert found.spec.template.spec.containers[0].image == "shop/product:2"
    assert found.spec.template.spec.containers[0].ports[0].container_port == 8080
    assert found.status.ready_replicas == 1


def test_typed_services_and_namespaces_are_created_read_and_deleted(api: Any) -> None:
    core: Any = client.CoreV1Api(api)
    core.create_namespaced_service("shop", manifests.service())

    assert core.read_namespaced_service("product", "shop").spec.ports[0].port == 8080
    assert "shop" in [item.metadata.name for item in core.list_namespace().items]
    core.delete_namespaced_service("product", "shop")
    assert core.list_namespaced_service("shop").items == []


def test_the_dynamic_client_discovers_and_applies(api: Any, tmp_path: Path) -> None:
    # The client caches discovery in a file named after host and port: each test its own.
    make: Any = dynamic.DynamicClient
    found = make(api, cache_file=str(tmp_path / "discovery.json"))
    resource = found.resources.get(api_version="networking.istio.io/v1", kind="VirtualService")

    resource.server_side_apply(
        body=manifests.virtual_service(weight=5), namespace="shop", field_manager="weir"
    )
    listed = resource.get(namespace="shop").items

    assert [item.metadata.name for item in listed] == ["product"]
    assert listed[0].metadata.managedFields[0].manager == "weir"


def test_a_watch_tells_additions_changes_and_deletions_in_order(custom: Any) -> None:
    listed = custom.list_namespaced_custom_object(*VIRTUAL_SERVICES)
    custom.create_namespaced_custom_object(*VIRTUAL_SERVICES, manifests.virtual_service("order"))
    patch = {"spec": {"hosts": ["elsewhere"]}}
    custom.patch_namespaced_custom_object(*VIRTUAL_SERVICES, "product", patch)
    custom.delete_namespaced_custom_object(*VIRTUAL_SERVICES, "order")

    make: Any = watch.Watch
    watcher, seen = make(), []
    since = listed["metadata"]["resourceVersion"]
    for event in watcher.stream(
        custom.list_namespaced_custom_object,
        *VIRTUAL_SERVICES,
        resource_version=since,
        timeout_seconds=TIMEOUT_SECONDS,
    ):
        seen.append((event["type"], event["object"]["metadata"]["name"]))
        if len(seen) == 3:
            watcher.stop()

    assert seen == [("ADDED", "order"), ("MODIFIED", "product"), ("DELETED", "order")]


def test_a_watch_without_a_version_begins_with_what_is_there(custom: Any) -> None:
    make: Any = watch.Watch
    watcher = make()

    first = next(
        iter(
            watcher.stream(
                custom.list_namespaced_custom_object, *VIRTUAL_SERVICES, timeout_seconds=TIMEOUT_SECONDS
            )
        )
    )

    assert (first["type"], first["object"]["metadata"]["name"]) == ("ADDED", "product")
    watcher.stop()


def test_no_increment_is_lost_among_concurrent_optimistic_writers(custom: Any) -> None:
    def increment(_: int) -> int:
        conflicts = 0
        while True:
            read = custom.get_namespaced_custom_object(*VIRTUAL_SERVICES, "product")
            labels = read["metadata"]["labels"]
            labels["count"] = str(int(labels.get("count", "0")) + 1)
            try:
                custom.replace_namespaced_custom_object(*VIRTUAL_SERVICES, "product", read)
            except client.ApiException as refusal:
                if refusal.status != 409:
                    raise
                conflicts += 1
            else:
                return conflicts

    with ThreadPoolExecutor(8) as writers:
        conflicts = sum(writers.map(increment, range(40)))

    found = custom.get_namespaced_custom_object(*VIRTUAL_SERVICES, "product")
    assert found["metadata"]["labels"]["count"] == "40"
    assert conflicts > 0, "the writers never met, so nothing was shown"
