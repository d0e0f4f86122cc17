"""Which routes of a VirtualService lead to a version, and what each destination gets. Reads; never edits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from istio.documents import (
    AmbiguousRoutes,
    DuplicateDestination,
    DuplicateRouteName,
    MalformedRoute,
    NoMatchingRoute,
    NoRoutes,
    NotWeightedRoute,
    RouteNotFound,
    StableDestinationNotFound,
    Version,
    describe,
    fqdn,
    mapping_at,
    namespace_of,
    objects_at,
    spec_of,
    text_at,
    texts_at,
    version_at,
    whole_number_at,
)
from istio.mesh import Manifest
from istio.sentence import Sentence

SECTIONS = ("http", "tls", "tcp")
MANAGED_PREFIX = "weir-"
WITHOUT_WEIGHTS = ("redirect", "directResponse", "delegate")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a route stands in a VirtualService."""

    section: str
    index: int

    def __str__(self) -> str:
        return f"spec/{self.section}[{self.index}]"


@dataclass(frozen=True, slots=True)
class Choice:
    """The routes an operator named: http by name, tls by ``{"port", "sniHosts"}``, tcp by ``{"port"}``.

    Empty means not named. If anything is named, nothing else is chosen.
    """

    http: Sequence[str] = ()
    tls: Sequence[Mapping[str, object]] = ()
    tcp: Sequence[Mapping[str, object]] = ()


def sections_of(
    virtual_service: Manifest, *, only: Sequence[str] = SECTIONS
) -> Iterator[tuple[Place, Manifest]]:
    """Yield each route with its place, http before tls before tcp. Raises MalformedRoute."""
    spec = spec_of(virtual_service)
    for section in only:
        for index, route in enumerate(objects_at(spec, section, where="spec")):
            yield Place(section, index), route


def route_name(route: Manifest, *, place: Place) -> str:
    """Return the route's name, "" if it has none. Raises MalformedRoute."""
    return text_at(route, "name", where=str(place))


def is_managed(route: Manifest, *, place: Place, named: Sequence[str] | None = None) -> bool:
    """Say whether Weir made the route: its name begins ``weir-``, and it is none the operator named as a base."""
    name = route_name(route, place=place)
    return place.section == "http" and name.startswith(MANAGED_PREFIX) and name not in (named or ())


def is_managed_for(
    host: str | None, *, route: Manifest, place: Place, namespace: str, named: Sequence[str] | None = None
) -> bool:
    """Say whether Weir made the route for this host (its full name; None: for any).

    Several services may have their routes in one document. A route whose destinations can not be read counts.
    """
    if not is_managed(route, place=place, named=named):
        return False
    try:
        versions = versions_in(route, place=place, namespace=namespace)
    except MalformedRoute:
        return True
    return host is None or not versions or any(version.host == host for version in versions)


def is_weighted(route: Manifest, *, place: Place) -> bool:
    """Say whether the route has destinations, and neither redirects, answers itself nor delegates."""
    return not any(route.get(key) is not None for key in WITHOUT_WEIGHTS) and bool(
        objects_at(route, "route", where=str(place))
    )


def destinations_of(route: Manifest, *, place: Place) -> list[Manifest]:
    """Return the route's entries, each ``{"destination": {...}, "weight"?: n}``. Raises MalformedRoute."""
    return objects_at(route, "route", where=str(place))


def versions_in(route: Manifest, *, place: Place, namespace: str) -> list[Version]:
    """Return what each destination of the route names, in order. Raises MalformedRoute."""
    found = []
    for index, entry in enumerate(destinations_of(route, place=place)):
        where = f"{place}/route[{index}]"
        destination = mapping_at(entry, "destination", where=where)
        found.append(version_at(destination, namespace=namespace, where=f"{where}/destination"))
    return found


