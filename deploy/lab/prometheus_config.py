"""What Prometheus scrapes in the lab: Istio's metrics at Envoy, the shop's own, Weir's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SCRAPE_INTERVAL = "1s"


def prometheus_config(
    *, envoy_admin_port: int, shop: Mapping[str, tuple[str, str, int]], web_port: int | None
) -> dict[str, Any]:
    """Return prometheus.yml as JSON. ``shop`` maps a Deployment's name to (service, version, port)."""
    weir = [] if web_port is None else [_weir(web_port)]
    return {
        "global": {
            "scrape_interval": SCRAPE_INTERVAL,
            "scrape_timeout": "900ms",
            "evaluation_interval": "5s",
        },
        "scrape_configs": [
            {
                "job_name": "envoy-stats",
                "metrics_path": "/stats/prometheus",
                "params": {"usedonly": [""], "filter": ["^istio\\."]},
                "static_configs": [{"targets": [f"127.0.0.1:{envoy_admin_port}"]}],
                "metric_relabel_configs": [
                    {
                        "source_labels": ["__name__"],
                        "regex": "envoy_(istio_.*)",
                        "target_label": "__name__",
                        "replacement": "$1",
                    }
                ],
            },
            {
                "job_name": "shop",
                # The shop says itself which service and version counts; the labels below name the target.
                "honor_labels": True,
                "static_configs": [
                    {
                        "targets": [f"127.0.0.1:{port}"],
                        "labels": {
                            "namespace": "shop",
                            "workload": deployment,
                            "service": service,
                            "version": version,
                        },
                    }
                    for deployment, (service, version, port) in shop.items()
                ],
            },
            *weir,
        ],
    }


def _weir(port: int) -> dict[str, Any]:
    """Return the job for the portal's own figures; each scrape reads its database, so less often."""
    targets = [{"targets": [f"127.0.0.1:{port}"]}]
    return {"job_name": "weir", "scrape_interval": "5s", "static_configs": targets}
