"""A route's weights do not sum to 100, or one of several is missing and so counts as 0."""

from __future__ import annotations

from collections.abc import Iterator

from istio.checks.check import Check
from istio.checks.facts import CheckFacts
from istio.checks.finding import Finding, Severity
from istio.routes import destinations_of, effective_weights, is_weighted, sections_of
from istio.sentence import Sentence

CODE = "WEIR0105"


def find(facts: CheckFacts) -> Iterator[Finding]:
    """Look at every route with several destinations. Weights are relative, so only a sum of 0 is an error."""
    for place, route in sections_of(facts.virtual_service):
        entries = destinations_of(route, place=place)
        if len(entries) < 2 or not is_weighted(route, place=place):
            continue
        total = sum(effective_weights(route, place=place))
        missing = [index for index, entry in enumerate(entries) if entry.get("weight") is None]
        if total == 0:
            message = Sentence("All weights are 0: Istio refuses the route. Give one version 100.")
            yield Finding(CODE, Severity.ERROR, f"{place}/route", message)
        elif total != 100:
            message = Sentence(
                "The weights sum to {total}. Istio takes them as relative, readers as percent: make it 100.",
                total=total,
            )
            yield Finding(CODE, Severity.WARNING, f"{place}/route", message)
        for index in missing:
            message = Sentence("A missing weight beside others counts as 0. Write the number that is meant.")
            yield Finding(CODE, Severity.WARNING, f"{place}/route[{index}]/weight", message)


CHECK = Check(
    CODE,
    Sentence("Weights sum to 100"),
    Severity.ERROR,
    "The weights of a route do not sum to 100 (an error only if all are 0), or one of several is missing.",
    Sentence("Write every weight, with a sum of 100."),
    find,
)
