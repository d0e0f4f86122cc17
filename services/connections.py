"""From a row of the catalogue to a connection: the only place that builds the adapters.

Tests put fakes in with ``use()``; the adapters themselves are imported when first needed, since the Kubernetes client takes
about a second to import and most processes of the portal never talk to a cluster.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module

from django.conf import settings

from istio.mesh import Mesh, Unreachable
from istio.telemetry import Telemetry
from services.models import Cluster


@dataclass
class _Replacements:
    mesh: Mesh | None = None
    telemetry: Telemetry | None = None


_replaced = _Replacements()


def mesh_of(cluster: Cluster, *, seconds: float | None = None) -> Mesh:
    """Return the cluster's mesh, whose calls take at most so long. Raises Unreachable when its kubeconfig is not there."""
    if _replaced.mesh is not None:
        return _replaced.mesh
    path = None
    if cluster.kubeconfig_env:
        path = os.environ.get(cluster.kubeconfig_env)
        if not path:
            raise Unreachable(
                f"Cluster {cluster.name}: the environment variable {cluster.kubeconfig_env} with the kubeconfig's path is not set."
            )
    longest = settings.MESH_TIMEOUT_SECONDS
    return _mesh(path, cluster.context or None, longest if seconds is None else min(seconds, longest))


def telemetry_of(cluster: Cluster) -> Telemetry:
    """Return the Prometheus that watches the cluster."""
    return _replaced.telemetry or _telemetry(cluster.prometheus_url, settings.TELEMETRY_TIMEOUT_SECONDS)


@contextmanager
def use(*, mesh: Mesh | None = None, telemetry: Telemetry | None = None) -> Iterator[None]:
    """Answer with these instead, for every cluster, inside the block."""
    before = (_replaced.mesh, _replaced.telemetry)
    _replaced.mesh, _replaced.telemetry = mesh or before[0], telemetry or before[1]
    try:
        yield
    finally:
        _replaced.mesh, _replaced.telemetry = before


@lru_cache(maxsize=64)
def _mesh(path: str | None, context: str | None, timeout_seconds: float) -> Mesh:
    adapter: Mesh = import_module("istio.kube").KubeMesh(
        kubeconfig=path, context=context, timeout_seconds=timeout_seconds
    )
    return adapter


@lru_cache(maxsize=64)
def _telemetry(url: str, timeout_seconds: float) -> Telemetry:
    adapter: Telemetry = import_module("istio.prometheus").PrometheusTelemetry(
        url, timeout_seconds=timeout_seconds
    )
    return adapter
