"""The last resort of going back: a service's own routes as they were stored, in an object that the rules can not edit.

Several services may have their routes in one VirtualService. Whatever leads elsewhere is somebody else's, and stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from istio.documents import MalformedRoute, copied, fqdn, namespace_of, objects_at, spec_of
from istio.mesh import Manifest
from istio.routes import SECTIONS, Place, is_managed, versions_in


def with_routes_of(
    stored: Manifest,
    live: Manifest,
    *,
    host: str,
    routes: Sequence[str] | None = None,
    namespace: str | None = None,
) -> Manifest:
    """Return the live object with this host's routes as ``stored`` has them, ``routes`` and managed ones among them.

    Each stands where its live counterpart stood, else behind the same neighbours as before. Without a neighbour, or where
    a whole section of the live object can not be read, the ``spec`` is put back. A single route that can not be read is this
    host's, unless ``stored`` has a neighbour's route of that name. Raises MalformedRoute where ``stored`` is broken.
    """
    full_host = fqdn(host, namespace=namespace_of(live, default=namespace))
    ours = _Ours(stored, host=full_host, routes=routes or (), namespace=namespace)
    result: Manifest = copied(live)
    try:
        split = {section: ours.split(live, section=section) for section in SECTIONS}
    except MalformedRoute:
        split = {}
    if not any(neighbours for _own, neighbours in split.values()):
        return result | {"spec": copied(stored["spec"])}
    for section, (own, neighbours) in split.items():
        merged = _merged(ours.stored_section(section), own=own, neighbours=neighbours)
        if merged or section in result["spec"]:
            result["spec"][section] = merged
    return result


class _Ours:
    """Knows which routes are this host's, by where they lead and by what the stored object calls them."""

    def __init__(self, stored: Manifest, *, host: str, routes: Sequence[str], namespace: str | None) -> None:
        self._stored, self._host, self._named = stored, host, routes
        self._namespace = namespace_of(stored, default=namespace)
        self._names = {
            (section, _name(route))
            for section in SECTIONS
            for is_own, route in self.stored_section(section)
            if is_own and _name(route)
        }

    def stored_section(self, section: str) -> list[tuple[bool, Manifest]]:
        """Return the stored routes in order, each with whether it is this host's. Raises MalformedRoute."""
        return [
            (self._leads_here(route, place=place), route)
            for place, route in _routes(self._stored, section=section)
        ]

    def split(self, live: Manifest, *, section: str) -> tuple[list[tuple[int, Manifest]], list[Manifest]]:
        """Return the live routes that are this host's, each with the number of neighbours before it, and the neighbours."""
        own: list[tuple[int, Manifest]] = []
        neighbours: list[Manifest] = []
        foreign = {_name(route) for is_own, route in self.stored_section(section) if not is_own}
        for place, route in _routes(live, section=section):
            try:
                is_own = self._leads_here(route, place=place) or (section, _name(route)) in self._names
            except MalformedRoute:
                is_own = not _name(route) or _name(route) not in foreign
            if is_own:
                own.append((len(neighbours), route))
            else:
                neighbours.append(route)
        return own, neighbours

    def _leads_here(self, route: Manifest, *, place: Place) -> bool:
        if place.section == "http" and _name(route) in self._named:
            return True
        return any(
            version.host == self._host
            for version in versions_in(route, place=place, namespace=self._namespace)
        )


def _merged(
    stored: list[tuple[bool, Manifest]], *, own: list[tuple[int, Manifest]], neighbours: list[Manifest]
) -> list[Manifest]:
    """Put the stored routes among the live neighbours, in the stored order."""
    base = [(before, route) for before, route in own if not is_managed(route, place=Place("http", 0))]
    at: list[list[Manifest]] = [[] for _ in range(len(neighbours) + 1)]
    least, number = base[0][0] if base else 0, 0
    for is_own, route in stored:
        if not is_own:
            least = max(least, _behind(route, neighbours=neighbours))
            continue
        least = max(least, _counterpart(route, number=number, base=base))
        at[least].append(copied(route))
        number += 1
    slots = [*([neighbour] for neighbour in neighbours), []]
    return [route for before, slot in zip(at, slots, strict=True) for route in (*before, *slot)]


def _counterpart(route: Manifest, *, number: int, base: list[tuple[int, Manifest]]) -> int:
    """Return how many neighbours stand before the live route of the same name, or of the same number; 0 without one."""
    named = [before for before, other in base if _name(route) and _name(other) == _name(route)]
    if named:
        return named[0]
    return base[number][0] if not _name(route) and number < len(base) else 0


def _behind(route: Manifest, *, neighbours: list[Manifest]) -> int:
    """Return how many neighbours stand up to and with this one; 0 if it is gone."""
    for index, other in enumerate(neighbours):
        if other == route or (_name(route) and _name(other) == _name(route)):
            return index + 1
    return 0


def _routes(document: Manifest, *, section: str) -> Iterator[tuple[Place, Manifest]]:
    for index, route in enumerate(objects_at(spec_of(document), section, where="spec")):
        yield Place(section, index), route


def _name(route: Manifest) -> str:
    name = route.get("name")
    return name if isinstance(name, str) else ""
