"""Istio's VirtualService and DestinationRule as values that keep every field nobody here knows.

Documents stay plain JSON (``Manifest``); these accessors read them without trusting them: whatever has the
wrong type is a MalformedRoute and never a crash. TrafficError and its subclasses say why a document cannot
be edited as asked; ``code`` is part of the contract::

    TrafficError
    ├── InvalidWeight, SameVersion, NoRoutes, MalformedRoute, RouteNotFound, DuplicateRouteName,
    ├── AmbiguousRoutes, NoMatchingRoute, NotWeightedRoute, StableDestinationNotFound,
    ├── DuplicateDestination, WeightOverflow, SubsetNotDefined     the thirteen of ``with_weights``
    ├── BadSpec         a TrafficSpec that cannot be read (also a ValueError)
    └── RuleConflict    a rule, sticky split, mirror or subset that this document cannot carry
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from istio.mesh import Manifest
from istio.sentence import Sentence

CLUSTER_DOMAIN = "cluster.local"
DEFAULT_NAMESPACE = "default"
WEIR_ANNOTATION = "weir.dev/"
SERVER_FIELDS = (
    "managedFields",
    "resourceVersion",
    "generation",
    "uid",
    "creationTimestamp",
    "selfLink",
)


class TrafficError(Exception):
    """A document cannot be edited as asked. ``str()`` is a sentence for the operator."""

    code: ClassVar[str] = "TrafficError"

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.code = cls.__name__


class InvalidWeight(TrafficError):
    """The weight asked for is not a whole number from 0 to 100."""


class SameVersion(TrafficError):
    """Stable and candidate are the same version."""


class NoRoutes(TrafficError):
    """The VirtualService has no route at all."""


class MalformedRoute(TrafficError):
    """The manifest is not what Istio's API allows at the place named."""


class RouteNotFound(TrafficError):
    """A route that was asked for by name, port or SNI hosts is not there."""


class DuplicateRouteName(TrafficError):
    """A route name stands for more than one route."""


class AmbiguousRoutes(TrafficError):
    """Several routes carry the stable version and nobody said which one is meant."""


class NoMatchingRoute(TrafficError):
    """No route carries the stable version."""


class NotWeightedRoute(TrafficError):
    """The route redirects, answers itself or delegates: it has no weights."""


class StableDestinationNotFound(TrafficError):
    """The route that was asked for does not carry the stable version."""


class DuplicateDestination(TrafficError):
    """One route names the same version twice."""


class WeightOverflow(TrafficError):
    """Other versions' shares leave no room for the weight asked for."""


class SubsetNotDefined(TrafficError):
    """No DestinationRule defines the candidate's subset for its host."""


class BadSpec(TrafficError, ValueError):
    """A TrafficSpec that cannot be read: a field is missing, unknown, or out of its range."""


class RuleConflict(TrafficError):
    """The document cannot carry what is asked without changing what its owner wrote."""


@dataclass(frozen=True, slots=True)
class Version:
    """What a destination means: the FQDN of its host, and its subset. The subset alone is no identity."""

    host: str
    subset: str | None

    def __str__(self) -> str:
        return f"{self.host} subset {self.subset}" if self.subset else self.host


def fqdn(host: str, *, namespace: str, domain: str = CLUSTER_DOMAIN) -> str:
    """Return the full name of a host as a document in ``namespace`` means it.

    Istio expands only hosts without a dot and takes others literally. ``name.namespace`` of the document's
    own namespace and ``name.namespace.svc`` are read as the service they were meant for: that only
    recognises, Weir never writes them. Every other host with a dot, and a wildcard, is its own full name.
    """
    labels = host.split(".")
    if labels[0].startswith("*"):
        return host
    if len(labels) == 1:
        return f"{host}.{namespace}.svc.{domain}"
    if len(labels) == 2 and labels[1] == namespace:
        return f"{host}.svc.{domain}"
    if len(labels) == 3 and labels[2] == "svc":
        return f"{host}.{domain}"
    return host


def host_covers(pattern: str, host: str) -> bool:
    """Say whether a full host name, or a wildcard such as ``*.shop.svc``, covers a full host name."""
    return pattern in {host, "*"} or (pattern.startswith("*.") and host.endswith(pattern[1:]))


