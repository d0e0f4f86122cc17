"""What KubeMesh adds to the Mesh contract: versions, time-outs, one request a call, errors that explain."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
import yaml
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from istio.kube import KubeMesh
from istio.mesh import DEPLOYMENT, SERVICE, VIRTUAL_SERVICE, MeshError, Ref, Rejected, Unreachable
from tests.lab.kubeapi import manifests
from tests.lab.kubeapi.process import KubeApi, running_kubeapi

pytestmark = pytest.mark.enable_socket

PRODUCT = Ref(VIRTUAL_SERVICE, "shop", "product")
GROUP = "/apis/networking.istio.io"


@pytest.fixture(scope="module")
def kubeapi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeApi]:
    with running_kubeapi(tmp_path_factory.mktemp("kubeapi")) as process:
        process.create(manifests.namespace())
        process.create(manifests.virtual_service(weight=5))
        yield process


@pytest.fixture
def mesh(kubeapi: KubeApi) -> Iterator[KubeMesh]:
    found = KubeMesh(kubeapi.kubeconfig, timeout_seconds=5.0)
    found.get(PRODUCT)
    yield found
    kubeapi.forgive()


@pytest.fixture
def cluster(httpserver: HTTPServer, tmp_path: Path) -> KubeMesh:
    """Return a mesh over a stub whose answers the test decides."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "stub",
        "clusters": [{"name": "stub", "cluster": {"server": httpserver.url_for("").rstrip("/")}}],
        "users": [{"name": "stub", "user": {"token": "t"}}],
        "contexts": [{"name": "stub", "context": {"cluster": "stub", "user": "stub"}}],
    }
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return KubeMesh(str(path), timeout_seconds=0.5)


def serve_versions(httpserver: HTTPServer, *versions: str) -> None:
    """Let the stub serve Istio at some versions."""
    listed = [{"version": version, "groupVersion": f"networking.istio.io/{version}"} for version in versions]
    httpserver.expect_request(GROUP).respond_with_json({"kind": "APIGroup", "versions": listed})


@pytest.mark.parametrize(
    ("served", "chosen"),
    [
        (["v1alpha3", "v1beta1", "v1"], "v1"),
        (["v1alpha3", "v1beta1"], "v1beta1"),
        (["v1alpha3"], "v1alpha3"),
    ],
)
def test_the_newest_served_version_is_read_and_written(
    httpserver: HTTPServer, cluster: KubeMesh, served: list[str], chosen: str
) -> None:
    serve_versions(httpserver, *served)
    path = f"{GROUP}/{chosen}/namespaces/shop/virtualservices/product"
    stored = {**manifests.virtual_service(), "apiVersion": f"networking.istio.io/{chosen}"}
    stored["metadata"]["resourceVersion"] = "7"
    httpserver.expect_request(path, method="GET").respond_with_json(stored)
    httpserver.expect_request(path, method="PUT").respond_with_json(stored)

    assert cluster.put(cluster.get(PRODUCT)) == stored


def test_the_served_version_is_asked_once(kubeapi: KubeApi, mesh: KubeMesh) -> None:
    seen = kubeapi.last_seq()

    mesh.get(PRODUCT)
    mesh.list(VIRTUAL_SERVICE, namespace="shop")

    assert [record["verb"] for record in kubeapi.requests(f"since={seen}")] == ["get", "list"]


def test_a_cluster_without_istio_is_told(httpserver: HTTPServer, cluster: KubeMesh) -> None:
    httpserver.expect_request(GROUP).respond_with_json({"message": "not found"}, status=404)

    with pytest.raises(Rejected, match="install Istio's CRDs"):
        cluster.get(PRODUCT)


def test_a_cluster_with_an_istio_of_the_future_is_told(httpserver: HTTPServer, cluster: KubeMesh) -> None:
    serve_versions(httpserver, "v3")

    with pytest.raises(Rejected, match="v3"):
        cluster.get(PRODUCT)


def test_services_and_deployments_do_not_ask_for_istio(kubeapi: KubeApi) -> None:
    fresh, seen = KubeMesh(kubeapi.kubeconfig, timeout_seconds=5.0), kubeapi.last_seq()

    fresh.list(SERVICE, namespace="shop")
    fresh.list(DEPLOYMENT, namespace="shop")

    assert [record["kind"] for record in kubeapi.requests(f"since={seen}")] == ["Service", "Deployment"]


def test_a_kind_that_weir_does_not_handle_is_refused_without_a_request(
    kubeapi: KubeApi, mesh: KubeMesh
) -> None:
    seen = kubeapi.last_seq()

    with pytest.raises(Rejected, match="Secret"):
        mesh.get(Ref("Secret", "shop", "password"))

    assert kubeapi.last_seq() == seen


def test_requests_say_who_asks(kubeapi: KubeApi) -> None:
    mesh = KubeMesh(kubeapi.kubeconfig, timeout_seconds=5.0, user_agent="weir-worker")

    written = mesh.put(manifests_with_label(mesh, "weir-worker"))

    assert kubeapi.requests()[-1]["user_agent"] == "weir-worker"
    assert "weir-worker" in [entry["manager"] for entry in written["metadata"]["managedFields"]]


def manifests_with_label(mesh: KubeMesh, value: str) -> dict[str, object]:
    """Return the live VirtualService with another label."""
    found = mesh.get(PRODUCT)
    found["metadata"]["labels"] = {"app": "product", "written-by": value}
    return found


