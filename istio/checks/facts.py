"""What the checks are given: the document as it would be written, and what stands round it in the cluster.

Reads nothing itself. Lists hold what could be listed: a namespace of which nothing is listed counts as not
seen, and nothing is said about what it lacks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from istio.documents import Version, mapping_at, namespace_of, objects_at, spec_of, texts_at, version_at
from istio.effective import MESH_GATEWAY
from istio.mesh import Manifest
from istio.routes import (
    Choice,
    Pair,
    Place,
    base_routes,
    destinations_of,
    effective_weights,
    is_managed,
    pair_in,
    sections_of,
    versions_in,
)


@dataclass(frozen=True, slots=True)
class Destination:
    """One place where a route sends requests, or copies of them. ``percent`` is of the route's requests."""

    path: str
    version: Version
    port: int | None
    percent: float
    is_managed: bool


@dataclass(frozen=True, slots=True)
class CheckFacts:
    """One write and its surroundings.

    ``virtual_service`` and ``destination_rules`` are as they would be written; the other lists are live.
    ``stable`` and ``candidate`` are subsets of ``host``, ``candidate_labels`` those the candidate was
    registered with, ``candidate_weight`` is percent.
    """

    virtual_service: Manifest
    host: str
    stable: str | None
    candidate: str | None
    candidate_weight: int
    namespace: str
    routes: Sequence[str] | None = None
    destination_rules: Sequence[Manifest] = ()
    virtual_services: Sequence[Manifest] = ()
    services: Sequence[Manifest] = ()
    deployments: Sequence[Manifest] = ()
    gateways: Sequence[Manifest] = ()
    candidate_labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def home(self) -> str:
        """The namespace of the VirtualService. Raises MalformedRoute."""
        return namespace_of(self.virtual_service, default=self.namespace)

    @property
    def candidate_version(self) -> Version:
        """The candidate as the document means it. Raises MalformedRoute."""
        return self._pair().candidate

    @property
    def stable_version(self) -> Version:
        """The stable version as the document means it. Raises MalformedRoute."""
        return self._pair().stable

    @property
    def goes_up(self) -> bool:
        """Whether the candidate would get any request, or a copy of one. Raises MalformedRoute."""
        if self.candidate_weight > 0:
            return True
        return any(
            found.percent > 0 and found.version == self.candidate_version for found in self.destinations()
        )

    def bases(self) -> list[tuple[Place, Manifest]]:
        """Return the routes that are split, in order. Raises what ``base_routes`` raises."""
        places = base_routes(
            self.virtual_service,
            stable=self.stable_version,
            namespace=self.home,
            choice=Choice(http=self.routes or ()),
        )
        return [(place, route) for place, route in sections_of(self.virtual_service) if place in places]

    def destinations(self) -> Iterator[Destination]:
        """Yield each route's destinations, then its mirrors, in order. Raises MalformedRoute."""
        for place, route in sections_of(self.virtual_service):
            managed = is_managed(route, place=place, named=self.routes)
            weights = effective_weights(route, place=place)
            versions = versions_in(route, place=place, namespace=self.home)
            for index, (version, weight) in enumerate(zip(versions, weights, strict=True)):
                port = _port_of(destinations_of(route, place=place)[index])
                percent = weight * 100 / (sum(weights) or 1)
                yield Destination(f"{place}/route[{index}]/destination", version, port, percent, managed)
            yield from self._mirrors(route, place=place, managed=managed)

    def receivers(self) -> list[Destination]:
        """Return one destination for each version and port: of several the one with the largest percent.

        Raises MalformedRoute.
        """
        largest: dict[tuple[Version, int | None], Destination] = {}
        for found in self.destinations():
            key = (found.version, found.port)
            if key not in largest or found.percent > largest[key].percent:
                largest[key] = found
        return list(largest.values())

    def gateway_names(self) -> list[str]:
        """Return what the VirtualService is bound to, ``mesh`` if it says nothing. Raises MalformedRoute."""
        return texts_at(spec_of(self.virtual_service), "gateways", where="spec") or [MESH_GATEWAY]

    def _mirrors(self, route: Manifest, *, place: Place, managed: bool) -> Iterator[Destination]:
        found = [
            (f"{place}/mirrors[{index}]/destination", mapping_at(mirror, "destination", where=str(place)))
            for index, mirror in enumerate(objects_at(route, "mirrors", where=str(place)))
        ]
        if route.get("mirror") is not None:
            found.append((f"{place}/mirror", mapping_at(route, "mirror", where=str(place))))
        for path, destination in found:
            version = version_at(destination, namespace=self.home, where=path)
            yield Destination(path, version, _port_of({"destination": destination}), 100.0, managed)

    def _pair(self) -> Pair:
        return pair_in(
            self.virtual_service,
            host=self.host,
            stable=self.stable,
            candidate=self.candidate,
            namespace=self.namespace,
        )


def _port_of(entry: Manifest) -> int | None:
    port = entry["destination"].get("port")
    number = port.get("number") if isinstance(port, dict) else None
    return number if isinstance(number, int) else None