def index_of(version: Version, *, versions: Sequence[Version], place: Place) -> int | None:
    """Return a version's index among a route's destinations, None if absent. Raises DuplicateDestination."""
    if versions.count(version) > 1:
        raise DuplicateDestination(
            Sentence(
                "{place} names {version} {count} times; which one to weigh is unknown. Merge the "
                "entries, then try again.",
                place=place,
                version=version,
                count=versions.count(version),
            )
        )
    return versions.index(version) if version in versions else None


def effective_weights(route: Manifest, *, place: Place) -> list[int]:
    """Return the weights as Istio counts them: alone 100, missing among several 0. Raises MalformedRoute."""
    entries = destinations_of(route, place=place)
    weights = [
        whole_number_at(entry, "weight", where=f"{place}/route[{index}]")
        for index, entry in enumerate(entries)
    ]
    if len(entries) == 1:
        return [100]
    return [weight or 0 for weight in weights]


def base_routes(virtual_service: Manifest, *, stable: Version, namespace: str, choice: Choice) -> list[Place]:
    """Find the routes that split traffic between stable and candidate.

    Chosen routes are found by name, port or SNI hosts; otherwise each section has the one route that carries
    the stable version and is not Weir's own. Raises NoRoutes, MalformedRoute, RouteNotFound,
    DuplicateRouteName, NotWeightedRoute, StableDestinationNotFound, AmbiguousRoutes, NoMatchingRoute.
    """
    spec = spec_of(virtual_service)
    if not any(objects_at(spec, section, where="spec") for section in SECTIONS):
        raise NoRoutes(
            Sentence(
                "{document} has no http, tls or tcp route; add one that leads to {stable}.",
                document=describe(virtual_service),
                stable=stable,
            )
        )
    if not (choice.http or choice.tls or choice.tcp):
        return _inferred(virtual_service, stable=stable, namespace=namespace)
    places = {
        *_named(virtual_service, names=choice.http),
        *_selected(virtual_service, section="tls", selectors=choice.tls),
        *_selected(virtual_service, section="tcp", selectors=choice.tcp),
    }
    chosen = [(place, route) for place, route in sections_of(virtual_service) if place in places]
    for place, route in chosen:
        _must_carry(stable, route=route, place=place, namespace=namespace)
    return [place for place, _ in chosen]


def _inferred(virtual_service: Manifest, *, stable: Version, namespace: str) -> list[Place]:
    places: list[Place] = []
    for section in SECTIONS:
        found = [
            place
            for place, route in sections_of(virtual_service, only=[section])
            if not is_managed(route, place=place)
            and is_weighted(route, place=place)
            and stable in versions_in(route, place=place, namespace=namespace)
        ]
        if len(found) > 1:
            raise AmbiguousRoutes(
                Sentence(
                    "{count} {section} routes of {document} lead to {stable} ({routes}); say which by "
                    "name (http), port or SNI hosts (tls, tcp).",
                    count=len(found),
                    section=section,
                    document=describe(virtual_service),
                    stable=stable,
                    routes=", ".join(map(str, found)),
                )
            )
        places += found
    if not places:
        raise NoMatchingRoute(
            Sentence(
                "No route of {document} leads to {stable}; put the stable version back into a route, "
                "or register the version that has the traffic.",
                document=describe(virtual_service),
                stable=stable,
            )
        )
    return places


def _named(virtual_service: Manifest, *, names: Sequence[str]) -> list[Place]:
    by_name: dict[str, list[Place]] = {}
    for place, route in sections_of(virtual_service, only=["http"]) if names else ():
        by_name.setdefault(route_name(route, place=place), []).append(place)
    places = []
    for name in names:
        found = by_name.get(name, []) if name else []
        if not found:
            raise RouteNotFound(
                Sentence(
                    "{document} has no http route named {name}; correct the name.",
                    document=describe(virtual_service),
                    name=repr(name),
                )
            )
        if len(found) > 1 or list(names).count(name) > 1:
            raise DuplicateRouteName(
                Sentence(
                    "The name {name} stands for more than one http route of {document}, or was given "
                    "twice; make the names unique.",
                    name=repr(name),
                    document=describe(virtual_service),
                )
            )
        places += found
    return places


