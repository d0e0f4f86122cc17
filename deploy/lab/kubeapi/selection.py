"""Label and field selectors as the list and watch parameters carry them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from deploy.lab.kubeapi.failures import bad_request
from deploy.lab.kubeapi.kinds import Json

Selects = Callable[[Json], bool]

_SET = re.compile(r"^(?P<key>\S+)\s+(?P<op>in|notin)\s*\((?P<values>[^)]*)\)$")
_EQUAL = re.compile(r"^(?P<key>[^=!\s]+)\s*(?P<op>==|=|!=)\s*(?P<value>[^=!\s]*)$")
_EXISTS = re.compile(r"^(?P<not>!?)\s*(?P<key>[^=!\s]+)$")
_COMMA = re.compile(r",(?![^(]*\))")


def selector(labels: str, fields: str) -> Selects:
    """Return a test for objects. Empty strings select everything. Raises ApiFailure 400 on a bad selector."""
    tests = [_label_test(part.strip()) for part in _COMMA.split(labels) if part.strip()]
    tests += [_field_test(part.strip()) for part in fields.split(",") if part.strip()]
    return lambda obj: all(test(obj) for test in tests)


def _labels(obj: Json) -> dict[str, str]:
    return obj["metadata"].get("labels") or {}


def _label_test(part: str) -> Selects:
    if found := _SET.match(part):
        values = {value.strip() for value in found["values"].split(",")}
        wanted, key = found["op"] == "in", found["key"]
        # "notin" also selects objects without the label, as Kubernetes has it.
        return lambda obj: (_labels(obj).get(key) in values) == wanted
    if found := _EQUAL.match(part):
        key, value, same = found["key"], found["value"], found["op"] != "!="
        return lambda obj: (_labels(obj).get(key) == value) == same
    if found := _EXISTS.match(part):
        key, present = found["key"], not found["not"]
        return lambda obj: (key in _labels(obj)) == present
    raise bad_request(f"unable to parse requirement: {part!r}")


def _field_test(part: str) -> Selects:
    found = _EQUAL.match(part)
    if not found:
        raise bad_request(f"invalid field selector: {part!r}")
    path, value, same = found["key"].split("."), found["value"], found["op"] != "!="
    return lambda obj: (_at(obj, path) == value) == same


def _at(obj: Json, path: list[str]) -> str:
    here: Any = obj
    for step in path:
        here = here.get(step) if isinstance(here, dict) else None
    return "" if here is None else str(here)
