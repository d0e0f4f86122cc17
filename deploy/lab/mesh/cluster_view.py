"""The Kubernetes API as the controller sees it: five informers to read, two status calls to write."""

from __future__ import annotations

import functools
import threading
from pathlib import Path

from kubernetes import client, config

from deploy.lab.mesh.fields import Json
from deploy.lab.mesh.informers import Informer, ListCall

USER_AGENT = "weir-lab-mesh-controller"
ISTIO_GROUP = "networking.istio.io"
ISTIO_VERSION = "v1"
_REQUEST_SECONDS = 5


class ClusterView:
    """Follows what the mesh is made of. ``changed`` is set whenever anything differs from what was seen."""

    def __init__(self, kubeconfig: Path) -> None:
        api: client.ApiClient = config.new_client_from_config(  # type: ignore[no-untyped-call]  # the client's own gap
            config_file=str(kubeconfig)
        )
        api.user_agent = USER_AGENT
        self.changed = threading.Event()
        self._custom = client.CustomObjectsApi(api)
        self.services = self._inform("services", client.CoreV1Api(api).list_service_for_all_namespaces)
        self.deployments = self._inform("deployments", self._list_call("apps", "v1", "deployments"))
        self.destination_rules = self._inform("destinationrules", self._istio_list("destinationrules"))
        self.virtual_services = self._inform("virtualservices", self._istio_list("virtualservices"))
        self.gateways = self._inform("gateways", self._istio_list("gateways"))

    def start(self) -> None:
        """Start all watches and wait until each has listed once; the API server may come late."""
        informers = (
            self.services,
            self.deployments,
            self.destination_rules,
            self.virtual_services,
            self.gateways,
        )
        for informer in informers:
            informer.start()
        for informer in informers:
            informer.synced.wait()

    def write_virtual_service_status(self, manifest: Json, *, status: Json) -> None:
        """Merge into ``status``. Raises the Kubernetes client's ApiException."""
        self._write_status((ISTIO_GROUP, ISTIO_VERSION, "virtualservices"), manifest, status=status)

    def write_deployment_status(self, manifest: Json, *, status: Json) -> None:
        """Merge into ``status``. Raises the Kubernetes client's ApiException."""
        self._write_status(("apps", "v1", "deployments"), manifest, status=status)

    def _inform(self, kind: str, list_call: ListCall) -> Informer:
        return Informer(kind, list_call=list_call, changed=self.changed)

    def _istio_list(self, plural: str) -> ListCall:
        return self._list_call(ISTIO_GROUP, ISTIO_VERSION, plural)

    def _list_call(self, group: str, version: str, plural: str) -> ListCall:
        return functools.partial(self._custom.list_cluster_custom_object, group, version, plural)

    def _write_status(self, where: tuple[str, str, str], manifest: Json, *, status: Json) -> None:
        group, version, plural = where
        metadata = manifest["metadata"]
        self._custom.patch_namespaced_custom_object_status(
            group,
            version,
            metadata["namespace"],
            plural,
            metadata["name"],
            {"status": status},
            _content_type="application/merge-patch+json",
            _request_timeout=_REQUEST_SECONDS,
        )
