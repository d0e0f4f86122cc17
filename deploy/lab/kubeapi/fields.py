"""Sets of field paths: what ``managedFields`` speak of.

A path is a tuple of elements in FieldsV1 spelling: ``f:name`` for a field, ``k:{"name":"x"}`` for an item of
a keyed list, ``v:"x"`` for a member of a set. Every other list is one value, as in Istio's CRDs, where all
lists are. Source: sigs.k8s.io/structured-merge-diff, fieldpath/serialize-pe.go.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from deploy.lab.kubeapi.definitions import OBJECT_META, resolved
from deploy.lab.kubeapi.kinds import Json, Kind

Path = tuple[str, ...]

_OWNED_BY_THE_SERVER = frozenset(
    {"name", "namespace", "uid", "creationTimestamp", "generation", "resourceVersion", "managedFields",
    "selfLink",
     "deletionTimestamp", "deletionGracePeriodSeconds"}
)  # fmt: skip
_KEY_DEFAULTS = {"protocol": "TCP"}  # the one key of a built-in list that may be left out


def leaves(kind: Kind, version: str, obj: Json, *, subresource: str = "") -> dict[Path, Any]:
    """Return path and value of every field that a manager can own through the main resource or ``status``."""
    found: dict[Path, Any] = {}
    for name, value in obj.items():
        through_status = kind.status and name == "status"
        if name in {"apiVersion", "kind"} or (
            name != "metadata" and through_status != (subresource == "status")
        ):
            continue
        if name == "metadata":
            value = {key: item for key, item in value.items() if key not in _OWNED_BY_THE_SERVER}  # noqa: PLW2901 -- a view of it
            if not value:
                continue
        found.update(_walk(value, (f"f:{name}",), top(kind, version, name)))
    return found


def top(kind: Kind, version: str, name: str) -> Json:
    """Return the schema of one top-level field; every kind's metadata has the same."""
    if name == "metadata":
        return resolved(OBJECT_META)
    return below(kind.schemas.get(version, {}), name)


def whole(kind: Kind, version: str) -> Json:
    """Return the schema of the object, with the identity and metadata that every kind has."""
    schema = kind.schemas.get(version, {"x-kubernetes-preserve-unknown-fields": True})
    every = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": resolved(OBJECT_META)}
    return {**schema, "properties": {**schema.get("properties", {}), **every}}


def below(schema: Json, name: str) -> Json:
    """Return the schema of one field of a map, empty where none is known."""
    rest = schema.get("additionalProperties")
    found: Json = schema.get("properties", {}).get(name) or (rest if isinstance(rest, dict) else {})
    return found


def _walk(value: Any, path: Path, schema: Json) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict) and value and schema.get("x-kubernetes-map-type") != "atomic":
        for name, item in value.items():
            yield from _walk(item, (*path, f"f:{name}"), below(schema, name))
    elif isinstance(value, list) and (elements := list_elements(value, schema)) is not None:
        for element, item in elements.items():
            yield (*path, element), item if element.startswith("v:") else None
            if element.startswith("k:"):
                for name, part in item.items():
                    yield from _walk(part, (*path, element, f"f:{name}"), below(schema["items"], name))
    else:
        yield path, value


def list_elements(items: list[Any], schema: Json) -> dict[str, Any] | None:
    """Return the items of a set or a keyed list by their path element; None for a list that is one value."""
    kind = schema.get("x-kubernetes-list-type")
    if kind == "set" and items:
        return {f"v:{json.dumps(item)}": item for item in items}
    if kind != "map" or not items or not all(isinstance(item, dict) for item in items):
        return None
    found = {}
    for item in items:
        keys = {key: item.get(key, _KEY_DEFAULTS.get(key)) for key in schema["x-kubernetes-list-map-keys"]}
        if None in keys.values():
            return None
        found[f"k:{json.dumps(keys, separators=(',', ':'), sort_keys=True)}"] = item
    return found


def combine(live: Any, applied: Any, schema: Json) -> Any:
    """Return ``live`` with the fields of ``applied`` set: maps and keyed lists merge, others go."""
    if isinstance(live, dict) and isinstance(applied, dict):
        if schema.get("x-kubernetes-map-type") == "atomic":
            return applied
        merged = dict(live)
        for name, value in applied.items():
            merged[name] = combine(live[name], value, below(schema, name)) if name in live else value
        return merged
    if isinstance(live, list) and isinstance(applied, list):
        old, new = list_elements(live, schema), list_elements(applied, schema)
        if old is not None and new is not None:
            items = schema["items"]
            both = dict(old)
            for element, item in new.items():
                both[element] = combine(old[element], item, items) if element in old else item
            return list(both.values())
    return applied


def without(value: Any, path: Path, schema: Json) -> Any:
    """Return ``value`` without the field at a path; a map that this leaves empty goes too."""
    element, rest = path[0], path[1:]
    if element.startswith("f:") and isinstance(value, dict):
        name = element[2:]
        if name not in value:
            return value
        others = {key: item for key, item in value.items() if key != name}
        if not rest:
            return others
        inner = without(value[name], rest, below(schema, name))
        return {**value, name: inner} if inner or not value[name] else others
    if isinstance(value, list) and (elements := list_elements(value, schema)) and element in elements:
        if rest:
            elements[element] = without(elements[element], rest, schema["items"])
        else:
            del elements[element]
        return list(elements.values())
    return value


def as_fields_v1(paths: Iterable[Path]) -> Json:
    """Return a set of paths in the nested form of FieldsV1."""
    tree: Json = {}
    for path in sorted(paths):
        here = tree
        for element in path:
            here = here.setdefault(element, {})
        if path[-1].startswith("k:"):
            here["."] = {}
    return tree


def from_fields_v1(tree: Json, *, prefix: Path = ()) -> set[Path]:
    """Return the paths of a FieldsV1 tree."""
    found: set[Path] = set()
    for element, inner in tree.items():
        if element == ".":
            found.add(prefix)
        elif isinstance(inner, dict) and inner:
            found |= from_fields_v1(inner, prefix=(*prefix, element))
        else:
            found.add((*prefix, element))
    return found


def spelled(path: Path) -> str:
    """Return a path as people read it: ``.spec.http``, ``.spec.containers[name="x"].image``."""
    parts = []
    for element in path:
        if element.startswith("f:"):
            parts.append(f".{element[2:]}")
        elif element.startswith("k:"):
            keys = json.loads(element[2:])
            parts.append("[" + ",".join(f"{key}={json.dumps(value)}" for key, value in keys.items()) + "]")
        else:
            parts.append(f"[{element[2:]}]")
    return "".join(parts)
