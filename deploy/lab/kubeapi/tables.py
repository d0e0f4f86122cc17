"""Answers as ``meta.k8s.io/v1 Table``: what ``kubectl get`` prints."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from deploy.lab.kubeapi.kinds import Column, Json, Kind

ASKED = re.compile(r"application/json\s*;[^,]*as=Table")

_NAME = {
    "name": "Name",
    "type": "string",
    "format": "name",
    "description": "Name must be unique within a namespace.",
    "priority": 0,
}
_DEFAULT = (Column("Age", "date", ".metadata.creationTimestamp"),)


def table(
    kind: Kind, objects: Sequence[Json], *, revision: str, whole: bool = False, headed: bool = True
) -> Json:
    """Return objects as rows. ``whole`` puts the full objects into the rows instead of their metadata.

    Only the first table of a watch is ``headed``, as on the server.
    """
    columns = kind.columns or _DEFAULT
    definitions = [_NAME, *(_definition(column) for column in columns)]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": revision},
        "columnDefinitions": definitions if headed else None,
        "rows": [_row(columns, obj, whole=whole) for obj in objects],
    }


def _definition(column: Column) -> Json:
    kind = {"date": "string", "ratio": "string", "count": "integer"}.get(column.type, column.type)
    return {"name": column.name, "type": kind, "format": "", "description": column.path, "priority": 0}


def _row(columns: Sequence[Column], obj: Json, *, whole: bool) -> Json:
    partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}
    cells = [obj["metadata"]["name"], *(_cell(column, obj) for column in columns)]
    return {"cells": cells, "object": obj if whole else partial}


def _cell(column: Column, obj: Json) -> Any:
    if column.type == "ratio":
        return "/".join(str(_number(obj, path)) for path in column.path.split("/"))
    if column.type == "count":
        return _number(obj, column.path)
    found = _find(obj, column.path.strip(".").replace("[*]", ".*").split("."))
    if not found or found[0] is None:
        return "<none>" if column.type != "date" else "<unknown>"
    if column.type == "date":
        return age(str(found[0]))
    if column.path.endswith("[*]") or "[*]" in column.path:
        return ",".join(map(str, found))
    value = found[0]
    return json.dumps(value, separators=(",", ":")) if isinstance(value, list | dict) else value


def _number(obj: Json, path: str) -> int:
    """Return a number, 0 where nothing was reported yet."""
    found = _find(obj, path.strip(".").split("."))
    return found[0] if found and isinstance(found[0], int) else 0


def _find(value: Any, path: Sequence[str]) -> list[Any]:
    if not path:
        return [value]
    if path[0] == "*":
        return [hit for item in value or [] for hit in _find(item, path[1:])]
    return _find(value.get(path[0]), path[1:]) if isinstance(value, dict) else []


def age(stamp: str) -> str:
    """Return how long ago a time was, as kubectl words it: 42s, 5m12s, 3h, 12d."""
    seconds = int((datetime.now(UTC) - datetime.fromisoformat(stamp)).total_seconds())
    if seconds < 120:
        return f"{max(seconds, 0)}s"
    minutes, rest = divmod(seconds, 60)
    if minutes < 10:
        return f"{minutes}m{rest}s" if rest else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    hours = minutes // 60
    return f"{hours}h" if hours < 48 else f"{hours // 24}d"
