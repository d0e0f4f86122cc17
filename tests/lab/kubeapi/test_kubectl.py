"""The real kubectl against the endpoint, as an operator uses it."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.lab.kubeapi import manifests
from tests.lab.kubeapi.kubectl import as_yaml, live
from tests.lab.kubeapi.process import DEADLINE_SECONDS, KUBECTL, KubeApi

pytestmark = pytest.mark.enable_socket

PRODUCT = ("-n", "shop", "virtualservice", "product")


def weights(obj: dict[str, Any]) -> list[int]:
    """Return the weights of the main route."""
    return [route["weight"] for route in obj["spec"]["http"][0]["route"]]


def test_a_file_with_every_kind_is_applied_and_applied_again_unchanged(shop: KubeApi) -> None:
    stream = as_yaml(
        manifests.virtual_service(),
        manifests.destination_rule(),
        manifests.gateway(),
        manifests.service(),
        manifests.deployment(),
    )

    first = shop.kubectl("apply", "-f", "-", stdin=stream).stdout.splitlines()
    second = shop.kubectl("apply", "-f", "-", stdin=stream).stdout.splitlines()

    assert [line.split()[-1] for line in first] == ["created"] * 5
    assert [line.split()[-1] for line in second] == ["unchanged"] * 5


def test_get_prints_the_columns_of_the_crd(shop: KubeApi) -> None:
    shop.create(manifests.virtual_service())
    shop.create(manifests.destination_rule())

    header, row = shop.kubectl("-n", "shop", "get", "vs").stdout.splitlines()
    assert header.split() == ["NAME", "GATEWAYS", "HOSTS", "AGE"]
    assert row.split()[:3] == ["product", "<none>", '["product"]']
    assert "product" in shop.kubectl("get", "dr", "-A").stdout
    assert shop.kubectl("-n", "shop", "get", "vs,dr", "-o", "name").stdout.split() == [
        "virtualservice.networking.istio.io/product",
        "destinationrule.networking.istio.io/product",
    ]


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1alpha3"])
def test_every_served_version_shows_the_same_object(shop: KubeApi, version: str) -> None:
    shop.create(manifests.virtual_service(weight=5))

    done = shop.kubectl(
        "-n", "shop", "get", f"virtualservices.{version}.networking.istio.io", "product", "-o", "json"
    )

    found = json.loads(done.stdout)
    assert found["apiVersion"] == f"networking.istio.io/{version}"
    assert weights(found) == [95, 5]


def test_an_old_version_can_be_applied_over_a_new_one(shop: KubeApi) -> None:
    shop.kubectl("apply", "-f", "-", stdin=as_yaml(manifests.virtual_service(weight=5)))
    old = {**manifests.virtual_service(weight=20), "apiVersion": "networking.istio.io/v1alpha3"}

    shop.kubectl("apply", "-f", "-", stdin=as_yaml(old))

    assert weights(live(shop)) == [80, 20]


def test_diff_shows_the_weight_and_exits_1(shop: KubeApi) -> None:
    shop.kubectl("apply", "-f", "-", stdin=as_yaml(manifests.virtual_service(weight=5)))

    done = shop.kubectl("diff", "-f", "-", stdin=as_yaml(manifests.virtual_service(weight=20)), check=False)

    assert done.returncode == 1
    assert "-      weight: 5\n" in done.stdout
    assert "+      weight: 20\n" in done.stdout
    assert weights(live(shop)) == [95, 5]


def test_a_server_side_dry_run_stores_nothing(shop: KubeApi) -> None:
    shop.kubectl("apply", "-f", "-", stdin=as_yaml(manifests.virtual_service(weight=5)))
    before = live(shop)

    changed = as_yaml(manifests.virtual_service(weight=20))
    done = shop.kubectl("apply", "--dry-run=server", "-o", "json", "-f", "-", stdin=changed)

    assert weights(json.loads(done.stdout)) == [80, 20]
    assert live(shop) == before


def test_a_json_patch_with_a_true_test_is_applied(shop: KubeApi) -> None:
    shop.create(manifests.virtual_service(weight=5))
    patch = [
        {"op": "test", "path": "/spec/http/0/route/1/weight", "value": 5},
        {"op": "replace", "path": "/spec/http/0/route/0/weight", "value": 100},
        {"op": "replace", "path": "/spec/http/0/route/1/weight", "value": 0},
    ]

    shop.kubectl("patch", *PRODUCT, "--type=json", "-p", json.dumps(patch))

    assert weights(live(shop)) == [100, 0]


def test_a_json_patch_with_a_false_test_is_refused(shop: KubeApi) -> None:
    shop.create(manifests.virtual_service(weight=5))
    patch = [
        {"op": "test", "path": "/spec/http/0/route/1/weight", "value": 50},
        {"op": "replace", "path": "/spec/http/0/route/1/weight", "value": 0},
    ]

    done = shop.kubectl("patch", *PRODUCT, "--type=json", "-p", json.dumps(patch), check=False)

    assert done.returncode == 1
    assert weights(live(shop)) == [95, 5]


def test_a_merge_patch_swaps_the_whole_route_list(shop: KubeApi) -> None:
    shop.create(manifests.virtual_service(weight=5))
    patch = {"spec": {"http": [{"name": "other", "route": [{"destination": {"host": "product"}}]}]}}

    shop.kubectl("patch", *PRODUCT, "--type=merge", "-p", json.dumps(patch))

    assert [route["name"] for route in live(shop)["spec"]["http"]] == ["other"]


def test_a_strategic_patch_is_refused_for_istio_and_merges_containers_by_name(shop: KubeApi) -> None:
    shop.create(manifests.virtual_service())
    shop.create(manifests.deployment())
    container = {"name": "app", "image": "shop/product:2"}
    patch = {"spec": {"template": {"spec": {"containers": [container]}}}}

    refused = shop.kubectl("patch", *PRODUCT, "-p", '{"spec":{"hosts":["a"]}}', check=False)
    shop.kubectl("-n", "shop", "patch", "deploy", "product-v1", "-p", json.dumps(patch))

    assert "strategic-merge-patch+json is not supported" in refused.stderr
    (kept,) = live(shop, "deploy", "product-v1")["spec"]["template"]["spec"]["containers"]
    assert kept == {**container, "ports": [{"containerPort": 8080}]}


def test_edit_writes_what_the_editor_leaves(shop: KubeApi) -> None:
    shop.create(manifests.virtual_service(weight=5))

    done = subprocess.run(
        [str(KUBECTL), "--kubeconfig", shop.kubeconfig, "edit", *PRODUCT],
        env={
            "KUBE_EDITOR": "sed -i 's/weight: 95/weight: 60/; s/weight: 5$/weight: 40/'",
            "PATH": "/usr/bin:/bin",
        },
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert weights(live(shop)) == [60, 40]


def test_labels_and_annotations_are_set_and_taken_away(shop: KubeApi) -> None:
    shop.create(manifests.virtual_service())

    shop.kubectl("label", *PRODUCT, "team=shop")
    shop.kubectl("annotate", *PRODUCT, "weir.dev/fence=7")
    assert shop.kubectl("-n", "shop", "get", "vs", "-l", "team=shop", "-o", "name").stdout.strip()
    assert live(shop)["metadata"]["annotations"] == {"weir.dev/fence": "7"}
    shop.kubectl("label", *PRODUCT, "team-")

    assert not shop.kubectl("-n", "shop", "get", "vs", "-l", "team=shop", "-o", "name").stdout
    assert live(shop)["metadata"]["generation"] == 1


def test_wait_sees_a_condition_that_a_controller_sets(shop: KubeApi) -> None:
    shop.create(manifests.virtual_service())
    condition = {"type": "Reconciled", "status": "True"}
    command = [str(KUBECTL), "--kubeconfig", shop.kubeconfig, "wait", *PRODUCT, "--for=condition=Reconciled"]
    seen = shop.last_seq()

    with subprocess.Popen([*command, "--timeout=15s"], stdout=subprocess.PIPE, text=True) as waiting:
        while not shop.requests(f"since={seen}&verb=watch"):
            assert waiting.poll() is None
        patch = json.dumps({"status": {"conditions": [condition]}})
        shop.kubectl("patch", *PRODUCT, "--subresource=status", "--type=merge", "-p", patch)
        printed, _ = waiting.communicate(timeout=DEADLINE_SECONDS)

    assert (waiting.returncode, "condition met" in printed) == (0, True)


def test_get_w_prints_changes_as_they_come(shop: KubeApi) -> None:
    shop.create(manifests.virtual_service(weight=5))
    command = [
        str(KUBECTL),
        "--kubeconfig",
        shop.kubeconfig,
        "get",
        *PRODUCT,
        "-w",
        "-o",
        "jsonpath={.spec.http[0].route[1].weight}{'\\n'}",
    ]

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline() == "5\n"
        patch = [{"op": "replace", "path": "/spec/http/0/route/1/weight", "value": 20}]
        shop.kubectl("patch", *PRODUCT, "--type=json", "-p", json.dumps(patch))
        assert watching.stdout.readline() == "20\n"
        watching.terminate()


def test_delete_waits_until_the_object_is_gone(shop: KubeApi) -> None:
    shop.create(manifests.virtual_service())

    shop.kubectl("delete", *PRODUCT, "--timeout=10s")

    assert "NotFound" in shop.kubectl("get", *PRODUCT, check=False).stderr


def test_create_refuses_a_name_that_is_taken_and_replace_needs_the_object(shop: KubeApi) -> None:
    stream = as_yaml(manifests.virtual_service(weight=20))

    missing = shop.kubectl("replace", "-f", "-", stdin=stream, check=False)
    shop.kubectl("create", "-f", "-", stdin=stream)
    taken = shop.kubectl("create", "-f", "-", stdin=stream, check=False)

    assert "NotFound" in missing.stderr
    assert "AlreadyExists" in taken.stderr
    shop.kubectl("replace", "-f", "-", stdin=as_yaml(manifests.virtual_service(weight=30)))
    assert weights(live(shop)) == [70, 30]


def test_describe_and_explain_answer(shop: KubeApi) -> None:
    shop.create(manifests.virtual_service())

    described = shop.kubectl("-n", "shop", "describe", "vs", "product").stdout
    explained = shop.kubectl("explain", "virtualservice.spec.http.route.weight").stdout
    built_in = shop.kubectl("explain", "deployment.spec.replicas").stdout

    assert "Subset:  v1" in described
    assert "FIELD: weight <integer>" in explained
    assert "FIELD: replicas <integer>" in built_in


def test_an_unknown_field_stops_an_apply(shop: KubeApi) -> None:
    wrong = manifests.virtual_service()
    wrong["spec"]["http"][0]["rout"] = []

    done = shop.kubectl("apply", "-f", "-", stdin=as_yaml(wrong), check=False)

    assert 'unknown field "spec.http[0].rout"' in done.stderr
    assert "NotFound" in shop.kubectl("get", *PRODUCT, check=False).stderr


def test_a_kustomization_is_applied(shop: KubeApi, tmp_path: Any) -> None:
    (tmp_path / "product.yaml").write_text(as_yaml(manifests.virtual_service()))
    (tmp_path / "kustomization.yaml").write_text(
        "resources: [product.yaml]\ncommonAnnotations: {team: shop}\n"
    )

    shop.kubectl("apply", "-k", str(tmp_path))

    assert live(shop)["metadata"]["annotations"]["team"] == "shop"


def test_a_list_file_is_created_item_by_item(shop: KubeApi) -> None:
    items = [manifests.virtual_service(), manifests.destination_rule()]
    stream = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})

    printed = shop.kubectl("create", "-f", "-", stdin=stream).stdout.splitlines()

    assert [line.split()[-1] for line in printed] == ["created", "created"]
