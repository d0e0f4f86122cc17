"""What one request is about, how it wants to be carried out, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from deploy.lab.kubeapi.kinds import Json, Kind


@dataclass(frozen=True, slots=True)
class Target:
    """What a path names. ``name`` is empty for collections, ``subresource`` is empty or ``status``."""

    kind: Kind
    version: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """The query parameters of a write. ``validation`` is Strict, Warn (the default) or Ignore."""

    manager: str = "unknown"
    dry_run: bool = False
    force: bool = False
    validation: str = "Warn"


@dataclass(slots=True)
class Outcome:
    """What a write did: the answer, 200 or 201, warnings for the client, resourceVersions for the log."""

    object: Json
    status: int = 200
    before: str | None = None
    after: str | None = None
    warnings: list[str] = field(default_factory=list)


def served(kind: Kind, version: str, obj: Json) -> Json:
    """Return the object at the apiVersion that was asked for; Istio's versions differ in nothing else."""
    return {**obj, "apiVersion": kind.api_version(version), "kind": kind.name}


def as_stored(kind: Kind, obj: Json) -> Json:
    """Return the object at the version in which it is kept."""
    return {**obj, "apiVersion": kind.api_version(kind.versions[0])}
