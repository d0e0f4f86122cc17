"""The few calls the lab itself makes to its Kubernetes API: create what is missing, read, merge."""

from __future__ import annotations

import base64
import ssl
from pathlib import Path
from typing import Any, Self

import httpx
import yaml

from deploy.lab.errors import LabError

Manifest = dict[str, Any]

USER_AGENT = "weir-lab"
_MERGE_PATCH = "application/merge-patch+json"
_REQUEST_SECONDS = 5.0
_PLURALS = {
    "Namespace": "namespaces",
    "Service": "services",
    "ConfigMap": "configmaps",
    "Deployment": "deployments",
    "Gateway": "gateways",
    "DestinationRule": "destinationrules",
    "VirtualService": "virtualservices",
}


class KubeApi:
    """A client for one kubeconfig, for as long as the context lasts."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._client = httpx.AsyncClient(
            base_url=cluster["server"],
            verify=ssl.create_default_context(cadata=authority),
            headers={"authorization": f"Bearer {user['token']}", "user-agent": USER_AGENT},
            timeout=_REQUEST_SECONDS,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def is_ready(self) -> bool:
        try:
            return (await self._client.get("/readyz")).is_success
        except httpx.TransportError:
            return False

    async def create_if_missing(self, manifest: Manifest) -> None:
        """Create an object unless one of its name is there already. Raises LabError."""
        answer = await self._client.post(_collection(manifest), json=manifest)
        if answer.status_code != httpx.codes.CONFLICT:
            _check(answer, manifest=manifest)

    async def list(self, kind: str, *, namespace: str, api_version: str) -> list[Manifest]:
        """Return the objects of one kind in one namespace. Raises LabError."""
        where = {"apiVersion": api_version, "kind": kind, "metadata": {"namespace": namespace, "name": "*"}}
        answer = await self._client.get(_collection(where))
        _check(answer, manifest=where)
        items: list[Manifest] = answer.json()["items"]
        return items

    async def get(self, manifest: Manifest) -> Manifest:
        """Return the live object of this kind, namespace and name. Raises LabError."""
        answer = await self._client.get(f"{_collection(manifest)}/{manifest['metadata']['name']}")
        _check(answer, manifest=manifest)
        found: Manifest = answer.json()
        return found

    async def merge(self, manifest: Manifest, *, change: Manifest) -> None:
        """Merge a change into an object. Raises LabError."""
        path = f"{_collection(manifest)}/{manifest['metadata']['name']}"
        answer = await self._client.patch(path, json=change, headers={"content-type": _MERGE_PATCH})
        _check(answer, manifest=manifest)


def deployment(name: str, *, namespace: str) -> Manifest:
    """Return just enough of a Deployment to name it."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": namespace, "name": name},
    }


def _collection(manifest: Manifest) -> str:
    version, kind = manifest["apiVersion"], manifest["kind"]
    root = "/apis" if "/" in version else "/api"
    if kind == "Namespace":
        return f"{root}/{version}/namespaces"
    return f"{root}/{version}/namespaces/{manifest['metadata']['namespace']}/{_PLURALS[kind]}"


def _check(answer: httpx.Response, *, manifest: Manifest) -> None:
    if answer.is_success:
        return
    name = manifest["metadata"]["name"]
    raise LabError(
        f"The lab's API server refused {manifest['kind']} {name}: {answer.status_code} {answer.text}"
    )
