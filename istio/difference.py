"""How documents differ, for people: a unified difference of two, and rows over three by JSON path.

Both leave out what is noise: status, the server's metadata, Weir's own annotations.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import yaml

from istio.documents import describe
from istio.marks import without_weir
from istio.mesh import Manifest
from istio.rollback import rollback_patch

__all__ = ["Author", "Row", "as_yaml", "rollback_patch", "three_way", "unified_difference"]

Author = Literal["mesh", "weir", "both"]
# A list item is known by the first of these that tells all items of the list apart, else by its position.
IDENTITIES = ("name", "destination")
# What a reader looks for first. The order must not come from the documents: jsonb does not keep it.
FIRST_KEYS = (
    *("apiVersion", "kind", "name", "namespace", "hosts", "gateways"),
    *("match", "route", "destination", "host", "subset", "port", "weight"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One place at which three documents are not all equal. A value is JSON; None is absent or null."""

    path: str
    baseline: object
    written: object
    live: object

    @property
    def changed_by(self) -> Author:
        """Who moved the value away from the one before it: Weir (baseline to written), the mesh, or both."""
        if self.live == self.written:
            return "weir"
        return "mesh" if self.written == self.baseline else "both"


def as_yaml(document: Manifest | None) -> str:
    """Return a document as YAML without noise, "" for None. Raises MalformedRoute."""
    if document is None:
        return ""
    ordered = _in_reading_order(without_weir(document))
    return yaml.dump(ordered, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120)


def unified_difference(
    before: Manifest | None,
    after: Manifest | None,
    *,
    was: str = "before",
    becomes: str = "after",
    context: int = 3,
) -> str:
    """Return the unified difference of two documents as YAML, "" if they are equal. Raises MalformedRoute.

    ``was`` and ``becomes`` say in the two headers what each document is, as in ``VirtualService shop/product (live)``.
    ``context`` is the number of unchanged lines round each change.
    """
    name = next((describe(document) for document in (after, before) if document is not None), "")
    lines = difflib.unified_diff(
        as_yaml(before).splitlines(),
        as_yaml(after).splitlines(),
        fromfile=f"{name} ({was})",
        tofile=f"{name} ({becomes})",
        n=context,
        lineterm="",
    )
    return "\n".join(lines)


def three_way(baseline: Manifest, written: Manifest, live: Manifest) -> list[Row]:
    """Return every place at which baseline, last written and live object differ, ordered by path.

    List items are matched by name or destination where these tell them apart: an inserted route is one
    change, not a change of all that follow. Raises MalformedRoute.
    """
    ours, before, theirs = (dict(_leaves(without_weir(document))) for document in (written, baseline, live))
    paths = sorted({*ours, *before, *theirs})
    rows = [Row(path, before.get(path), ours.get(path), theirs.get(path)) for path in paths]
    return [row for row in rows if not row.baseline == row.written == row.live]


def _in_reading_order(value: object) -> object:
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (_rank(key), str(key)))
        return {key: _in_reading_order(value[key]) for key in keys}
    return [_in_reading_order(item) for item in value] if isinstance(value, list) else value


def _rank(key: str) -> int:
    return FIRST_KEYS.index(key) if key in FIRST_KEYS else len(FIRST_KEYS)


def _leaves(value: object, *, path: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, path=f"{path}/{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for key, item in zip(_item_keys(value), value, strict=True):
            yield from _leaves(item, path=f"{path}[{key}]")
    else:
        yield path, value


def _item_keys(items: list[object]) -> list[str]:
    for identity in IDENTITIES:
        keys = [_text_of(item.get(identity)) if isinstance(item, dict) else "" for item in items]
        if all(keys) and len(set(keys)) == len(keys):
            return keys
    return [str(index) for index in range(len(items))]


def _text_of(value: object) -> str:
    if isinstance(value, dict):
        known = (value.get("host"), value.get("subset"))
        return " ".join(str(part) for part in known if part)
    return value if isinstance(value, str) else ""


class _Plain(yaml.SafeDumper):
    """Writes repeated objects out instead of pointing at the first one."""

    def ignore_aliases(self, data: object) -> bool:
        return True
