"""The OpenAPI v3 documents that kubectl needs for apply, diff, edit and explain."""

from __future__ import annotations

from deploy.lab.kubeapi.definitions import OBJECT_META, REFERENCE, closure, name_of
from deploy.lab.kubeapi.kinds import Catalogue, Json, Kind


def index(catalogue: Catalogue) -> Json:
    """Return the answer to ``/openapi/v3``: where the document of each group and version is."""
    paths = {"api/v1": {"serverRelativeURL": "/openapi/v3/api/v1"}}
    for group in catalogue.groups():
        for version in catalogue.versions(group):
            path = f"apis/{group}/{version}"
            paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}"}
    return {"paths": paths}


def document(catalogue: Catalogue, group: str, version: str) -> Json | None:
    """Return the document of one group and version, or None for an unknown one."""
    kinds = [kind for kind in catalogue.served(group, version) if not kind.virtual]
    if not kinds:
        return None
    paths: Json = {}
    schemas: Json = closure([OBJECT_META])
    for kind in kinds:
        name = _schema_name(kind, version)
        schemas |= {name: _custom_schema(kind, version)} if kind.custom else closure([name])
        paths |= _paths(kind, version)
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes (lab)", "version": "v1"},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _schema_name(kind: Kind, version: str) -> str:
    built_in = name_of(kind.group, version, kind.name)
    return built_in or f"{'.'.join(reversed(kind.group.split('.')))}.{version}.{kind.name}"


def _identity(kind: Kind, version: str) -> Json:
    return {"group": kind.group, "kind": kind.name, "version": version}


def _custom_schema(kind: Kind, version: str) -> Json:
    """Return the schema of a CRD with the identity and metadata that every object has."""
    own = kind.schemas[version]
    properties = {
        "apiVersion": {"type": "string", "description": "The version of this representation of the object."},
        "kind": {"type": "string", "description": "The kind of the object."},
        "metadata": {
            "allOf": [{"$ref": REFERENCE + OBJECT_META}],
            "description": "Standard object's metadata.",
        },
    }
    merged = {**own, "properties": {**properties, **own["properties"]}}
    return {**merged, "x-kubernetes-group-version-kind": [_identity(kind, version)]}


def _paths(kind: Kind, version: str) -> Json:
    root = f"/apis/{kind.group}/{version}" if kind.group else f"/api/{version}"
    place = "/namespaces/{namespace}" if kind.namespaced else ""
    collection = f"{root}{place}/{kind.plural}"
    reference = {"$ref": REFERENCE + _schema_name(kind, version)}
    content = {"application/json": {"schema": reference}}
    answer = {"200": {"description": "OK", "content": content}}
    query = [_parameter(name) for name in ("dryRun", "fieldManager", "fieldValidation")]
    patch_query = [*query, _parameter("force")]

    def operation(action: str, *, parameters: list[Json] | None = None, body: bool = False) -> Json:
        found: Json = {"responses": answer, "parameters": parameters or []}
        if body:
            found["requestBody"] = {"content": content}
        return {
            **found,
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": _identity(kind, version),
        }

    return {
        collection: {"get": operation("list"), "post": operation("post", parameters=query, body=True)},
        f"{collection}/{{name}}": {
            "get": operation("get"),
            "put": operation("put", parameters=query, body=True),
            "patch": operation("patch", parameters=patch_query, body=True),
            "delete": operation("delete"),
        },
    }


def _parameter(name: str) -> Json:
    return {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
