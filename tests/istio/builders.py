"""Small builders of Istio documents: a test names only what it is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from istio.mesh import Manifest
from istio.weights import with_weights


def to(subset: str | None, weight: Any = None, *, host: str = "product", **fields: Any) -> Manifest:
    """Return an entry of a route; ``fields`` go into its destination, a weight of None is left out."""
    destination = {"host": host, **({"subset": subset} if subset is not None else {}), **fields}
    return {"destination": destination, **({"weight": weight} if weight is not None else {})}


def route(*entries: Manifest, name: str = "", **fields: Any) -> Manifest:
    """Return a route over these entries; ``fields`` are its other fields, ``match`` for one."""
    return {**({"name": name} if name else {}), **fields, "route": list(entries)}


def virtual_service(
    *http: Manifest,
    tls: Sequence[Manifest] | None = None,
    tcp: Sequence[Manifest] | None = None,
    namespace: str | None = "shop",
    annotations: dict[str, str] | None = None,
    **fields: Any,
) -> Manifest:
    """Return a VirtualService named product with these http routes; sections not given are absent."""
    metadata: Manifest = {"name": "product"}
    if namespace is not None:
        metadata["namespace"] = namespace
    if annotations is not None:
        metadata["annotations"] = annotations
    spec: Manifest = {"hosts": ["product"], **fields}
    for section, routes in (("http", http or None), ("tls", tls), ("tcp", tcp)):
        if routes is not None:
            spec[section] = list(routes)
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": metadata,
        "spec": spec,
    }


def destination_rule(
    *subsets: str, host: str = "product", namespace: str | None = "shop", name: str = "product"
) -> Manifest:
    """Return a DestinationRule that defines subsets by the label ``version``."""
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": name, **({"namespace": namespace} if namespace is not None else {})},
        "spec": {"host": host, "subsets": [{"name": s, "labels": {"version": s}} for s in subsets]},
    }


def weights(document: Manifest, section: str = "http", index: int = 0) -> dict[str, int | None]:
    """Return the written weight of each entry of a route, by subset or else by host."""
    entries = document["spec"][section][index]["route"]
    return {e["destination"].get("subset") or e["destination"]["host"]: e.get("weight") for e in entries}


def names(document: Manifest) -> list[str]:
    """Return the names of the http routes in order, "" for none."""
    return [r.get("name", "") for r in document["spec"]["http"]]


TWO = (to("v1", 100), to("v2", 0))
"""Both versions of product; everything goes to v1."""


def shift(document: Manifest, weight: Any, **changes: Any) -> Manifest:
    """Give product's v2 this weight beside v1; ``changes`` are arguments of ``with_weights``."""
    pair = {"host": "product", "stable": "v1", "candidate": "v2"}
    return with_weights(document, candidate_weight=weight, **{**pair, **changes})
