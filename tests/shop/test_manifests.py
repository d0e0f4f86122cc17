"""The YAML in deploy/kubernetes against Kubernetes' and Istio's own schemas, and against what it promises."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.lab.kubeapi.builtin import BUILT_IN
from deploy.lab.kubeapi.crds import istio_kinds
from deploy.lab.kubeapi.definitions import described
from deploy.lab.kubeapi.kinds import Kind
from deploy.lab.kubeapi.schemas import checked

KUBERNETES = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
EXAMPLES = sorted((KUBERNETES / "shop" / "examples").glob("*.yaml"))
SERVICES = ("product", "order", "payment")

Manifest = dict[str, Any]


@cache
def kinds() -> Mapping[tuple[str, str], Kind]:
    return {
        (kind.api_version(version), kind.name): kind
        for kind in (*described(BUILT_IN), *istio_kinds())
        for version in kind.versions
    }


@cache
def built(folder: str) -> tuple[Manifest, ...]:
    """Return what ``kubectl apply -k`` would send."""
    kubectl = Path(sys.executable).with_name("kubectl")
    shown = subprocess.run(
        [kubectl, "kustomize", KUBERNETES / folder],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=os.environ,
    )
    return tuple(yaml.safe_load_all(shown.stdout))


def of_kind(manifests: tuple[Manifest, ...], kind: str) -> dict[str, Manifest]:
    return {item["metadata"]["name"]: item for item in manifests if item["kind"] == kind}


def pods(manifests: tuple[Manifest, ...]) -> Iterator[Manifest]:
    for item in manifests:
        if item["kind"] in ("Deployment", "Job"):
            yield item["spec"]["template"]["spec"]


def assert_valid(manifest: Manifest) -> None:
    kind = kinds()[manifest["apiVersion"], manifest["kind"]]
    version = manifest["apiVersion"].rpartition("/")[2]
    assert kind.schemas, f"No schema for {kind.name}: the check would be empty."
    checked(kind, version, manifest, validation="Strict")


@pytest.mark.parametrize("folder", ["shop", "overlays/demo", "overlays/production"])
def test_every_object_fits_its_schema(folder: str) -> None:
    for manifest in built(folder):
        assert_valid(manifest)


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_every_example_is_a_whole_virtual_service_of_the_shop(file: Path) -> None:
    (example,) = yaml.safe_load_all(file.read_text())
    deployed = of_kind(built("shop"), "VirtualService")["product"]

    assert_valid(example)
    assert example["metadata"] == deployed["metadata"]
    assert example["spec"]["hosts"] == deployed["spec"]["hosts"]
    assert example["spec"]["http"][-1]["name"] == "primary"
    for route in example["spec"]["http"]:
        weights = [destination["weight"] for destination in route["route"] if "weight" in destination]
        assert sum(weights) in (0, 100)
        assert not route["name"].startswith("weir-")


@pytest.mark.parametrize("service", SERVICES)
def test_v1_has_all_the_traffic_and_v2_waits_at_zero(service: str) -> None:
    (route,) = of_kind(built("shop"), "VirtualService")[service]["spec"]["http"]

    split = {item["destination"]["subset"]: item["weight"] for item in route["route"]}

    assert (route["name"], split) == ("primary", {"v1": 100, "v2": 0})
    assert route["timeout"]
    assert "5xx" not in route["retries"]["retryOn"]


@pytest.mark.parametrize("service", SERVICES)
def test_every_subset_selects_exactly_one_deployment(service: str) -> None:
    manifests = built("shop")
    deployments = of_kind(manifests, "Deployment")
    selector = of_kind(manifests, "Service")[service]["spec"]["selector"]

    for subset in of_kind(manifests, "DestinationRule")[service]["spec"]["subsets"]:
        wanted = {**selector, **subset["labels"]}
        found = [
            name
            for name, item in deployments.items()
            if wanted.items() <= item["spec"]["template"]["metadata"]["labels"].items()
        ]
        assert found == [f"{service}-{subset['name']}"]


@pytest.mark.parametrize("folder", ["shop", "overlays/production"])
def test_every_container_is_locked_down_and_limited(folder: str) -> None:
    for pod in pods(built(folder)):
        assert pod["securityContext"]["runAsNonRoot"]
        for container in (*pod["containers"], *pod.get("initContainers", [])):
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert not container["securityContext"]["allowPrivilegeEscalation"]
            assert {"memory", "cpu"} <= set(container["resources"]["requests"])
            assert container["resources"]["limits"]["memory"]


def test_weir_may_write_routes_and_nothing_else() -> None:
    (role,) = of_kind(built("overlays/demo"), "ClusterRole").values()
    writable = {
        resource
        for rule in role["rules"]
        if set(rule["verbs"]) - {"get", "list", "watch"}
        for resource in rule["resources"]
    }
    verbs = {verb for rule in role["rules"] for verb in rule["verbs"]}

    assert writable == {"virtualservices", "destinationrules"}
    assert verbs == {"get", "list", "update", "patch"}


def test_weir_is_bound_in_the_shop_alone() -> None:
    manifests = built("overlays/demo")
    bindings = of_kind(manifests, "RoleBinding")

    assert [item["metadata"]["namespace"] for item in bindings.values()] == ["shop"]
    assert not of_kind(manifests, "ClusterRoleBinding")


def test_no_secret_stands_in_the_production_files() -> None:
    manifests = built("overlays/production")

    assert not of_kind(manifests, "Secret")
    for pod in pods(manifests):
        for container in pod["containers"]:
            assert {"secretRef": {"name": "weir"}} in container["envFrom"]


def test_rollbacks_have_a_worker_of_their_own() -> None:
    commands = {
        name: item["spec"]["template"]["spec"]["containers"][0]["command"]
        for name, item in of_kind(built("overlays/production"), "Deployment").items()
    }

    assert "--queues=rollback" in commands["weir-rollback-worker"]
    assert "--queues=rollback,celery" in commands["weir-worker"]


def test_nothing_selects_the_pods_of_another_part() -> None:
    manifests = built("overlays/production")
    for budget in of_kind(manifests, "PodDisruptionBudget").values():
        selector = budget["spec"]["selector"]["matchLabels"]
        matching = [
            name
            for name, item in of_kind(manifests, "Deployment").items()
            if selector.items() <= item["spec"]["template"]["metadata"]["labels"].items()
        ]
        assert matching == [budget["metadata"]["name"]]
