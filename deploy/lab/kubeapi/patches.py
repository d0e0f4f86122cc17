"""The patch types that are functions of two documents: JSON merge, JSON patch, strategic merge."""

from __future__ import annotations

import copy
from typing import Any

import jsonpatch

from deploy.lab.kubeapi.failures import ApiFailure, bad_request
from deploy.lab.kubeapi.fields import below
from deploy.lab.kubeapi.kinds import Json


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


def json_patch(target: Json, operations: Any) -> Any:
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
    return patched


def strategic_merge(target: Any, patch: Any, schema: Json) -> Any:
    """Return ``target`` changed by a strategic merge patch: a merge patch whose keyed lists merge by key."""
    if isinstance(patch, list):
        return _strategic_list(target if isinstance(target, list) else [], patch, schema)
    if not isinstance(patch, dict):
        return patch
    if patch.get("$patch") == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    merged = dict(target) if isinstance(target, dict) else {}
    if isinstance(retained := patch.get("$retainKeys"), list):
        merged = {key: value for key, value in merged.items() if key in retained}
    for key, value in patch.items():
        if key.startswith("$deleteFromPrimitiveList/"):
            name = key.split("/", 1)[1]
            merged[name] = [item for item in merged.get(name, []) if item not in value]
        elif key.startswith("$"):
            continue
        elif value is None or _directive(value) == "delete":
            merged.pop(key, None)
        else:
            merged[key] = strategic_merge(merged.get(key), value, below(schema, key))
    return merged


def _strategic_list(target: list[Any], patch: list[Any], schema: Json) -> list[Any]:
    items, below_it = [item for item in patch if not _directive(item)], schema.get("items", {})
    whole = any(_directive(item) == "replace" for item in patch)
    if "merge" not in schema.get("x-kubernetes-patch-strategy", "") or whole:
        return [strategic_merge(None, item, below_it) for item in items]
    key = schema.get("x-kubernetes-patch-merge-key")
    if key is None:
        return [*target, *(item for item in items if item not in target)]
    removed = {item.get(key) for item in patch if _directive(item) == "delete"}
    merged = [item for item in target if isinstance(item, dict) and item.get(key) not in removed]
    for item in items:
        if not isinstance(item, dict) or key not in item:
            raise bad_request(f"map: {item} does not contain declared merge key: {key}")
        place = next((i for i, old in enumerate(merged) if old.get(key) == item[key]), None)
        if place is None:
            merged.append(strategic_merge(None, item, below_it))
        else:
            merged[place] = strategic_merge(merged[place], item, below_it)
    return merged


def _directive(item: Any) -> str | None:
    """Return what ``$patch`` says of an item or field, if anything."""
    return item.get("$patch") if isinstance(item, dict) else None
