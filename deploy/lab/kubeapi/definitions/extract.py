"""Make the data file: ``python -m deploy.lab.kubeapi.definitions.extract FILE``.

FILE holds Kubernetes' OpenAPI definitions: a release's ``api/openapi-spec/swagger.json`` or the
``_definitions.json`` that JSON-schema packages derive from it. Kept is what the kinds of ``builtin`` reach;
descriptions are cut to their first sentence.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deploy.lab.kubeapi.builtin import BUILT_IN
from deploy.lab.kubeapi.definitions import FILE, REFERENCE, references

INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
_SENTENCE = re.compile(r"^(.{1,300}?[.!?])(\s|$)", re.DOTALL)
_DROPPED = frozenset({"$schema", "nullable"})


def main() -> None:
    """Read the definitions, write the data file."""
    parser = argparse.ArgumentParser(prog="python -m deploy.lab.kubeapi.definitions.extract")
    parser.add_argument("file", type=Path)
    raw = json.loads(parser.parse_args().file.read_text(encoding="utf-8"))
    kept = reachable(raw.get("definitions") or raw["$defs"])
    # One definition a line: a newer release shows in a diff what it changed.
    lines = (
        f"{json.dumps(name)}:{json.dumps(kept[name], separators=(',', ':'), sort_keys=True)}"
        for name in sorted(kept)
    )
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def reachable(all_definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Return the definitions that the built-in kinds need, in our form."""
    wanted = {(kind.group, version, kind.name) for kind in BUILT_IN for version in kind.versions}
    waiting = [
        name
        for name, definition in all_definitions.items()
        for identity in definition.get("x-kubernetes-group-version-kind", ())
        if (identity["group"], identity["version"], identity["kind"]) in wanted
    ]
    kept: dict[str, Any] = {}
    while waiting:
        name = waiting.pop()
        if name not in kept:
            kept[name] = _ours(all_definitions[name])
            waiting.extend(references(kept[name]))
    kept[INT_OR_STRING] = {"x-kubernetes-int-or-string": True}
    return kept


def _ours(schema: Any) -> Any:
    """Return a schema node in OpenAPI v3 form: plain types, references to components, short descriptions."""
    found = {key: value for key, value in schema.items() if key not in _DROPPED}
    if isinstance(found.get("type"), list):
        found["type"] = next(kind for kind in found["type"] if kind != "null")
    if isinstance(found.get("$ref"), str):
        found["$ref"] = REFERENCE + found["$ref"].rsplit("/", 1)[1]
    if isinstance(found.get("description"), str):
        sentence = _SENTENCE.match(found["description"])
        found["description"] = sentence[1] if sentence else found["description"][:300]
    for word in ("items", "additionalProperties"):
        if isinstance(found.get(word), dict):
            found[word] = _ours(found[word])
    if "oneOf" in found:
        found["oneOf"] = [_ours(option) for option in found["oneOf"]]
    properties = found.get("properties", {})
    if properties:
        found["properties"] = {name: _ours(below) for name, below in properties.items()}
    return found


if __name__ == "__main__":
    main()
