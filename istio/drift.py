"""What of a VirtualService is Weir's while a release runs, and whether the mesh still has it."""

from __future__ import annotations

from istio.documents import TrafficError, annotations_of, copied, mapping_at, whole_number_at
from istio.marks import MIRROR
from istio.mesh import Manifest
from istio.mirrors import mirror_host, mirrors_to
from istio.routes import (
    Choice,
    Pair,
    Place,
    base_routes,
    destinations_of,
    effective_weights,
    is_managed_for,
    pair_in,
    route_name,
    sections_of,
    versions_in,
)


def owned_part(
    virtual_service: Manifest,
    *,
    host: str,
    stable: str | None,
    candidate: str | None,
    routes: list[str] | None = None,
    namespace: str | None = None,
) -> Manifest:
    """Return exactly what Weir renders: weights and ports of base routes, managed routes, mirrors to the candidate.

    A base route also says which managed routes stand directly before it: anywhere else they take other requests.
    What Weir rendered for another host in the same document is not among it.
    Two documents that are equal here differ only in what their owner may change at any time. Raises what
    ``with_weights`` raises when the base routes cannot be found.
    """
    pair = pair_in(virtual_service, host=host, stable=stable, candidate=candidate, namespace=namespace)
    choice = Choice(http=routes or ())
    bases = base_routes(virtual_service, stable=pair.stable, namespace=pair.namespace, choice=choice)
    part: Manifest = {}
    before: list[str] = []
    for place, route in sections_of(virtual_service):
        if is_managed_for(pair.stable.host, route=route, place=place, namespace=pair.namespace, named=routes):
            part.setdefault(place.section, []).append(copied(route))
            before.append(route_name(route, place=place))
            continue
        if place in bases:
            owned = _owned_of_base(route, place=place, pair=pair)
            part.setdefault(place.section, []).append({**owned, "rules": before})
        before = []
    mark = annotations_of(virtual_service).get(MIRROR)
    return {**part, "mirror": mark} if mirror_host(virtual_service) == pair.stable.host else part


def has_drifted(
    live: Manifest,
    written: Manifest,
    *,
    host: str,
    stable: str | None,
    candidate: str | None,
    routes: list[str] | None = None,
    namespace: str | None = None,
) -> bool:
    """Say whether the live object differs from what was last written in any part that Weir renders.

    A live object in which these parts cannot be found has drifted. Raises TrafficError for ``written``.
    """

    def part(document: Manifest) -> Manifest:
        return owned_part(
            document, host=host, stable=stable, candidate=candidate, routes=routes, namespace=namespace
        )

    ours = part(written)
    try:
        return part(live) != ours
    except TrafficError:
        return True


def _owned_of_base(route: Manifest, *, place: Place, pair: Pair) -> Manifest:
    versions = versions_in(route, place=place, namespace=pair.namespace)
    weights = zip(versions, effective_weights(route, place=place), strict=True)
    entries = zip(versions, destinations_of(route, place=place), strict=True)
    found = mirrors_to(pair.candidate, route=route, place=place, namespace=pair.namespace)
    return {
        "base": route_name(route, place=place),
        "weights": sorted([version.host, version.subset or "", weight] for version, weight in weights),
        "ports": sorted(
            [version.host, version.subset or "", port]
            for version, entry in entries
            if (port := _port_of(entry, place=place)) is not None
        ),
        "mirrors": copied(found),
    }


def _port_of(entry: Manifest, *, place: Place) -> int | None:
    port = mapping_at(entry["destination"], "port", where=str(place))
    return whole_number_at(port, "number", where=f"{place}/port")
