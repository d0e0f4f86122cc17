"""From method and path to what is meant: Kubernetes' verb and its target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from deploy.lab.kubeapi.failures import ApiFailure, unknown_path
from deploy.lab.kubeapi.kinds import Catalogue
from deploy.lab.kubeapi.targets import Target

_COLLECTION = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}
_OBJECT = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_STATUS = {"GET": "get", "PUT": "update", "PATCH": "patch"}


@dataclass(frozen=True, slots=True)
class Call:
    """One request to objects: Kubernetes' verb (get, list, watch, create, update ...) and its target."""

    verb: str
    target: Target


def resolve(catalogue: Catalogue, method: str, path: str, query: Mapping[str, str]) -> Call:
    """Return what a request asks for. Raises ApiFailure 404 or 405."""
    target = _target(catalogue, [part for part in path.split("/") if part])
    if target.name:
        verbs = _STATUS if target.subresource else _OBJECT
    else:
        verbs = {"POST": "create"} if target.kind.virtual else _COLLECTION
    verb = verbs.get(method)
    if verb is None:
        raise ApiFailure(
            405, "MethodNotAllowed", "the server does not allow this method on the requested resource"
        )
    if verb == "list" and query.get("watch") in {"true", "1"}:
        verb = "watch"
    if verb == "create" and target.kind.namespaced and not target.namespace:
        raise ApiFailure(405, "MethodNotAllowed", f"{target.kind.key} are created in a namespace")
    return Call(verb, target)


def _target(catalogue: Catalogue, parts: list[str]) -> Target:
    if parts[:1] == ["api"] and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        raise unknown_path()
    namespace = ""
    # "/namespaces/x" names a namespace, "/namespaces/x/pods" the pods in it, "/namespaces/x/status" a
    # subresource.
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in {"status", "finalize"}:
        namespace, rest = rest[1], rest[2:]
    kind = catalogue.at(group, version, rest[0])
    if kind is None or len(rest) > 3 or (namespace and not kind.namespaced):
        raise unknown_path()
    name, subresource = [*rest, "", ""][1:3]
    if subresource and (subresource != "status" or not kind.status):
        raise unknown_path()
    if name and kind.namespaced and not namespace:
        raise unknown_path()
    return Target(kind, version, namespace=namespace, name=name, subresource=subresource)
