"""An earlier route takes every request of the route that is split: its weights would change nothing."""

from __future__ import annotations

from collections.abc import Iterator

from istio.checks.check import Check
from istio.checks.coverage import route_covers
from istio.checks.facts import CheckFacts
from istio.checks.finding import Finding, Severity
from istio.routes import Place, is_managed, route_name, sections_of
from istio.sentence import Sentence

CODE = "WEIR0104"


def find(facts: CheckFacts) -> Iterator[Finding]:
    """Compare each base route with the owner's routes before it; first match wins."""
    http = list(sections_of(facts.virtual_service, only=["http"]))
    for place, route in facts.bases():
        if place.section != "http":
            continue
        for earlier_place, earlier in http[: place.index]:
            if is_managed(earlier, place=earlier_place, named=facts.routes):
                continue
            if route_covers(earlier, route, gateways=facts.gateway_names(), where=str(earlier_place)):
                yield Finding(
                    CODE,
                    Severity.ERROR,
                    str(place),
                    _message(earlier_place, name=route_name(earlier, place=earlier_place), place=place),
                )
                break


def _message(earlier: Place, *, name: str, place: Place) -> Sentence:
    if name:
        return Sentence(
            "Route {earlier} {name} is before {place} and takes all: its weights count for nothing. "
            "Move the route up, or narrow the earlier one.",
            earlier=earlier,
            name=repr(name),
            place=place,
        )
    return Sentence(
        "Route {earlier} is before {place} and takes all: its weights count for nothing. "
        "Move the route up, or narrow the earlier one.",
        earlier=earlier,
        place=place,
    )


CHECK = Check(
    CODE,
    Sentence("Route reachable"),
    Severity.ERROR,
    "An earlier route takes every request of the route that is split, so that weights have no effect.",
    Sentence("Move the route before the one that shadows it, or narrow the match of the earlier one."),
    find,
)
