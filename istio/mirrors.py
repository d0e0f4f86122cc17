"""The mirror Weir adds to a base route, and how it is known again.

It is an entry of ``mirrors`` that leads to the candidate. While it is there an annotation names that
destination, so that a mirror of the owner's is never taken for Weir's; another one names the routes whose owner
wrote an empty list, so that it is there again afterwards.
"""

from __future__ import annotations

import json

from istio.documents import (
    RuleConflict,
    Version,
    annotations_of,
    describe,
    mapping_at,
    namespace_of,
    objects_at,
    version_at,
)
from istio.marks import EMPTY_MIRRORS, MIRROR, with_annotations
from istio.mesh import Manifest
from istio.routes import Pair, Place, route_at, route_name, sections_of
from istio.sentence import Sentence
from istio.weights import destination_of_candidate


def with_mirror(document: Manifest, *, percent: float, places: list[Place], pair: Pair) -> Manifest:
    """Return a copy in which the routes at ``places`` mirror to the candidate.

    Raises RuleConflict where the owner mirrors to the candidate already, or uses the older ``mirror`` field.
    """
    if mirror_host(document) not in {pair.candidate.host, None}:
        raise RuleConflict(
            Sentence(
                "{document} already has the mirror of a release of {host}; end that one first.",
                document=describe(document),
                host=mirror_host(document),
            )
        )
    for place, route in sections_of(document, only=["http"]):
        if mirrors_to(pair.candidate, route=route, place=place, namespace=pair.namespace):
            raise RuleConflict(
                Sentence(
                    "{place} already mirrors to {candidate}; take that out, or leave Weir's mirror out.",
                    place=place,
                    candidate=pair.candidate,
                )
            )
    marks = {MIRROR: _mark(pair.candidate), EMPTY_MIRRORS: _empty_lists(document, places=places)}
    result = with_annotations(document, changes=marks)
    for place in places:
        route = route_at(result, place=place)
        if route.get("mirror") is not None:
            raise RuleConflict(
                Sentence(
                    "{place} has a `mirror` of its owner's, and Istio takes no `mirrors` beside it. "
                    "Rewrite it as an entry of `mirrors` first, or leave Weir's mirror out.",
                    place=place,
                )
            )
        destination = destination_of_candidate(route, place=place, pair=pair)
        entry = {"destination": destination, "percentage": {"value": percent}}
        route["mirrors"] = [*objects_at(route, "mirrors", where=str(place)), entry]
    return result


def mirror_host(document: Manifest) -> str | None:
    """Return the full name of the host to which Weir's mirror leads, None if there is none."""
    mark = annotations_of(document).get(MIRROR)
    return None if mark is None else str(mark).rpartition("/")[0]


def without_mirror(document: Manifest, *, host: str | None = None) -> Manifest:
    """Return a copy without the mirror that Weir's annotation names, and without the annotations that tell of it.

    With ``host``, a full name, the mirror of another host's release stays.
    """
    if host is not None and mirror_host(document) not in {host, None}:
        return with_annotations(document, changes={})
    marks = annotations_of(document)
    mark, empty = marks.get(MIRROR), _names(marks.get(EMPTY_MIRRORS))
    result = with_annotations(document, changes={MIRROR: None, EMPTY_MIRRORS: None})
    if mark is None:
        return result
    namespace = namespace_of(document)
    for place, route in sections_of(result, only=["http"]):
        entries = objects_at(route, "mirrors", where=str(place))
        versions = _versions(entries, place=place, namespace=namespace)
        kept = [entry for entry, version in zip(entries, versions, strict=True) if _mark(version) != mark]
        if kept or (entries and route_name(route, place=place) in empty):
            route["mirrors"] = kept
        elif entries:
            del route["mirrors"]
    return result


def mirrors_to(version: Version, *, route: Manifest, place: Place, namespace: str) -> list[Manifest]:
    """Return the route's ``mirrors`` entries that lead to a version, in order. Raises MalformedRoute."""
    entries = objects_at(route, "mirrors", where=str(place))
    versions = _versions(entries, place=place, namespace=namespace)
    return [entry for entry, found in zip(entries, versions, strict=True) if found == version]


def _versions(entries: list[Manifest], *, place: Place, namespace: str) -> list[Version]:
    found = []
    for index, entry in enumerate(entries):
        where = f"{place}/mirrors[{index}]"
        destination = mapping_at(entry, "destination", where=where)
        found.append(version_at(destination, namespace=namespace, where=f"{where}/destination"))
    return found


def _empty_lists(document: Manifest, *, places: list[Place]) -> str | None:
    """Return the names of the routes with ``mirrors: []`` as a JSON list, None if there is none."""
    routes = [(place, route_at(document, place=place)) for place in places]
    names = [route_name(route, place=place) for place, route in routes if route.get("mirrors") == []]
    return json.dumps(names, ensure_ascii=False) if names else None


def _names(mark: object) -> list[str]:
    """Return the names an annotation lists; whoever spelled it wrongly loses no more than an empty list."""
    try:
        names = json.loads(mark) if isinstance(mark, str) else []
    except ValueError:
        return []
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _mark(version: Version) -> str:
    return f"{version.host}/{version.subset or ''}"
