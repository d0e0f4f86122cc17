"""Service, DestinationRule and Deployments -> Envoy clusters, and the status the lab writes back."""

from __future__ import annotations

from datetime import UTC, datetime

from deploy.lab.mesh.clusters import clusters
from deploy.lab.mesh.fields import Json
from deploy.lab.mesh.objects import NO_ENDPOINTS, MeshObjects
from deploy.lab.mesh.reports import deployment_status, virtual_service_status
from tests.lab.translation import HOST, deployment, destination_rule, objects, to, virtual_service

THEN, NOW = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)


def ports(world: MeshObjects) -> dict[str, list[int]]:
    """Return the ports of each cluster's endpoints by its subset."""
    return {
        cluster["name"].split("|")[2]: [
            one["endpoint"]["address"]["socket_address"]["port_value"]
            for one in cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
        ]
        for cluster in clusters(world)
    }


def test_a_service_is_a_cluster_and_so_is_each_of_its_subsets() -> None:
    assert ports(objects()) == {"": [9001, 9002], "v1": [9001], "v2": [9002]}


def test_a_deployment_that_is_not_ready_has_no_endpoint() -> None:
    world = objects(deployments=(deployment("v1"), deployment("v2", ready=0)))
    assert ports(world) == {"": [9001], "v1": [9001], "v2": []}


def test_a_drill_takes_the_endpoints_of_a_ready_deployment() -> None:
    world = objects(deployments=(deployment("v1"), deployment("v2", annotations={NO_ENDPOINTS: "true"})))
    assert ports(world)["v2"] == []


def test_an_undefined_subset_has_no_cluster() -> None:
    assert "v2" not in ports(objects(rules=(destination_rule("v1"),)))


def test_metrics_name_the_version_that_answers() -> None:
    by_subset = {cluster["name"].split("|")[2]: cluster for cluster in clusters(objects())}
    labels = by_subset["v2"]["metadata"]["filter_metadata"]["istio"]
    assert labels == {
        "service": HOST,
        "name": "product",
        "namespace": "shop",
        "workload": "product-v2",
        "version": "v2",
    }
    assert by_subset[""]["metadata"]["filter_metadata"]["istio"]["version"] == "unknown"


def test_outlier_detection_ejects_after_as_many_errors_as_istio_says() -> None:
    rule = destination_rule("v1", outlierDetection={"consecutive5xxErrors": 3, "baseEjectionTime": "30s"})
    (first, *_) = clusters(objects(rules=(rule,)))
    detection = first["outlier_detection"]
    assert (detection["consecutive_5xx"], detection["base_ejection_time"]) == (3, "30s")
    assert first["common_lb_config"] == {"healthy_panic_threshold": {"value": 0}}


def condition(status: Json, kind: str) -> Json:
    (found,) = [one for one in status["conditions"] if one["type"] == kind]
    return dict(found)


def test_the_status_follows_the_generation_and_keeps_the_time_of_an_unchanged_verdict() -> None:
    manifest = virtual_service({"route": to()})
    manifest["status"] = virtual_service_status(manifest, refusal=None, note="In use.", now=THEN)
    manifest["metadata"]["generation"] = 2

    again = virtual_service_status(manifest, refusal=None, note="In use.", now=NOW)
    assert again["observedGeneration"] == 2
    assert condition(again, "Reconciled")["lastTransitionTime"] == "2026-01-01T00:00:00Z"

    refused = virtual_service_status(manifest, refusal="No.", note="In use.", now=NOW)
    assert condition(refused, "Reconciled") == {
        "type": "Reconciled",
        "status": "False",
        "reason": "EnvoyNack",
        "message": "No.",
        "lastTransitionTime": "2026-01-02T00:00:00Z",
    }


def test_a_deployment_is_ready_and_updated_as_its_process_is() -> None:
    manifest = deployment("v2")
    manifest["spec"]["template"]["spec"] = {"containers": [{"image": "weir-demo/product:2.0.0"}]}
    cases = (
        (True, "weir-demo/product:2.0.0", (2, 2, "True", "True")),
        (False, "weir-demo/product:2.0.0", (0, 2, "False", "True")),
        (True, "weir-demo/product:1.9.0", (2, 0, "True", "False")),
        (False, None, (0, 0, "False", "False")),
    )
    for answers, image, expected in cases:
        status = deployment_status(manifest, answers=answers, running_image=image, now=NOW)
        available, progressing = condition(status, "Available"), condition(status, "Progressing")
        assert (
            status["readyReplicas"],
            status["updatedReplicas"],
            available["status"],
            progressing["status"],
        ) == expected
