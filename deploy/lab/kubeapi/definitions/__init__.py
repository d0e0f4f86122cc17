"""The schemas of the built-in kinds, vendored as data (README.md beside this file says whence).

They say which fields exist, of which type, which are required, and which lists are maps or sets: enough to
prune and refuse as the real server does, to merge lists by their keys, and to answer ``kubectl explain``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from deploy.lab.kubeapi.kinds import Json, Kind

FILE = Path(__file__).with_name("kubernetes-1.37.json")
OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
REFERENCE = "#/components/schemas/"

_HAS_CONTENT = frozenset(
    {"properties", "additionalProperties", "items", "oneOf", "x-kubernetes-int-or-string"}
)


@cache
def definitions() -> dict[str, Json]:
    """Return every definition by its name; they point at each other by ``$ref``."""
    found: dict[str, Json] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def name_of(group: str, version: str, kind: str) -> str | None:
    """Return the name of a kind's definition, or None if there is none."""
    return _names().get((group, version, kind))


@cache
def _names() -> dict[tuple[str, str, str], str]:
    return {
        (identity["group"], identity["version"], identity["kind"]): name
        for name, definition in definitions().items()
        for identity in definition.get("x-kubernetes-group-version-kind", ())
    }


def resolved(name: str) -> Json:
    """Return a definition with its references followed. Some contain themselves, and so does the result.

    Null counts as absent everywhere, as it does in the server's decoder.
    """
    if name not in _RESOLVED:
        node = _RESOLVED[name] = {}
        node.update(_followed(definitions()[name]))
    return _RESOLVED[name]


def closure(names: Iterable[str]) -> dict[str, Json]:
    """Return the named definitions and all that they refer to, by name."""
    found: dict[str, Json] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = definitions()[name]
            waiting.extend(references(found[name]))
    return found


def references(schema: Any) -> Iterator[str]:
    """Yield the names of the definitions that a schema refers to."""
    if isinstance(schema, dict):
        target = schema.get("$ref")
        if isinstance(target, str):
            yield target.removeprefix(REFERENCE)
        for inner in schema.values():
            yield from references(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from references(inner)


def described(kinds: Iterable[Kind]) -> list[Kind]:
    """Return built-in kinds with their schemas."""
    return [replace(kind, schemas=_schemas(kind)) for kind in kinds]


def _schemas(kind: Kind) -> dict[str, Json]:
    names = {version: name_of(kind.group, version, kind.name) for version in kind.versions}
    return {version: resolved(name) for version, name in names.items() if name is not None}


_RESOLVED: dict[str, Json] = {}


def _followed(schema: Json) -> Json:
    if "$ref" in schema:
        return resolved(schema["$ref"].removeprefix(REFERENCE))
    node: Json = {**schema, "nullable": True}
    if not _HAS_CONTENT & schema.keys() and schema.get("type", "object") == "object":
        node["x-kubernetes-preserve-unknown-fields"] = True
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), dict):
            node[word] = _followed(schema[word])
    if "properties" in schema:
        node["properties"] = {field: _field(below) for field, below in schema["properties"].items()}
    return node


def _field(schema: Json) -> Json:
    """Return a field's schema; what stands beside a reference (how its list merges) is kept."""
    target = _followed(schema)
    beside: dict[str, Any] = {key: value for key, value in schema.items() if key.startswith("x-kubernetes-")}
    return {**target, **beside} if "$ref" in schema and beside else target
