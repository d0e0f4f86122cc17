"""Kubernetes and Istio manifests as the values the translation needs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from deploy.lab.mesh.fields import Json
from deploy.lab.mesh.hosts import fqdn

NO_ENDPOINTS = "lab.weir.dev/no-endpoints"
"""Annotation on a Deployment, for drills: it is ready, and yet the mesh finds none of its endpoints."""

BROKEN_ASSIGNMENT = "lab.weir.dev/broken-assignment"
"""Annotation on a Deployment, for drills: of the users who are routed to it by a rule, the mesh sends some elsewhere."""

MESH_GATEWAY = "mesh"


@dataclass(frozen=True, slots=True)
class MeshService:
    """A Kubernetes Service: what a destination host means."""

    namespace: str
    name: str
    ports: tuple[int, ...]
    selector: Mapping[str, str]

    @property
    def host(self) -> str:
        return fqdn(self.name, namespace=self.namespace)


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment and the one local process that stands for all its pods."""

    namespace: str
    name: str
    labels: Mapping[str, str]
    endpoint_port: int | None
    """Port on 127.0.0.1; ``None`` unless ready."""
    loses_users: bool = False

    def carries(self, labels: Mapping[str, str]) -> bool:
        return labels.items() <= self.labels.items()


@dataclass(frozen=True, slots=True)
class Subset:
    """One subset of a DestinationRule, with the outlier detection that holds for it."""

    name: str
    labels: Mapping[str, str]
    outlier_detection: Json | None


@dataclass(frozen=True, slots=True)
class DestinationRule:
    host: str
    namespace: str
    subsets: tuple[Subset, ...]
    outlier_detection: Json | None


@dataclass(frozen=True, slots=True)
class MeshObjects:
    """Everything the translation looks at, oldest object first."""

    services: tuple[MeshService, ...] = ()
    workloads: tuple[Workload, ...] = ()
    destination_rules: tuple[DestinationRule, ...] = ()
    virtual_services: tuple[Json, ...] = ()
    gateways: frozenset[str] = field(default_factory=frozenset)
    """Gateways that exist, as namespace/name, and the reserved name of the mesh itself."""

    def service(self, host: str) -> MeshService | None:
        return next((service for service in self.services if service.host == host), None)

    def loses_users(self, host: str, *, subset: str) -> bool:
        """Say whether the Deployment behind a subset was told to lose users."""
        service = self.service(host)
        subsets = [one for rule in self.destination_rules if rule.host == host for one in rule.subsets]
        labels = next((one.labels for one in subsets if one.name == subset), None)
        return (
            service is not None
            and labels is not None
            and any(workload.loses_users for workload in self.backing(service) if workload.carries(labels))
        )

    def backing(self, service: MeshService) -> tuple[Workload, ...]:
        """Return the Deployments whose pods the Service's selector picks; none without a selector."""
        return tuple(
            workload
            for workload in self.workloads
            if service.selector
            and workload.namespace == service.namespace
            and workload.carries(service.selector)
        )


def key_of(manifest: Json) -> str:
    """Return namespace/name."""
    return f"{manifest['metadata'].get('namespace', 'default')}/{manifest['metadata']['name']}"


def mesh_objects(
    *,
    services: Iterable[Json],
    deployments: Iterable[Json],
    destination_rules: Iterable[Json],
    virtual_services: Iterable[Json],
    gateways: Iterable[Json],
    endpoint_ports: Mapping[str, int],
) -> MeshObjects:
    """Read manifests. ``endpoint_ports``: a Deployment's namespace/name -> port of its local process."""
    return MeshObjects(
        services=tuple(_service(manifest) for manifest in _oldest_first(services)),
        workloads=tuple(
            _workload(manifest, port=endpoint_ports.get(key_of(manifest)))
            for manifest in _oldest_first(deployments)
        ),
        destination_rules=tuple(_destination_rule(manifest) for manifest in _oldest_first(destination_rules)),
        virtual_services=tuple(_oldest_first(virtual_services)),
        gateways=frozenset({MESH_GATEWAY, *(key_of(manifest) for manifest in gateways)}),
    )


def _oldest_first(manifests: Iterable[Json]) -> list[Json]:
    return sorted(manifests, key=lambda one: (one["metadata"].get("creationTimestamp", ""), key_of(one)))


def _service(manifest: Json) -> MeshService:
    spec = manifest.get("spec", {})
    return MeshService(
        namespace=manifest["metadata"].get("namespace", "default"),
        name=manifest["metadata"]["name"],
        ports=tuple(port["port"] for port in spec.get("ports", [])),
        selector=spec.get("selector") or {},
    )


def _workload(manifest: Json, *, port: int | None) -> Workload:
    metadata = manifest["metadata"]
    ready = manifest.get("status", {}).get("readyReplicas", 0) > 0
    annotations = metadata.get("annotations") or {}
    reachable = annotations.get(NO_ENDPOINTS) != "true"
    return Workload(
        namespace=metadata.get("namespace", "default"),
        name=metadata["name"],
        labels=manifest["spec"]["template"]["metadata"].get("labels") or {},
        endpoint_port=port if ready and reachable else None,
        loses_users=annotations.get(BROKEN_ASSIGNMENT) == "true",
    )


def _destination_rule(manifest: Json) -> DestinationRule:
    spec = manifest["spec"]
    namespace = manifest["metadata"].get("namespace", "default")
    of_rule = (spec.get("trafficPolicy") or {}).get("outlierDetection")
    return DestinationRule(
        host=fqdn(spec["host"], namespace=namespace),
        namespace=namespace,
        subsets=tuple(
            Subset(
                name=subset["name"],
                labels=subset.get("labels") or {},
                outlier_detection=(subset.get("trafficPolicy") or {}).get("outlierDetection") or of_rule,
            )
            for subset in spec.get("subsets") or []
        ),
        outlier_detection=of_rule,
    )
