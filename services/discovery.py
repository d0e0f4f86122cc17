"""Finding services and their versions in a cluster: VirtualServices whose host is a Service, with their DestinationRule."""

from __future__ import annotations

from dataclasses import dataclass, field

from istio.documents import TrafficError, fqdn, rules_for_host, subsets_of
from istio.effective import effective_split
from istio.mesh import DEPLOYMENT, DESTINATION_RULE, SERVICE, VIRTUAL_SERVICE, Manifest, Mesh
from services.images import deployments_of, image_of, replicas_of, selector_of


@dataclass(frozen=True, slots=True)
class FoundVersion:
    """One subset with what runs behind it. ``weight`` is percent of the base route."""

    subset: str
    labels: dict[str, str]
    image: str
    replicas_ready: int
    weight: float


@dataclass(frozen=True, slots=True)
class FoundService:
    """One service that Weir can steer."""

    namespace: str
    name: str
    port: int | None
    virtual_service: str
    destination_rule: str
    versions: list[FoundVersion] = field(default_factory=list)

    @property
    def stable_subset(self) -> str | None:
        """The only subset with weight, or None when several have some."""
        carrying = [version.subset for version in self.versions if version.weight > 0]
        return carrying[0] if len(carrying) == 1 else None


def discover(mesh: Mesh, *, namespace: str) -> list[FoundService]:
    """Return the services of a namespace in order of their names. Raises MeshError."""
    listed = {
        kind: mesh.list(kind, namespace=namespace)
        for kind in (VIRTUAL_SERVICE, DESTINATION_RULE, SERVICE, DEPLOYMENT)
    }
    services = {item["metadata"]["name"]: item for item in listed[SERVICE]}
    found = []
    for document in listed[VIRTUAL_SERVICE]:
        hosts = (str(host).partition(".")[0] for host in document.get("spec", {}).get("hosts") or [])
        name = next((host for host in hosts if host in services), None)
        rules = (
            rules_for_host(
                list(listed[DESTINATION_RULE]), host=fqdn(name, namespace=namespace), namespace=namespace
            )
            if name
            else []
        )
        if name and rules:
            found.append(
                _found(document, rule=rules[0], service=services[name], deployments=list(listed[DEPLOYMENT]))
            )
    return sorted(found, key=lambda item: item.name)


def _found(
    document: Manifest, *, rule: Manifest, service: Manifest, deployments: list[Manifest]
) -> FoundService:
    name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
    try:
        split = effective_split(document, host=name, namespace=namespace)
    except TrafficError:
        split = {}
    versions = []
    for subset, labels in subsets_of(rule):
        mine = deployments_of(deployments, selector=selector_of(service), labels=labels)
        image = image_of(mine[0]) if mine else ""
        versions.append(
            FoundVersion(
                subset=subset,
                labels=dict(labels),
                image=image,
                replicas_ready=replicas_of(mine)[0],
                weight=split.get(subset, 0.0),
            )
        )
    ports = service.get("spec", {}).get("ports") or []
    return FoundService(
        namespace=namespace,
        name=name,
        port=ports[0].get("port") if ports else None,
        virtual_service=document["metadata"]["name"],
        destination_rule=rule["metadata"]["name"],
        versions=versions,
    )
