"""The Mesh port over a Kubernetes API: the only file that imports ``kubernetes``.

Objects travel as raw JSON, so that fields newer than the client library survive a read and a write. Nothing
is retried here: a write whose answer got lost may have happened, and only the caller can read and decide.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any
from urllib.parse import quote

import urllib3
import yaml
from kubernetes import client, config

from istio.mesh import (
    DEPLOYMENT,
    DESTINATION_RULE,
    GATEWAY,
    SERVICE,
    VIRTUAL_SERVICE,
    Conflict,
    Manifest,
    MeshError,
    NotFound,
    Ref,
    Rejected,
    Unreachable,
)
from istio.sentence import Sentence

ISTIO_GROUP = "networking.istio.io"
ISTIO_VERSIONS = ("v1", "v1beta1", "v1alpha3")
CONNECTIONS = 4  # kept open per process; more at once are opened and closed again
CHUNK_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class _Resource:
    """Where a kind is served. An empty version is discovered from the cluster."""

    group: str
    version: str
    plural: str


RESOURCES: Mapping[str, _Resource] = {
    VIRTUAL_SERVICE: _Resource(ISTIO_GROUP, "", "virtualservices"),
    DESTINATION_RULE: _Resource(ISTIO_GROUP, "", "destinationrules"),
    GATEWAY: _Resource(ISTIO_GROUP, "", "gateways"),
    SERVICE: _Resource("", "v1", "services"),
    DEPLOYMENT: _Resource("apps", "v1", "deployments"),
}


@dataclass(frozen=True, slots=True)
class _Request:
    """One request and, for error messages, what it is about: ``doing`` continues "Could not ...: "."""

    method: str
    path: str
    doing: Sentence
    ref: Ref | None = None
    query: tuple[tuple[str, str], ...] = ()
    body: Manifest | None = None


class KubeMesh:
    """Reads and replaces objects of one cluster.

    ``kubeconfig`` None means the service account of the pod this runs in; ``context`` None means the file's
    current one. The connection is made on the first call and anew after a fork, so one instance may be shared
    by threads and by Celery's prefork children.
    """

    def __init__(
        self,
        kubeconfig: str | None,
        context: str | None = None,
        *,
        timeout_seconds: float,
        user_agent: str = "weir",
    ) -> None:
        self._kubeconfig = kubeconfig
        self._context = context
        self._timeout_seconds = timeout_seconds
        self._user_agent = user_agent
        self._lock = Lock()
        self._client: Any = None
        self._owner = 0
        self._istio_version = ""

    def get(self, ref: Ref) -> Manifest:
        """Return the live object at the best served version. Raises NotFound, Rejected, Unreachable."""
        path = f"{self._collection(ref.kind, ref.namespace, ref=ref)}/{quote(ref.name, safe='')}"
        return self._send(_Request("GET", path, Sentence("read {ref}", ref=ref), ref))

    def list(
        self, kind: str, *, namespace: str, labels: Mapping[str, str] | None = None
    ) -> Sequence[Manifest]:
        """Return the objects of one kind; an empty namespace means all. Raises Rejected, Unreachable."""
        chosen = ",".join(f"{key}={value}" for key, value in (labels or {}).items())
        query = (("labelSelector", chosen),) if chosen else ()
        doing = (
            Sentence("list {kind} objects in {namespace}", kind=kind, namespace=namespace)
            if namespace
            else Sentence("list {kind} objects in all namespaces", kind=kind)
        )
        answer = self._send(_Request("GET", self._collection(kind, namespace), doing, query=query))
        # Lists of built-in kinds leave out what the items have in common.
        identity = {"apiVersion": answer["apiVersion"], "kind": kind}
        return [{**identity, **item} for item in answer["items"]]

    def put(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """Replace the object at the version it was read, and return what is stored.

        Raises NotFound, Conflict, Rejected, Unreachable; after Unreachable the write may or may not be done.
        """
        metadata = manifest["metadata"]
        ref = Ref(manifest["kind"], metadata.get("namespace", ""), metadata["name"])
        if not metadata.get("resourceVersion"):
            message = Sentence(
                "Could not write {ref}: it carries no resourceVersion, so nobody would notice a lost update.",
                ref=ref,
            )
            raise Rejected(message, ref=ref, status=422)
        query: tuple[tuple[str, str], ...] = (("fieldManager", self._user_agent),)
        if dry_run:
            query = (*query, ("dryRun", "All"))
        path = _path(manifest["apiVersion"], _resource(ref.kind).plural, ref.namespace)
        doing = Sentence("try to write {ref}", ref=ref) if dry_run else Sentence("write {ref}", ref=ref)
        request = _Request("PUT", f"{path}/{quote(ref.name, safe='')}", doing, ref, query, manifest)
        return self._send(request)

    def _collection(self, kind: str, namespace: str, *, ref: Ref | None = None) -> str:
        resource = _resource(kind)
        version = resource.version or self._served_version(ref)
        return _path(f"{resource.group}/{version}".lstrip("/"), resource.plural, namespace)

    def _served_version(self, ref: Ref | None) -> str:
        """Return the newest Istio version that this cluster serves; asked once per process."""
        if not self._istio_version:
            doing = Sentence("find out which Istio API is served")
            try:
                answer = self._send(_Request("GET", f"/apis/{ISTIO_GROUP}", doing, ref))
            except NotFound as error:
                message = Sentence(
                    "The cluster serves no networking.istio.io: install Istio's CRDs or check the context."
                )
                raise Rejected(message, ref=ref, status=error.status) from error
            served = {version["version"] for version in answer["versions"]}
            known = next((version for version in ISTIO_VERSIONS if version in served), "")
            if not known:
                raise Rejected(
                    Sentence(
                        "The cluster serves Istio {versions}, of which none is known here.",
                        versions=sorted(served),
                    ),
                    ref=ref,
                )
            self._istio_version = known
        return self._istio_version

    def _send(self, request: _Request) -> Manifest:
        """Send one request and return the parsed object, or raise one of ours."""
        deadline = time.monotonic() + self._timeout_seconds
        try:
            api = self._connected(request)
            serialized = api.param_serialize(
                request.method,
                request.path,
                query_params=list(request.query),
                header_params={"Accept": "application/json", **_content_type(request)},
                body=request.body,
                auth_settings=["BearerToken"],
            )
            answer = api.call_api(*serialized, _request_timeout=self._timeout_seconds)
            content = _read(answer.response, deadline=deadline)
        except (urllib3.exceptions.HTTPError, client.ApiException, OSError) as error:
            raise _unreachable(request, error, self._timeout_seconds) from error
        if 200 <= answer.status < 300:
            return _parsed(request, content)
        raise _refused(request, answer.status, answer.headers, content)

    def _connected(self, request: _Request) -> Any:
        """Return this process's client; sockets of a parent process are never used by its children."""
        with self._lock:
            if self._client is None or self._owner != os.getpid():
                try:
                    settings = self._settings()
                except (config.ConfigException, OSError, ValueError, TypeError, yaml.YAMLError) as error:
                    where = self._kubeconfig or Sentence("the pod's service account")
                    message = Sentence(
                        "Could not {doing}: {where} gives no way into the cluster: {error}",
                        doing=request.doing,
                        where=where,
                        error=str(error),
                    )
                    raise Rejected(message, ref=request.ref) from error
                self._client = client.ApiClient(settings)
                self._client.user_agent = self._user_agent
                self._owner = os.getpid()
            return self._client

    def _settings(self) -> Any:
        load_in_cluster: Any = config.load_incluster_config  # the library is not typed here
        load_file: Any = config.load_kube_config
        settings = client.Configuration()
        if self._kubeconfig is None:
            load_in_cluster(client_configuration=settings)
        else:
            load_file(self._kubeconfig, self._context, client_configuration=settings)
        # urllib3 would send a PUT again when its answer got lost; see the module's docstring.
        settings.retries = False
        settings.connection_pool_maxsize = CONNECTIONS
        return settings