@pytest.mark.parametrize("fault", [{"status": 503}, {"drop": True}, {"drop": True, "when": "after"}])
def test_a_failed_write_is_sent_once(kubeapi: KubeApi, mesh: KubeMesh, fault: dict[str, object]) -> None:
    manifest, seen = manifests_with_label(mesh, str(len(fault))), kubeapi.last_seq()
    kubeapi.provoke(verb="update", **fault)

    with pytest.raises(Unreachable):
        mesh.put(manifest)

    assert [record["verb"] for record in kubeapi.requests(f"since={seen}")] == ["update"]


def test_an_answer_that_does_not_come_is_unreachable_in_time(kubeapi: KubeApi) -> None:
    mesh = KubeMesh(kubeapi.kubeconfig, timeout_seconds=0.3)
    mesh.get(PRODUCT)
    kubeapi.provoke(delay_seconds=3.0)
    began = time.monotonic()

    with pytest.raises(Unreachable, match=r"no answer within 0\.3 s"):
        mesh.get(PRODUCT)

    assert time.monotonic() - began < 2.0


def test_an_answer_that_trickles_is_unreachable_in_time(httpserver: HTTPServer, cluster: KubeMesh) -> None:
    def trickle(_request: Request) -> Response:
        def parts() -> Iterator[bytes]:
            for _ in range(50):
                time.sleep(0.05)
                yield b" "

        return Response(parts())

    httpserver.expect_request(GROUP).respond_with_handler(trickle)
    began = time.monotonic()

    with pytest.raises(Unreachable):
        cluster.get(PRODUCT)

    assert time.monotonic() - began < 1.5


def test_a_server_that_is_away_is_unreachable(tmp_path: Path) -> None:
    with running_kubeapi(tmp_path) as away:
        mesh = KubeMesh(away.kubeconfig, timeout_seconds=5.0)
        mesh.list(SERVICE, namespace="")
        away.stop()

    with pytest.raises(Unreachable, match="not reachable") as caught:
        mesh.get(Ref(SERVICE, "shop", "product"))

    assert caught.value.ref == Ref(SERVICE, "shop", "product")


def test_a_certificate_of_somebody_else_is_not_trusted(kubeapi: KubeApi, tmp_path: Path) -> None:
    with running_kubeapi(tmp_path / "other") as other:
        config = Path(other.kubeconfig).read_text().replace(other.server, kubeapi.server)
        (tmp_path / "mixed").write_text(config)

    with pytest.raises(Unreachable, match="certificate"):
        KubeMesh(str(tmp_path / "mixed"), timeout_seconds=5.0).list(SERVICE, namespace="")


@pytest.mark.parametrize("content", [b"<html>", b"[]"])
def test_an_answer_that_is_no_object_is_unreachable(
    httpserver: HTTPServer, cluster: KubeMesh, content: bytes
) -> None:
    httpserver.expect_request(GROUP).respond_with_data(content)

    with pytest.raises(Unreachable, match="the answer is no"):
        cluster.get(PRODUCT)


@pytest.mark.parametrize(("header", "expected"), [("12", 12.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None)])
def test_retry_after_is_passed_on_if_it_is_a_number(
    httpserver: HTTPServer, cluster: KubeMesh, header: str, expected: float | None
) -> None:
    httpserver.expect_request(GROUP).respond_with_data("busy", status=429, headers={"Retry-After": header})

    with pytest.raises(Unreachable, match="429: busy") as caught:
        cluster.get(PRODUCT)

    assert caught.value.retry_after_seconds == expected


def test_a_refusal_carries_the_servers_own_words(mesh: KubeMesh) -> None:
    manifest = mesh.get(PRODUCT)
    manifest["spec"]["http"][0]["timeout"] = "soon"

    with pytest.raises(Rejected) as caught:
        mesh.put(manifest)

    assert str(caught.value).startswith(
        "Could not write VirtualService shop/product: the API server answered 422: "
    )
    assert "spec.http[0].timeout" in str(caught.value)


@pytest.mark.parametrize("content", [None, "", "{", "a: [", "kind: Config\ncurrent-context: gone\n", "- a"])
def test_a_kubeconfig_that_is_no_use_is_told(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "kubeconfig"
    if content is not None:
        path.write_text(content)

    with pytest.raises(Rejected, match="gives no way into the cluster"):
        KubeMesh(str(path), timeout_seconds=1.0).list(SERVICE, namespace="")


def test_a_context_that_does_not_exist_is_told(kubeapi: KubeApi) -> None:
    with pytest.raises(Rejected, match="staging"):
        KubeMesh(kubeapi.kubeconfig, "staging", timeout_seconds=1.0).list(SERVICE, namespace="")


def test_outside_a_pod_there_is_no_service_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

    with pytest.raises(Rejected, match="the pod's service account"):
        KubeMesh(None, timeout_seconds=1.0).list(SERVICE, namespace="")


def _read_in_child(mesh: KubeMesh, report: Connection) -> None:
    try:
        report.send(mesh.get(PRODUCT)["metadata"]["name"])
    except MeshError as error:
        report.send(str(error))


def test_a_forked_child_and_its_parent_both_go_on(mesh: KubeMesh) -> None:
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe()
    children = [fork.Process(target=_read_in_child, args=(mesh, theirs)) for _ in range(3)]

    for child in children:
        child.start()
    read_here = [mesh.get(PRODUCT)["metadata"]["name"] for _ in range(3)]
    for child in children:
        child.join(10)

    assert read_here == [ours.recv() for _ in children] == ["product"] * 3
