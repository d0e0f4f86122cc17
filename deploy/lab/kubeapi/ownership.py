"""Server-side apply: who owns which field, and what happens when two managers want the same one.

Follows sigs.k8s.io/structured-merge-diff (merge/update.go) on the field sets of ``fields``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from deploy.lab.kubeapi.failures import Cause, ownership_conflict
from deploy.lab.kubeapi.fields import (
    Path,
    as_fields_v1,
    combine,
    from_fields_v1,
    leaves,
    spelled,
    top,
    without,
)
from deploy.lab.kubeapi.kinds import Json, Kind

APPLY, UPDATE = "Apply", "Update"
KUBECTL = "kubectl"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes: the field manager, by which operation, apiVersion and subresource, when (RFC 3339)."""

    manager: str
    operation: str
    api_version: str
    subresource: str
    time: str

    @property
    def version(self) -> str:
        """Return the version without its group."""
        return self.api_version.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Ownership:
    """One entry of ``managedFields``."""

    writer: Writer
    paths: frozenset[Path]

    @classmethod
    def read(cls, raw: Json) -> Ownership:
        """Return the entry that a client or the disk brings."""
        writer = Writer(
            manager=raw.get("manager", ""),
            operation=raw.get("operation", UPDATE),
            api_version=raw.get("apiVersion", ""),
            subresource=raw.get("subresource", ""),
            time=raw.get("time", ""),
        )
        return cls(writer, frozenset(from_fields_v1(raw.get("fieldsV1") or {})))

    def as_json(self) -> Json:
        """Return the entry as it stands in the object."""
        entry: Json = {
            "manager": self.writer.manager,
            "operation": self.writer.operation,
            "apiVersion": self.writer.api_version,
            "time": self.writer.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": as_fields_v1(self.paths),
        }
        return {**entry, "subresource": self.writer.subresource} if self.writer.subresource else entry

    def belongs_to(self, writer: Writer) -> bool:
        """Say whether this is the writer's own entry; time and, for applies, version do not matter."""
        mine, other = self.writer, writer
        same = (mine.manager, mine.operation, mine.subresource) == (
            other.manager,
            other.operation,
            other.subresource,
        )
        return same and (mine.operation == APPLY or mine.api_version == other.api_version)

    def less(self, paths: set[Path]) -> Ownership:
        """Return the entry without some paths."""
        return replace(self, paths=self.paths - paths) if self.paths & paths else self


def owners(obj: Json | None) -> list[Ownership]:
    """Return the entries of an object."""
    entries = (obj or {}).get("metadata", {}).get("managedFields") or []
    return [Ownership.read(entry) for entry in entries if entry]


def after_update(
    kind: Kind, *, before: Json | None, after: Json, held: Sequence[Ownership], writer: Writer
) -> list[Json]:
    """Return ``managedFields`` after a plain write: what changed belongs to the writer and to nobody else."""
    old = leaves(kind, writer.version, before, subresource=writer.subresource) if before else {}
    new = leaves(kind, writer.version, after, subresource=writer.subresource)
    changed = {path for path, value in new.items() if path not in old or old[path] != value}
    gone = {path for path in old if path not in new}
    others = [entry if entry.belongs_to(writer) else entry.less(changed | gone) for entry in held]
    mine = next((entry for entry in others if entry.belongs_to(writer)), None)
    paths = ((mine.paths if mine else frozenset()) - gone) | changed
    if mine is None:
        return _as_json([*others, Ownership(writer, paths)])
    return _as_json(
        [Ownership(writer, paths) if entry is mine and paths != mine.paths else entry for entry in others]
    )