def _selected(
    virtual_service: Manifest, *, section: str, selectors: Sequence[Mapping[str, object]]
) -> list[Place]:
    places = []
    for selector in selectors:
        found = [
            place
            for place, route in sections_of(virtual_service, only=[section])
            if _answers(route, place=place, selector=selector)
        ]
        if not found:
            raise RouteNotFound(
                Sentence(
                    "{document} has no {section} route for {selector}; correct it.",
                    document=describe(virtual_service),
                    section=section,
                    selector=dict(selector),
                )
            )
        if len(found) > 1:
            raise AmbiguousRoutes(
                Sentence(
                    "{count} {section} routes of {document} answer to {selector} ({routes}); name port "
                    "and SNI hosts.",
                    count=len(found),
                    section=section,
                    document=describe(virtual_service),
                    selector=dict(selector),
                    routes=", ".join(map(str, found)),
                )
            )
        places += found
    return places


def _answers(route: Manifest, *, place: Place, selector: Mapping[str, object]) -> bool:
    """Compare a selector with the union over the match entries; what it leaves out is not asked."""
    ports: set[int | None] = set()
    sni_hosts: set[str] = set()
    for index, entry in enumerate(objects_at(route, "match", where=str(place))):
        where = f"{place}/match[{index}]"
        ports.add(whole_number_at(entry, "port", where=where) or None)
        sni_hosts.update(texts_at(entry, "sniHosts", where=where))
    wanted = selector.get("sniHosts")
    if wanted and not isinstance(wanted, list | tuple):
        raise RouteNotFound(
            Sentence("sniHosts must be a list of host names, not {wanted}.", wanted=repr(wanted))
        )
    port_fits = not selector.get("port") or ports == {selector["port"]}
    hosts_fit = not isinstance(wanted, list | tuple) or not wanted or sni_hosts == set(wanted)
    return port_fits and hosts_fit and bool(selector.get("port") or wanted)


def _must_carry(stable: Version, *, route: Manifest, place: Place, namespace: str) -> None:
    if not is_weighted(route, place=place):
        raise NotWeightedRoute(
            Sentence(
                "{place} {name} redirects, answers itself or delegates: it has no weights. Name "
                "another route.",
                place=place,
                name=repr(route_name(route, place=place)),
            )
        )
    if stable not in versions_in(route, place=place, namespace=namespace):
        raise StableDestinationNotFound(
            Sentence(
                "{place} {name} does not lead to {stable}; put the stable version back into it, or "
                "name another route.",
                place=place,
                name=repr(route_name(route, place=place)),
                stable=stable,
            )
        )


def route_at(virtual_service: Manifest, *, place: Place) -> Manifest:
    """Return the route at a place found by ``base_routes``. Raises MalformedRoute."""
    routes = objects_at(spec_of(virtual_service), place.section, where="spec")
    if place.index >= len(routes):
        raise MalformedRoute(
            Sentence(
                "{document} has no {place}; read it from the cluster again.",
                document=describe(virtual_service),
                place=place,
            )
        )
    return routes[place.index]


@dataclass(frozen=True, slots=True)
class Pair:
    """Stable and candidate of one service as one document means them; ``host`` is as it was asked for."""

    host: str
    stable: Version
    candidate: Version
    namespace: str


def pair_in(
    virtual_service: Manifest, *, host: str, stable: str | None, candidate: str | None, namespace: str | None
) -> Pair:
    """Return the two subsets of a host as versions; ``namespace`` counts when the document names none."""
    home = namespace_of(virtual_service, default=namespace)
    full_host = fqdn(host, namespace=home)
    return Pair(host, Version(full_host, stable or None), Version(full_host, candidate or None), home)
