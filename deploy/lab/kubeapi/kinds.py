"""What the endpoint serves: one row per kind, Kubernetes' own names. Istio's kinds come from their CRDs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
"""One JSON object as clients send it. ``Any`` is honest: most fields are stored without being understood."""


@dataclass(frozen=True, slots=True)
class Column:
    """One printer column: ``path`` is dotted, as in a CRD's additionalPrinterColumns, and so is ``type``.

    Two types are ours: a ``count`` is 0 where there is none, a ``ratio`` two counts, parted by ``/``.
    """

    name: str
    type: str
    path: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object. ``versions`` are the served ones, preferred first; the first is the stored one.

    ``generation`` counts changes of everything but metadata and status. ``custom`` kinds have the rules of
    CRDs: no strategic merge patch, and a replace must name the resourceVersion. ``schemas`` maps a version to
    its structural schema. ``virtual`` kinds are answered and never stored; a delete of
    those with ``returns_deleted`` answers with the object, others with a Status.
    """

    group: str
    versions: tuple[str, ...]
    name: str
    plural: str
    short: tuple[str, ...] = ()
    namespaced: bool = True
    status: bool = False
    generation: bool = False
    custom: bool = False
    virtual: bool = False
    returns_deleted: bool = False
    categories: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    schemas: Mapping[str, Json] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Return ``plural.group`` (``plural`` for the core group), the name used in messages and on disk."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def api_version(self, version: str) -> str:
        """Return the ``apiVersion`` of objects served at a version."""
        return f"{self.group}/{version}" if self.group else version


class Catalogue:
    """Finds kinds by what a path or an ownership record names."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self.kinds = tuple(kinds)
        self._by_key = {kind.key: kind for kind in self.kinds}
        self._by_path = {(k.group, version, k.plural): k for k in self.kinds for version in k.versions}

    def __getitem__(self, key: str) -> Kind:
        return self._by_key[key]

    def __contains__(self, key: str) -> bool:
        return key in self._by_key

    def at(self, group: str, version: str, plural: str) -> Kind | None:
        """Return the kind served at a path, or None."""
        return self._by_path.get((group, version, plural))

    def versions(self, group: str) -> list[str]:
        """Return the served versions of a group, most preferred first."""
        return list(dict.fromkeys(version for k in self.kinds if k.group == group for version in k.versions))

    def groups(self) -> list[str]:
        """Return the named groups in the order of the catalogue; the core group is not among them."""
        return list(dict.fromkeys(kind.group for kind in self.kinds if kind.group))

    def served(self, group: str, version: str) -> list[Kind]:
        """Return the kinds served in one group and version."""
        return [kind for kind in self.kinds if kind.group == group and version in kind.versions]