def _resource(kind: str) -> _Resource:
    if kind not in RESOURCES:
        raise Rejected(
            Sentence(
                "Weir does not handle objects of kind {kind}; it knows {known}.",
                kind=kind,
                known=", ".join(RESOURCES),
            )
        )
    return RESOURCES[kind]


def _path(api_version: str, plural: str, namespace: str) -> str:
    root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    place = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
    return f"{root}{place}/{plural}"


def _content_type(request: _Request) -> dict[str, str]:
    return {} if request.body is None else {"Content-Type": "application/json"}


def _read(response: Any, *, deadline: float) -> bytes:
    """Read the body; the time-out of a socket is per read, the deadline is for all of them."""
    parts = []
    while part := response.read1(CHUNK_BYTES):
        parts.append(part)
        if time.monotonic() > deadline:
            response.close()
            raise urllib3.exceptions.ReadTimeoutError(response, "", "the answer took too long")
    response.release_conn()
    return b"".join(parts)


def _parsed(request: _Request, content: bytes) -> Manifest:
    try:
        found = json.loads(content)
    except ValueError as error:
        raise Unreachable(
            Sentence("Could not {doing}: the answer is not JSON.", doing=request.doing), ref=request.ref
        ) from error
    if not isinstance(found, dict):
        raise Unreachable(
            Sentence("Could not {doing}: the answer is no object.", doing=request.doing), ref=request.ref
        )
    return found


def _unreachable(request: _Request, error: Exception, timeout_seconds: float) -> Unreachable:
    if isinstance(error, urllib3.exceptions.TimeoutError):
        message = Sentence(
            "Could not {doing}: the API server is not reachable (no answer within {seconds} s).",
            doing=request.doing,
            seconds=f"{timeout_seconds:g}",
        )
    else:
        message = Sentence(
            "Could not {doing}: the API server is not reachable ({error}).",
            doing=request.doing,
            error=str(error).strip() or type(error).__name__,
        )
    return Unreachable(message, ref=request.ref)


def _refused(request: _Request, status: int, headers: Mapping[str, str], content: bytes) -> MeshError:
    """Return our error for an answer that is none of 2xx, with the server's own message."""
    reply = _status_object(content)
    said = str(reply.get("message") or content[:200].decode(errors="replace"))
    message = Sentence(
        "Could not {doing}: the API server answered {status}: {said}",
        doing=request.doing,
        status=status,
        said=said or Sentence("no reason given"),
    )
    if status in {408, 429} or status >= 500:
        after = _seconds(headers.get("Retry-After"), (reply.get("details") or {}).get("retryAfterSeconds"))
        return Unreachable(message, ref=request.ref, status=status, retry_after_seconds=after)
    kind = {404: NotFound, 409: Conflict}.get(status, Rejected)
    return kind(message, ref=request.ref, status=status)


def _status_object(content: bytes) -> Manifest:
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _seconds(*candidates: object) -> float | None:
    """Return the first that is a number of seconds; the date that proxies may send instead counts as none."""
    for candidate in candidates:
        try:
            return float(str(candidate))
        except ValueError:
            continue
    return None
