"""Sets of field paths: what ``managedFields`` speak of.

A path is a tuple of elements in FieldsV1 spelling: ``f:name`` for a field, ``k:{"name":"x"}`` for an item of
a keyed list, ``v:"x"`` for a member of a set. Every other list is one value, as in Istio's CRDs, where all
lists are. Source: sigs.k8s.io/structured-merge-diff, fieldpath/serialize-pe.go.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from deploy.lab.kubeapi.kinds import Json, Kind
from deploy.lab.kubeapi.patches import UNORDERED_SETS, merge_key

Path = tuple[str, ...]

_OWNED_BY_THE_SERVER = frozenset(
    {"name", "namespace", "uid", "creationTimestamp", "generation", "resourceVersion", "managedFields",
    "selfLink",
     "deletionTimestamp", "deletionGracePeriodSeconds"}
)  # fmt: skip
_ASSOCIATIVE_IN_METADATA = frozenset({"finalizers", "ownerReferences"})


def leaves(kind: Kind, obj: Json, *, subresource: str = "") -> dict[Path, Any]:
    """Return path and value of every field that a manager can own through the main resource or ``status``."""
    found: dict[Path, Any] = {}
    for name, value in obj.items():
        if name in {"apiVersion", "kind"} or (
            kind.status and name != "metadata" and (name == "status") != (subresource == "status")
        ):
            continue
        if name == "metadata":
            value = {key: item for key, item in value.items() if key not in _OWNED_BY_THE_SERVER}  # noqa: PLW2901
            if not value:
                continue
        found.update(_walk(value, (f"f:{name}",), name, keyed=not kind.custom or name == "metadata"))
    return found


def _walk(value: Any, path: Path, field: str, *, keyed: bool) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from _walk(item, (*path, f"f:{name}"), name, keyed=keyed)
    elif isinstance(value, list) and (elements := list_elements(value, field, keyed=keyed)) is not None:
        for element, item in elements.items():
            yield (*path, element), item if element.startswith("v:") else None
            if element.startswith("k:"):
                for name, part in item.items():
                    yield from _walk(part, (*path, element, f"f:{name}"), name, keyed=keyed)
    else:
        yield path, value


def list_elements(items: list[Any], field: str, *, keyed: bool) -> dict[str, Any] | None:
    """Return the items of a set or a keyed list by their path element; None for a list that is one value."""
    if not keyed or not items:
        return None
    if field in UNORDERED_SETS:
        return {f"v:{json.dumps(item)}": item for item in items}
    key = merge_key(field, items)
    if key is None or not all(isinstance(item, dict) and key in item for item in items):
        return None
    found = {}
    for item in items:
        keys = {key: item[key]}
        if field == "ports":
            keys["protocol"] = item.get("protocol", "TCP")
        found[f"k:{json.dumps(keys, separators=(',', ':'), sort_keys=True)}"] = item
    return found


def combine(live: Any, applied: Any, field: str, *, keyed: bool) -> Any:
    """Return ``live`` with the fields of ``applied`` set: maps and keyed lists merge, others go."""
    if isinstance(live, dict) and isinstance(applied, dict):
        merged = dict(live)
        for name, value in applied.items():
            merged[name] = combine(live[name], value, name, keyed=keyed) if name in live else value
        return merged
    if isinstance(live, list) and isinstance(applied, list):
        old, new = list_elements(live, field, keyed=keyed), list_elements(applied, field, keyed=keyed)
        if old is not None and new is not None:
            both = {
                **old,
                **{
                    name: combine(old[name], item, "", keyed=keyed) if name in old else item
                    for name, item in new.items()
                },
            }
            return list(both.values())
    return applied


def without(value: Any, path: Path, field: str = "") -> Any:
    """Return ``value`` without the field at a path; a map that this leaves empty goes too."""
    element, rest = path[0], path[1:]
    if element.startswith("f:") and isinstance(value, dict):
        name = element[2:]
        if name not in value:
            return value
        others = {key: item for key, item in value.items() if key != name}
        if not rest:
            return others
        inner = without(value[name], rest, name)
        return others if inner in ({}, []) and value[name] not in ({}, []) else {**value, name: inner}
    if (
        isinstance(value, list)
        and (elements := list_elements(value, field, keyed=True))
        and element in elements
    ):
        if rest:
            elements[element] = without(elements[element], rest)
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
    for element, below in tree.items():
        if element == ".":
            found.add(prefix)
        elif below:
            found |= from_fields_v1(below, prefix=(*prefix, element))
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
