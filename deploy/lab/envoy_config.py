"""Envoy's fixed configuration: one listener that is the mesh, routes and clusters from files, metrics.

The access logger for statistics writes Istio's standard metrics with Istio's labels, aborted and timed-out
requests included; Prometheus only has to strip ``envoy_`` from their names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

_TYPE = "type.googleapis.com/envoy.extensions"
_FROM_CLUSTER = {
    "destination_service": "service",
    "destination_service_name": "name",
    "destination_service_namespace": "namespace",
    "destination_workload": "workload",
    "destination_version": "version",
}
_LABELS = {
    "reporter": "source",
    "source_workload": "istio-ingressgateway",
    **{label: f"%METADATA(CLUSTER:istio:{key})%" for label, key in _FROM_CLUSTER.items()},
    "request_protocol": "http",
    "response_code": "%RESPONSE_CODE%",
    "response_flags": "%RESPONSE_FLAGS%",
}
# Finer than Istio's edges below 100 ms, so that a percentile of a fast service means something.
_BUCKET_EDGES_MS = (
    *(0.5, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 35, 50, 75, 100, 150, 250, 500),
    *(1000, 2500, 5000, 10_000, 30_000, 60_000),
)


def envoy_config(*, mesh_port: int, admin_port: int, xds: Path) -> dict[str, Any]:
    """Return the configuration as JSON; ``xds`` is the folder of cds.json and rds.json."""
    return {
        "node": {"id": "lab", "cluster": "lab"},  # configuration from files is refused without a name
        "admin": {"address": _local(admin_port)},
        # Histograms are merged on this tick only; the default of 5 s would delay every percentile.
        "stats_flush_interval": "1s",
        "stats_config": {
            "histogram_bucket_settings": [
                {
                    "match": {"prefix": "istio.request_duration_milliseconds"},
                    "buckets": list(_BUCKET_EDGES_MS),
                }
            ]
        },
        "dynamic_resources": {"cds_config": _from_file(xds / "cds.json")},
        "static_resources": {
            "listeners": [
                {
                    "name": "mesh",
                    "address": _local(mesh_port),
                    "filter_chains": [{"filters": [_connection_manager(xds)]}],
                }
            ]
        },
    }


def _local(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _from_file(path: Path) -> dict[str, Any]:
    source = {"path": str(path), "watched_directory": {"path": str(path.parent)}}
    return {"resource_api_version": "V3", "path_config_source": source}


def _connection_manager(xds: Path) -> dict[str, Any]:
    package = "filters.network.http_connection_manager.v3.HttpConnectionManager"
    return {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": f"{_TYPE}.{package}",
            "stat_prefix": "mesh",
            "rds": {"route_config_name": "mesh", "config_source": _from_file(xds / "rds.json")},
            "access_log": [_istio_metrics()],
            "http_filters": [
                _filter("fault", package="filters.http.fault.v3.HTTPFault"),
                _filter("cors", package="filters.http.cors.v3.Cors"),
                _filter("router", package="filters.http.router.v3.Router"),
            ],
        },
    }


def _filter(name: str, *, package: str) -> dict[str, Any]:
    return {"name": f"envoy.filters.http.{name}", "typed_config": {"@type": f"{_TYPE}.{package}"}}


def _istio_metrics() -> dict[str, Any]:
    tags = [{"name": name, "value_format": value} for name, value in _LABELS.items()]
    duration = {"name": "request_duration_milliseconds", "tags": tags}
    return {
        "name": "envoy.access_loggers.stats",
        "typed_config": {
            "@type": f"{_TYPE}.access_loggers.stats.v3.Config",
            "stats_scope": {"prefix": "istio"},
            "counters": [{"value_fixed": 1, "stat": {"name": "requests_total", "tags": tags}}],
            "histograms": [{"unit": "Milliseconds", "value_format": "%DURATION%", "stat": duration}],
        },
    }
