"""The real kubectl on built-in kinds: stored as sent, printed as people know them, created by name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.lab.kubeapi import manifests
from tests.lab.kubeapi.kubectl import as_yaml, live
from tests.lab.kubeapi.process import KubeApi

pytestmark = pytest.mark.enable_socket


def test_get_prints_the_readiness_that_a_status_reports(shop: KubeApi) -> None:
    shop.create(manifests.deployment())
    status = {"status": {"replicas": 1, "readyReplicas": 1, "updatedReplicas": 1, "availableReplicas": 1}}
    shop.kubectl(
        "-n",
        "shop",
        "patch",
        "deploy",
        "product-v1",
        "--subresource=status",
        "--type=merge",
        "-p",
        json.dumps(status),
    )

    row = shop.kubectl("-n", "shop", "get", "deploy", "product-v1", "--no-headers").stdout.split()

    assert row[:4] == ["product-v1", "1/1", "1", "1"]


def test_an_image_is_set(shop: KubeApi) -> None:
    shop.create(manifests.deployment())

    shop.kubectl("-n", "shop", "set", "image", "deploy/product-v1", "app=shop/product:9")

    found = live(shop, "deploy", "product-v1")
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "shop/product:9"
    assert found["metadata"]["generation"] == 2


@pytest.mark.parametrize(
    ("version", "kind", "content"),
    [
        ("v1", "ConfigMap", {"data": {"a": "b"}}),
        ("v1", "Secret", {"data": {"a": "Yg=="}}),
        ("v1", "ServiceAccount", {}),
        ("batch/v1", "Job", {"spec": {"template": {"spec": {"containers": [{"name": "a", "image": "b"}]}}}}),
        ("policy/v1", "PodDisruptionBudget", {"spec": {"minAvailable": 1}}),
        ("networking.k8s.io/v1", "NetworkPolicy", {"spec": {"podSelector": {}}}),
        (
            "rbac.authorization.k8s.io/v1",
            "Role",
            {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]},
        ),
        (
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            {
                "spec": {
                    "maxReplicas": 3,
                    "scaleTargetRef": {"kind": "Deployment", "name": "a", "apiVersion": "apps/v1"},
                }
            },
        ),
        ("coordination.k8s.io/v1", "Lease", {"spec": {"holderIdentity": "a"}}),
    ],
)
def test_other_built_in_kinds_are_stored_as_they_are(
    shop: KubeApi, version: str, kind: str, content: dict[str, Any]
) -> None:
    manifest = {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": "thing", "namespace": "shop"},
        **content,
    }

    shop.kubectl("apply", "-f", "-", stdin=as_yaml(manifest))

    found = live(shop, kind, "thing")
    assert {name: found[name] for name in content} == content


def test_kubectl_creates_simple_things_by_name(shop: KubeApi) -> None:
    shop.kubectl("create", "namespace", "spare")
    shop.kubectl("-n", "shop", "create", "configmap", "settings", "--from-literal=colour=blue")
    shop.kubectl("-n", "shop", "create", "secret", "generic", "password", "--from-literal=word=hush")
    shop.kubectl("-n", "shop", "create", "serviceaccount", "robot")
    shop.kubectl(
        "-n", "shop", "create", "deployment", "order", "--image=shop/order:1", "--port=80", "--", "run"
    )

    assert "Active" in shop.kubectl("get", "namespace", "spare").stdout
    assert live(shop, "configmap", "settings")["data"] == {"colour": "blue"}
    assert live(shop, "secret", "password")["data"] == {"word": "aHVzaA=="}
    assert live(shop, "serviceaccount", "robot")["metadata"]["name"] == "robot"
    spec = live(shop, "deployment", "order")["spec"]
    assert spec["replicas"] == 1
    assert spec["selector"] == {"matchLabels": {"app": "order"}}
    assert spec["template"]["spec"]["containers"] == [
        {"name": "order", "image": "shop/order:1", "command": ["run"], "ports": [{"containerPort": 80}]}
    ]
    shop.kubectl("delete", "namespace", "spare")


def test_kubectl_is_told_what_the_lab_cannot_read_from_protobuf(shop: KubeApi) -> None:
    done = shop.kubectl("-n", "shop", "create", "quota", "q", "--hard=pods=1", check=False)

    assert "use kubectl apply -f" in done.stderr


def test_auth_can_i_says_yes(shop: KubeApi) -> None:
    assert shop.kubectl("auth", "can-i", "patch", "virtualservices", "-n", "shop").stdout == "yes\n"


def test_a_secret_in_plain_text_is_kept_encoded(shop: KubeApi) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a", "namespace": "shop"}}

    shop.kubectl("apply", "-f", "-", stdin=as_yaml({**secret, "stringData": {"word": "hush"}}))

    found = live(shop, "secret", "a")
    assert (found["data"], "stringData" in found) == ({"word": "aHVzaA=="}, False)
