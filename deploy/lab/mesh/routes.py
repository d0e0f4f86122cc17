"""VirtualServices -> Envoy virtual hosts (RDS). Pure.

A VirtualService is translated on its own, so that one that cannot be translated does not stop the others;
``virtual_hosts`` then joins all of them by host.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from deploy.lab.mesh.actions import header_changes, route_action
from deploy.lab.mesh.fields import Json
from deploy.lab.mesh.filters import filter_configs
from deploy.lab.mesh.hosts import cluster_name, domains, fqdn
from deploy.lab.mesh.matches import concerns_gateway, route_match
from deploy.lab.mesh.objects import MESH_GATEWAY, MeshObjects, key_of

ROUTES_TYPE = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
ROUTES_NAME = "mesh"
_LEAKED_PERCENT = 30


def routes_of(virtual_service: Json, *, objects: MeshObjects) -> list[Json]:
    """Return the Envoy routes of one VirtualService in order: first match wins. Raises TranslationError."""
    namespace = virtual_service["metadata"].get("namespace", "default")
    found: list[Json] = []
    for index, route in enumerate(virtual_service["spec"].get("http") or []):
        path = f"spec.http[{index}]"
        common: Json = {
            "name": route.get("name") or f"{key_of(virtual_service)}/{index}",
            **route_action(route, namespace=namespace, objects=objects, path=path),
            **header_changes(route.get("headers")),
        }
        if (
            len(route.get("route") or []) == 1
            and route.get("match")
            and _loses_users(route, namespace=namespace, objects=objects)
        ):
            everybody = virtual_service["spec"]["http"][-1]
            common["route"] = _leaking(
                common["route"], into=route_action(everybody, namespace=namespace, objects=objects, path=path)
            )
        if configs := filter_configs(route, path=path):
            common["typed_per_filter_config"] = configs
        found += [
            {**common, "match": match}
            for match in _matches(route, of=virtual_service, objects=objects, path=path)
        ]
    return found


def _loses_users(route: Json, *, namespace: str, objects: MeshObjects) -> bool:
    destination = route["route"][0].get("destination") or {}
    host = fqdn(destination.get("host", ""), namespace=namespace)
    return objects.loses_users(host, subset=destination.get("subset", ""))


def _leaking(action: Json, *, into: Json) -> Json:
    """Send three of ten of a rule's requests where everybody goes: a broken assignment, for drills."""
    mine = action["weighted_clusters"]["clusters"]
    theirs = into["route"]["weighted_clusters"]["clusters"]
    most = max(theirs, key=lambda cluster: cluster["weight"])
    split = [{**mine[0], "weight": 100 - _LEAKED_PERCENT}, {**most, "weight": _LEAKED_PERCENT}]
    return {**action, "weighted_clusters": {"clusters": split}}


def is_bound(gateways: Sequence[str] | None, *, namespace: str, objects: MeshObjects) -> bool:
    """Say whether one of these gateways is there: the mesh itself (the default), or a Gateway that exists."""
    names = gateways or [MESH_GATEWAY]
    return any(
        (name if "/" in name or name == MESH_GATEWAY else f"{namespace}/{name}") in objects.gateways
        for name in names
    )


def virtual_hosts(objects: MeshObjects, *, routes: Mapping[str, Sequence[Json]]) -> list[Json]:
    """Join translated routes (by the VirtualService's namespace/name) into virtual hosts.

    Several VirtualServices for one host are joined, the oldest first. A Service no VirtualService speaks for
    is reached as it is. A domain of two hosts (the short name of two Services) goes to the older one.
    """
    by_host: dict[str, list[Json]] = {}
    for virtual_service in objects.virtual_services:
        namespace = virtual_service["metadata"].get("namespace", "default")
        translated = routes.get(key_of(virtual_service), ())
        if not translated or not is_bound(
            virtual_service["spec"].get("gateways"), namespace=namespace, objects=objects
        ):
            continue
        for host in virtual_service["spec"].get("hosts") or []:
            by_host.setdefault(fqdn(host, namespace=namespace), []).extend(translated)
    for service in objects.services:
        if service.ports:
            plain = cluster_name(service.host, port=service.ports[0], subset="")
            action = {"cluster": plain, "timeout": "0s"}
            by_host.setdefault(service.host, [{"name": "default", "match": {"prefix": "/"}, "route": action}])
    taken: set[str] = set()
    hosts: list[Json] = []
    for host, host_routes in by_host.items():
        free = [domain for domain in domains(host) if domain not in taken]
        taken.update(free)
        if free:
            hosts.append({"name": host, "domains": free, "routes": host_routes})
    return hosts


def route_configuration(hosts: Sequence[Json]) -> Json:
    """Wrap virtual hosts into the one resource Envoy asks for."""
    return {"@type": ROUTES_TYPE, "name": ROUTES_NAME, "virtual_hosts": list(hosts)}


def _matches(route: Json, *, of: Json, objects: MeshObjects, path: str) -> list[Json]:
    """Return one Envoy match per entry (any of them suffices), leaving out those meant for other sources."""
    entries = route.get("match") or [{}]
    namespace = of["metadata"].get("namespace", "default")
    services = [objects.service(fqdn(host, namespace=namespace)) for host in of["spec"].get("hosts") or []]
    ports = tuple(port for service in services if service for port in service.ports)
    return [
        route_match(entry, path=f"{path}.match[{index}]")
        for index, entry in enumerate(entries)
        if concerns_gateway(entry, ports=ports)
        and ("gateways" not in entry or is_bound(entry["gateways"], namespace=namespace, objects=objects))
    ]