def copied(value: Any) -> Any:
    """Return a deep copy of JSON in which no two places share an object, as they do after YAML anchors."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [copied(item) for item in value]
    return value


def describe(document: Manifest) -> str:
    """Name a document in a sentence: ``VirtualService shop/product``."""
    if not isinstance(document, dict):
        return "the document"
    metadata = document.get("metadata")
    known = metadata if isinstance(metadata, dict) else {}
    place = "/".join(str(known[key]) for key in ("namespace", "name") if known.get(key))
    return f"{document.get('kind') or 'document'} {place or '(without a name)'}"


def mapping_at(parent: Manifest, key: str, *, where: str) -> Manifest:
    """Return the object under ``key``, empty if absent or null. Raises MalformedRoute."""
    value = parent.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise MalformedRoute(
            Sentence(
                "{where}/{key} is {kind}, not an object; correct the manifest.",
                where=where,
                key=key,
                kind=_kind(value),
            )
        )
    return value


def objects_at(parent: Manifest, key: str, *, where: str) -> list[Manifest]:
    """Return the list of objects under ``key``, empty if absent or null. Raises MalformedRoute."""
    value = parent.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise MalformedRoute(
            Sentence(
                "{where}/{key} is {kind}, not a list; correct the manifest.",
                where=where,
                key=key,
                kind=_kind(value),
            )
        )
    for index, item in enumerate(value):
        if not isinstance(item, dict):
            raise MalformedRoute(
                Sentence(
                    "{where}/{key}[{index}] is {kind}, not an object; correct the manifest.",
                    where=where,
                    key=key,
                    index=index,
                    kind=_kind(item),
                )
            )
    return value


def text_at(parent: Manifest, key: str, *, where: str) -> str:
    """Return the text under ``key``, "" if absent or null (one to Istio). Raises MalformedRoute."""
    value = parent.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise MalformedRoute(
            Sentence(
                "{where}/{key} is {kind}, not a text; correct the manifest.",
                where=where,
                key=key,
                kind=_kind(value),
            )
        )
    return value


def whole_number_at(parent: Manifest, key: str, *, where: str) -> int | None:
    """Return the number under ``key``, None if absent or null; 10.0 is 10, as JSON has one kind of number.

    Raises MalformedRoute for everything that is no whole number of at least 0.
    """
    value = parent.get(key)
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise MalformedRoute(
            Sentence(
                "{where}/{key} is {value}, not a whole number of at least 0; correct the manifest.",
                where=where,
                key=key,
                value=repr(value),
            )
        )
    return value


def texts_at(parent: Manifest, key: str, *, where: str) -> list[str]:
    """Return the list of texts under ``key``, empty if absent or null. Raises MalformedRoute."""
    value = parent.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise MalformedRoute(
            Sentence("{where}/{key} is not a list of texts; correct the manifest.", where=where, key=key)
        )
    return value


def spec_of(document: Manifest) -> Manifest:
    """Return ``spec``, empty if absent. Raises MalformedRoute."""
    if not isinstance(document, dict):
        raise MalformedRoute(
            Sentence(
                "The manifest is {kind}, not an object; read it from the cluster again.", kind=_kind(document)
            )
        )
    return mapping_at(document, "spec", where=describe(document))


def metadata_of(document: Manifest) -> Manifest:
    """Return ``metadata``, empty if absent. Raises MalformedRoute."""
    if not isinstance(document, dict):
        raise MalformedRoute(
            Sentence(
                "The manifest is {kind}, not an object; read it from the cluster again.", kind=_kind(document)
            )
        )
    return mapping_at(document, "metadata", where=describe(document))


def annotations_of(document: Manifest) -> Manifest:
    """Return ``metadata.annotations``, empty if absent. Raises MalformedRoute."""
    return mapping_at(metadata_of(document), "annotations", where="metadata")


def name_of(document: Manifest) -> str:
    """Return ``metadata.name``, "" if absent. Raises MalformedRoute."""
    return text_at(metadata_of(document), "name", where="metadata")


def namespace_of(document: Manifest, *, default: str | None = None) -> str:
    """Return the namespace, ``default`` (else "default") if the document has none. Raises MalformedRoute."""
    return text_at(metadata_of(document), "namespace", where="metadata") or default or DEFAULT_NAMESPACE


def version_at(destination: Manifest, *, namespace: str, where: str) -> Version:
    """Return the version a ``destination`` object names. Raises MalformedRoute if it has no host."""
    host = text_at(destination, "host", where=where)
    if not host:
        raise MalformedRoute(Sentence("{where} names no host; correct the manifest.", where=where))
    return Version(fqdn(host, namespace=namespace), text_at(destination, "subset", where=where) or None)


def subsets_of(destination_rule: Manifest) -> Iterator[tuple[str, Manifest]]:
    """Yield name and labels of each subset, in order. Raises MalformedRoute."""
    where = f"{describe(destination_rule)} spec"
    for index, subset in enumerate(objects_at(spec_of(destination_rule), "subsets", where=where)):
        place = f"{where}/subsets[{index}]"
        yield text_at(subset, "name", where=place), mapping_at(subset, "labels", where=place)


def rules_for_host(destination_rules: list[Manifest], *, host: str, namespace: str) -> list[Manifest]:
    """Return the DestinationRules Istio applies to a host: exact ones, else those of the longest wildcard.

    ``host`` is a full name; ``namespace`` is where rules without a namespace are taken to live. Raises
    MalformedRoute.
    """
    found: dict[str, list[Manifest]] = {}
    for rule in destination_rules:
        written = text_at(spec_of(rule), "host", where=f"{describe(rule)} spec")
        pattern = fqdn(written, namespace=namespace_of(rule, default=namespace)) if written else ""
        if pattern and host_covers(pattern, host):
            found.setdefault(pattern, []).append(rule)
    if host in found:
        return found[host]
    return found[max(found, key=len)] if found else []


def is_dns_label(text: str) -> bool:
    """Say whether a text is 1 to 63 of ``a-z 0-9 -``, with a letter or digit at both ends (RFC 1123)."""
    return re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", text) is not None


def _kind(value: Any) -> str:
    names: dict[type, str] = {
        dict: Sentence("an object"),
        list: Sentence("a list"),
        str: Sentence("a text"),
        bool: Sentence("true or false"),
        type(None): "null",
    }
    other = Sentence("a number") if isinstance(value, int | float) else type(value).__name__
    return names.get(type(value), other)
