"""Structural schemas: what is pruned, what is refused, in the words of the real server.

Source of behaviour: Kubernetes' apiextensions-apiserver (pruning, kube-openapi validation, CEL after it).
Not done: defaults (Istio's CRDs have none), duplicate keys as strict errors, and ratcheting, by which an
update may keep an unchanged value that a newer schema refuses.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from deploy.lab.kubeapi.failures import Cause, bad_request, invalid
from deploy.lab.kubeapi.fields import whole
from deploy.lab.kubeapi.kinds import Json, Kind
from deploy.lab.kubeapi.rules import broken

TYPE_INVALID, REQUIRED = "FieldValueTypeInvalid", "FieldValueRequired"
_INT32 = 2**31
_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "number": (int, float),
    "integer": int,
}


def checked(
    kind: Kind, version: str, obj: Json, *, validation: str, complete: bool = True
) -> tuple[Json, list[str]]:
    """Return the object without unknown fields, and warnings that name them.

    ``validation`` Strict refuses unknown fields (400), Warn warns, Ignore is silent. Unless ``complete`` is
    false (an apply patch is only a part) the rest must fit the schema. Raises ApiFailure 400 or 422.
    """
    schema = whole(kind, version)
    unknown: list[str] = []
    pruned = _pruned(obj, schema, "", unknown)
    who = f'{kind.name} in version "{version}" cannot be handled as a {kind.name}'
    if unknown and validation == "Strict":
        found = ", ".join(f'unknown field "{path}"' for path in unknown)
        raise bad_request(f"{who}: strict decoding error: {found}")
    causes = list(_errors(pruned, schema, ""))
    mistyped = [cause for cause in causes if cause.reason == TYPE_INVALID and _is_decoded(kind, cause)]
    if mistyped:
        raise bad_request(f"{who}: {'; '.join(cause.message for cause in mistyped)}")
    if complete:
        causes = causes or list(_broken_rules(pruned, schema, ""))
    else:
        causes = [cause for cause in causes if cause.reason != REQUIRED]
    if causes:
        raise invalid(kind, obj["metadata"].get("name") or "", causes)
    warnings = [f'unknown field "{path}"' for path in unknown] if validation == "Warn" else []
    return pruned, warnings


def _is_decoded(kind: Kind, cause: Cause) -> bool:
    """Say whether the server decodes this field into a type of its own before it looks at schemas."""
    return not kind.custom or cause.field.startswith("metadata")


def _pruned(value: Any, schema: Json, path: str, unknown: list[str]) -> Any:
    if isinstance(value, list):
        items = schema.get("items", {})
        return [_pruned(item, items, f"{path}[{place}]", unknown) for place, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    known, rest = schema.get("properties", {}), schema.get("additionalProperties")
    kept = {}
    for name, item in value.items():
        below = _join(path, name)
        if name in known:
            kept[name] = _pruned(item, known[name], below, unknown)
        elif isinstance(rest, dict):
            kept[name] = _pruned(item, rest, below, unknown)
        elif rest or schema.get("x-kubernetes-preserve-unknown-fields"):
            kept[name] = item
        else:
            unknown.append(below)
    return kept


def _errors(value: Any, schema: Json, path: str) -> Iterator[Cause]:
    """Yield what breaks the schema, below the first wrong type no further."""
    if value is None and schema.get("nullable"):
        return
    wrong = _wrong_type(value, schema, path)
    if wrong is not None:
        yield wrong
        return
    if isinstance(value, dict):
        yield from _object_errors(value, schema, path)
    elif isinstance(value, list):
        yield from _array_errors(value, schema, path)
    else:
        yield from _scalar_errors(value, schema, path)
    yield from _combined_errors(value, schema, path)


def _wrong_type(value: Any, schema: Json, path: str) -> Cause | None:
    if schema.get("x-kubernetes-int-or-string"):
        fits, wanted = isinstance(value, int | str) and not isinstance(value, bool), "integer or string"
    elif "type" in schema:
        wanted = schema["type"]
        fits = isinstance(value, _TYPES[wanted]) and (wanted == "boolean" or not isinstance(value, bool))
        fits = fits or (wanted == "integer" and isinstance(value, float) and value.is_integer())
    else:
        return None
    if fits:
        return None
    name = _type_name(value)
    text = f'Invalid value: "{name}": {path} in body must be of type {wanted}: "{name}"'
    return Cause(TYPE_INVALID, text, path)


def _object_errors(value: Json, schema: Json, path: str) -> Iterator[Cause]:
    for name in schema.get("required", ()):
        if name not in value:
            yield Cause(REQUIRED, "Required value", _join(path, name))
    most = schema.get("maxProperties")
    if most is not None and len(value) > most:
        yield Cause("FieldValueTooMany", f"Too many: {len(value)}: must have at most {most} items", path)
    known, rest = schema.get("properties", {}), schema.get("additionalProperties")
    for name, item in value.items():
        if name in known:
            yield from _errors(item, known[name], _join(path, name))
        elif isinstance(rest, dict):
            yield from _errors(item, rest, _join(path, name))


def _array_errors(value: list[Any], schema: Json, path: str) -> Iterator[Cause]:
    most, least = schema.get("maxItems"), schema.get("minItems", 0)
    if most is not None and len(value) > most:
        yield Cause("FieldValueTooMany", f"Too many: {len(value)}: must have at most {most} items", path)
    if len(value) < least:
        text = f"Invalid value: {len(value)}: {path} in body should have at least {least} items"
        yield Cause("FieldValueInvalid", text, path)
    for place, item in enumerate(value):
        yield from _errors(item, schema.get("items", {}), f"{path}[{place}]")


def _scalar_errors(value: Any, schema: Json, path: str) -> Iterator[Cause]:
    if "enum" in schema and value not in schema["enum"]:
        choices = ", ".join(f'"{choice}"' for choice in schema["enum"])
        yield Cause(
            "FieldValueNotSupported", f'Unsupported value: "{value}": supported values: {choices}', path
        )
    shown = f'"{value}"' if isinstance(value, str) else value
    for word, why in _limits(value, schema):
        yield Cause(word, f"Invalid value: {shown}: {path} in body {why}", path)


def _limits(value: Any, schema: Json) -> Iterator[tuple[str, str]]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if "minimum" in schema and value < schema["minimum"]:
            yield "FieldValueInvalid", f"should be greater than or equal to {schema['minimum']}"
        if "maximum" in schema and value > schema["maximum"]:
            yield "FieldValueInvalid", f"should be less than or equal to {schema['maximum']}"
        if schema.get("format") == "int32" and not -_INT32 <= value < _INT32:
            yield "FieldValueInvalid", "must be of type integer with format int32"
    if isinstance(value, str):
        if "maxLength" in schema and len(value) > schema["maxLength"]:
            yield "FieldValueTooLong", f"should be at most {schema['maxLength']} chars long"
        if "minLength" in schema and len(value) < schema["minLength"]:
            yield "FieldValueInvalid", f"should be at least {schema['minLength']} chars long"
        if "pattern" in schema and not re.search(schema["pattern"], value):
            yield "FieldValueInvalid", f"should match '{schema['pattern']}'"
        if not _has_format(value, schema.get("format", "")):
            yield "FieldValueInvalid", f"must be of type {schema['format']}"


def _has_format(text: str, name: str) -> bool:
    try:
        if name == "date-time":
            datetime.fromisoformat(text)
        elif name == "byte":
            base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return False
    return True


def _combined_errors(value: Any, schema: Json, path: str) -> Iterator[Cause]:
    """Check oneOf, anyOf, allOf and not. In a structural schema they judge values and never keep fields."""
    if "oneOf" in schema:
        hits = sum(_fits(value, option) for option in schema["oneOf"])
        if hits != 1:
            found = "Found none valid" if not hits else f"Found {hits} valid alternatives"
            text = f'"{path}" must validate one and only one schema (oneOf). {found}'
            yield Cause("FieldValueInvalid", f"Invalid value: {text}", path)
    if "anyOf" in schema and not any(_fits(value, option) for option in schema["anyOf"]):
        text = f'Invalid value: "{path}" must validate at least one schema (anyOf)'
        yield Cause("FieldValueInvalid", text, path)
    for option in schema.get("allOf", ()):
        yield from _errors(value, option, path)
    if "not" in schema and _fits(value, schema["not"]):
        yield Cause("FieldValueInvalid", f'Invalid value: "{path}" must not validate the schema (not)', path)


def _fits(value: Any, schema: Json) -> bool:
    return next(_errors(value, schema, ""), None) is None


def _broken_rules(value: Any, schema: Json, path: str) -> Iterator[Cause]:
    """Yield the CEL rules that do not hold; the server asks them only about values that fit the schema."""
    if value is None:
        return
    for message in broken(schema, value):
        yield Cause("FieldValueInvalid", f'Invalid value: "{_type_name(value)}": {message}', path)
    if isinstance(value, list):
        for place, item in enumerate(value):
            yield from _broken_rules(item, schema.get("items", {}), f"{path}[{place}]")
    elif isinstance(value, dict):
        known, rest = schema.get("properties", {}), schema.get("additionalProperties")
        for name, item in value.items():
            below = known.get(name, rest)
            if isinstance(below, dict):
                yield from _broken_rules(item, below, _join(path, name))


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _type_name(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    return next(
        (name for name, kinds in _TYPES.items() if name != "number" and isinstance(value, kinds)), "number"
    )
