"""A rule that catches nobody, since an earlier route is first, or everybody, since it compares nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from istio.checks.check import Check
from istio.checks.coverage import route_covers
from istio.checks.facts import CheckFacts
from istio.checks.finding import Finding, Severity
from istio.documents import mapping_at, objects_at
from istio.matches import comparison_of, string_matches
from istio.mesh import Manifest
from istio.routes import Place, is_managed, route_name, sections_of
from istio.sentence import Sentence

CODE = "WEIR0110"
_ANYTHING = re.compile(r"\.[*+]")
_ENDINGS = tuple(f"user-{ending:02d}" for ending in range(100))


def find(facts: CheckFacts) -> Iterator[Finding]:
    """Look at every managed route: against the routes before it, and against its base route."""
    http = list(sections_of(facts.virtual_service, only=["http"]))
    gateways = facts.gateway_names()
    for place, route in http:
        if not is_managed(route, place=place, named=facts.routes):
            continue
        name = route_name(route, place=place)
        for earlier_place, earlier in http[: place.index]:
            if route_covers(earlier, route, gateways=gateways, where=str(earlier_place)):
                message = Sentence(
                    "Route {name} catches nobody: {earlier_place} is first. Reorder or drop it.",
                    name=name,
                    earlier_place=earlier_place,
                )
                yield Finding(CODE, Severity.WARNING, f"{place}/match", message)
                break
        base = next(
            (
                later
                for where, later in http[place.index :]
                if not is_managed(later, place=where, named=facts.routes)
            ),
            None,
        )
        without = {"match": [_narrowing(entry, place=place) for entry in _entries(route, place=place)]}
        if base is not None and route_covers(without, base, gateways=gateways, where=str(place)):
            message = Sentence(
                "Route {name} catches everybody who has the header: nothing is told apart. Name a value.",
                name=name,
            )
            yield Finding(CODE, Severity.WARNING, f"{place}/match", message)


def _entries(route: Manifest, *, place: Place) -> list[Manifest]:
    return objects_at(route, "match", where=str(place))


def _narrowing(entry: Manifest, *, place: Place) -> Manifest:
    """Return a match entry without the comparisons that every value passes."""
    kept = dict(entry)
    for field in ("headers", "queryParams"):
        values = mapping_at(entry, field, where=str(place))
        kept[field] = {
            name: matcher for name, matcher in values.items() if not _takes_all(matcher or {}, place=place)
        }
    return kept


def _takes_all(matcher: Manifest, *, place: Place) -> bool:
    kind, text = comparison_of(matcher, where=str(place))
    if kind == "present" or (kind == "regex" and _ANYTHING.fullmatch(text)):
        return True
    is_pattern = kind == "regex"
    return is_pattern and all(string_matches(matcher, ending, where=str(place)) for ending in _ENDINGS)


CHECK = Check(
    CODE,
    Sentence("Rules catch somebody, not everybody"),
    Severity.WARNING,
    "A header rule catches nobody, since an earlier route is first, or everybody who has the header.",
    Sentence("Reorder the rules, or give the rule a value that tells the chosen users apart."),
    find,
)
