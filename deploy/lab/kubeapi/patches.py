"""The patch types that are functions of two documents: JSON merge, JSON patch, strategic merge."""

from __future__ import annotations

import copy
from typing import Any

import jsonpatch

from deploy.lab.kubeapi.failures import ApiFailure, bad_request
from deploy.lab.kubeapi.kinds import Json

MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "volumes": "name",
    "env": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
    "conditions": "type",
    "ownerReferences": "uid",
    "topologySpreadConstraints": "topologyKey",
    "secrets": "name",
}
"""Built-in lists that are maps by a field of their items (Kubernetes' ``patchMergeKey``)."""

UNORDERED_SETS = frozenset({"finalizers"})


def merge_key(field: str, items: list[Any]) -> str | None:
    """Return the field by which a built-in list is a map, or None for a list that is replaced whole."""
    if field == "ports":
        return (
            "containerPort"
            if any("containerPort" in item for item in items if isinstance(item, dict))
            else "port"
        )
    return MERGE_KEYS.get(field)


def merge(target: Any, patch: Any) -> Any:
    """Return ``target`` changed by a JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def json_patch(target: Json, operations: Any) -> Json:
    """Return ``target`` changed by a JSON patch (RFC 6902). A failed ``test`` is 422, as on the server."""
    if not isinstance(operations, list):
        raise bad_request("error decoding patch: json: a JSON patch is a list of operations")
    try:
        patched = jsonpatch.apply_patch(copy.deepcopy(target), operations)
    except (jsonpatch.InvalidJsonPatch, TypeError, KeyError) as error:
        raise bad_request(f"error decoding patch: {error}") from error
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
        raise ApiFailure(
            422, "Invalid", f"the server rejected our request due to an error in our request: {error}"
        ) from error
    if not isinstance(patched, dict):
        raise bad_request("the patch does not leave an object")
    return patched


def strategic_merge(target: Any, patch: Any, *, field: str = "") -> Any:
    """Return ``target`` changed by a strategic merge patch: a merge patch whose keyed lists merge by key."""
    if isinstance(patch, list):
        return _strategic_list(target if isinstance(target, list) else [], patch, field)
    if not isinstance(patch, dict):
        return patch
    directive = patch.get("$patch")
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    merged = dict(target) if isinstance(target, dict) else {}
    retained = patch.get("$retainKeys")
    if isinstance(retained, list):
        merged = {key: value for key, value in merged.items() if key in retained}
    for key, value in patch.items():
        if key.startswith("$deleteFromPrimitiveList/"):
            name = key.split("/", 1)[1]
            merged[name] = [item for item in merged.get(name, []) if item not in value]
        elif key.startswith("$"):
            continue
        elif value is None or (isinstance(value, dict) and value.get("$patch") == "delete"):
            merged.pop(key, None)
        else:
            merged[key] = strategic_merge(merged.get(key), value, field=key)
    return merged


def _strategic_list(target: list[Any], patch: list[Any], field: str) -> list[Any]:
    if field in UNORDERED_SETS:
        return [*target, *(item for item in patch if item not in target)]
    key = merge_key(field, [*target, *patch])
    items = [item for item in patch if not _is_directive(item)]
    if key is None or any(_directive(item) == "replace" for item in patch):
        return [strategic_merge(None, item) for item in items]
    removed = {item.get(key) for item in patch if _directive(item) == "delete"}
    merged = [item for item in target if not (isinstance(item, dict) and item.get(key) in removed)]
    for item in items:
        if not isinstance(item, dict) or key not in item:
            raise bad_request(f"map: {item} does not contain declared merge key: {key}")
        place = next(
            (i for i, old in enumerate(merged) if isinstance(old, dict) and old.get(key) == item[key]), None
        )
        if place is None:
            merged.append(strategic_merge(None, item))
        else:
            merged[place] = strategic_merge(merged[place], item)
    return merged


def _directive(item: Any) -> str | None:
    return item.get("$patch") if isinstance(item, dict) else None


def _is_directive(item: Any) -> bool:
    return _directive(item) in {"delete", "replace"}