def apply(kind: Kind, *, live: Json | None, applied: Json, writer: Writer, force: bool) -> Json:
    """Return the object after a server-side apply, ``managedFields`` included. Raises ApiFailure 409."""
    held = owners(live)
    wanted = leaves(kind, writer.version, applied, subresource=writer.subresource)
    mine = next((entry for entry in held if entry.belongs_to(writer)), None)
    others = [entry for entry in held if entry is not mine]
    lost = _contested(kind, live, wanted, others, writer)
    contested = {path for _, paths in lost for path in paths}
    if contested and not force and not contested <= _client_side_applied(kind, live, writer):
        causes = [_cause(owner, path) for owner, paths in lost for path in sorted(paths)]
        raise ownership_conflict(kind, applied["metadata"]["name"], causes)
    held = [entry if entry is mine else entry.less(contested) for entry in held]
    merged = _combined(kind, writer.version, live, applied)
    still = set(wanted).union(*(entry.paths for entry in held if entry is not mine))
    # Shorter paths first: an item of a keyed list goes whole, before its key could go and hide it.
    for path in sorted((mine.paths if mine else frozenset()) - still, key=len):
        merged = _removed(kind, writer.version, merged, path)
    entry = Ownership(writer, frozenset(wanted))
    if mine is None:
        held.append(entry)
    elif mine.paths != entry.paths:
        held[held.index(mine)] = entry
    metadata = {**merged["metadata"], "managedFields": _as_json(held)}
    return {**merged, "metadata": metadata}


def _client_side_applied(kind: Kind, live: Json | None, writer: Writer) -> set[Path]:
    """Return the fields that kubectl may take without force: those it applied itself before, on its own side.

    As the server's ``lastAppliedManager`` has it, so that ``kubectl apply --server-side`` can follow upon
    ``kubectl apply``; a field that somebody changed since is not among them.
    """
    annotations = (live or {}).get("metadata", {}).get("annotations") or {}
    if live is None or writer.manager != KUBECTL or LAST_APPLIED not in annotations:
        return set()
    values = leaves(kind, writer.version, live)
    try:
        applied = leaves(kind, writer.version, json.loads(annotations[LAST_APPLIED]))
    except (ValueError, AttributeError):
        return set()
    return {path for path, value in applied.items() if path in values and values[path] == value}


def _contested(
    kind: Kind, live: Json | None, wanted: dict[Path, Any], others: Sequence[Ownership], writer: Writer
) -> list[tuple[Writer, set[Path]]]:
    """Return the paths of others that the applied object would change, by their owner."""
    if live is None:
        return []
    values = leaves(kind, writer.version, live, subresource=writer.subresource)
    differing = {path for path, value in wanted.items() if path not in values or values[path] != value}
    taken = []
    for entry in others:
        paths = {path for path in entry.paths if any(_overlap(path, own) for own in differing)}
        if paths:
            taken.append((entry.writer, paths))
    return taken


def _overlap(one: Path, other: Path) -> bool:
    shared = min(len(one), len(other))
    # An item of a keyed list is owned beside its fields; setting a field does not take the item.
    if len(one) != len(other) and (one if len(one) < len(other) else other)[-1].startswith("k:"):
        return False
    return one[:shared] == other[:shared]


def _combined(kind: Kind, version: str, live: Json | None, applied: Json) -> Json:
    if live is None:
        return applied
    merged = dict(live)
    for name, value in applied.items():
        merged[name] = combine(live[name], value, top(kind, version, name)) if name in live else value
    return merged


def _removed(kind: Kind, version: str, obj: Json, path: Path) -> Json:
    """Return the object without one field; the first element names a top-level field."""
    name = path[0].removeprefix("f:")
    if name not in obj or path == ("f:metadata",):
        return obj
    if len(path) == 1:
        return {key: value for key, value in obj.items() if key != name}
    return {**obj, name: without(obj[name], path[1:], top(kind, version, name))}


def _cause(owner: Writer, path: Path) -> Cause:
    through = f' with subresource "{owner.subresource}"' if owner.subresource else ""
    using = f" using {owner.api_version} at {owner.time}" if owner.operation == UPDATE else ""
    return Cause("FieldManagerConflict", f'conflict with "{owner.manager}"{through}{using}', spelled(path))


def _as_json(entries: Sequence[Ownership]) -> list[Json]:
    return [entry.as_json() for entry in entries if entry.paths]
