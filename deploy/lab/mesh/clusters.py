"""Service + DestinationRule + Deployments -> Envoy clusters (CDS). Pure.

The metadata of a cluster becomes the destination labels of Istio's standard metrics.
"""

from __future__ import annotations

from collections.abc import Sequence

from deploy.lab.mesh.fields import Json, TranslationError, seconds
from deploy.lab.mesh.hosts import cluster_name
from deploy.lab.mesh.objects import DestinationRule, MeshObjects, MeshService, Subset, Workload

CLUSTER_TYPE = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_UNKNOWN = "unknown"  # what istiod's telemetry says when it cannot tell


def clusters(objects: MeshObjects) -> list[Json]:
    """Return one cluster per Service and port, and one per subset that a DestinationRule defines for it.

    A subset without ready endpoints is a cluster without endpoints (requests: 503 UH); an undefined subset
    has no cluster (requests: 503 NC). A DestinationRule with a malformed duration keeps its subsets and
    loses its outlier detection.
    """
    found: list[Json] = []
    for service in objects.services:
        rules = [rule for rule in objects.destination_rules if _applies(rule, service=service)]
        backing = objects.backing(service)
        whole = Subset(name="", labels={}, outlier_detection=rules[0].outlier_detection if rules else None)
        for port in service.ports:
            for subset in (whole, *_subsets(rules)):
                members = [workload for workload in backing if workload.carries(subset.labels)]
                found.append(_cluster(service, port=port, subset=subset, members=members))
    return found


def _applies(rule: DestinationRule, *, service: MeshService) -> bool:
    """Istio looks a rule up in the service's namespace and in the root namespace."""
    return rule.host == service.host and rule.namespace in (service.namespace, "istio-system")


def _subsets(rules: Sequence[DestinationRule]) -> list[Subset]:
    """Merge the subsets of several rules for one host; of two with one name the older wins."""
    by_name: dict[str, Subset] = {}
    for rule in rules:
        for subset in rule.subsets:
            by_name.setdefault(subset.name, subset)
    return list(by_name.values())


def _cluster(service: MeshService, *, port: int, subset: Subset, members: Sequence[Workload]) -> Json:
    name = cluster_name(service.host, port=port, subset=subset.name)
    only = members[0] if len(members) == 1 else None
    cluster: Json = {
        "@type": CLUSTER_TYPE,
        "name": name,
        "type": "STATIC",
        "connect_timeout": "2s",
        "metadata": {
            "filter_metadata": {
                "istio": {
                    "service": service.host,
                    "name": service.name,
                    "namespace": service.namespace,
                    "workload": only.name if only else _UNKNOWN,
                    "version": (only.labels if only else subset.labels).get("version", _UNKNOWN),
                }
            }
        },
        # Below the services' own keep-alive of 75 s: a connection is never used while its server closes it.
        "typed_extension_protocol_options": {
            _HTTP_OPTIONS: {
                "@type": f"type.googleapis.com/{_HTTP_OPTIONS}",
                "common_http_protocol_options": {"idle_timeout": "30s"},
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [
                {"lb_endpoints": [_endpoint(one.endpoint_port) for one in members if one.endpoint_port]}
            ],
        },
    }
    return cluster | _outlier_detection(subset.outlier_detection)


def _endpoint(port: int) -> Json:
    return {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}}


def _outlier_detection(policy: Json | None) -> Json:
    if policy is None:
        return {}
    try:
        detection: Json = {
            "enforcing_success_rate": 0,
            "max_ejection_percent": policy.get("maxEjectionPercent", 10),
            **{
                ours: seconds(policy[theirs], path=f"trafficPolicy.outlierDetection.{theirs}")
                for ours, theirs in (("interval", "interval"), ("base_ejection_time", "baseEjectionTime"))
                if theirs in policy
            },
        }
    except TranslationError:
        return {}
    if (consecutive := policy.get("consecutive5xxErrors", 5)) > 0:
        detection |= {"consecutive_5xx": consecutive, "enforcing_consecutive_5xx": 100}
    else:
        detection |= {"enforcing_consecutive_5xx": 0}
    if (consecutive := policy.get("consecutiveGatewayErrors", 0)) > 0:
        detection |= {
            "consecutive_gateway_failure": consecutive,
            "enforcing_consecutive_gateway_failure": 100,
        }
    # Istio switches Envoy's panic mode off unless a minimum is asked for.
    panic = {"healthy_panic_threshold": {"value": policy.get("minHealthPercent", 0)}}
    return {"outlier_detection": detection, "common_lb_config": panic}
