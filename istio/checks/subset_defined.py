"""A destination names a subset that no DestinationRule defines: Envoy has no cluster for it, answers 503."""

from __future__ import annotations

from collections.abc import Iterator

from istio.checks.check import Check
from istio.checks.facts import CheckFacts
from istio.checks.finding import Finding, Severity
from istio.documents import rules_for_host, subsets_of
from istio.sentence import Sentence

CODE = "WEIR0101"


def find(facts: CheckFacts) -> Iterator[Finding]:
    """Look at every version that a route or mirror names; one that gets no requests is only a warning."""
    for found in facts.receivers():
        host, subset = found.version.host, found.version.subset
        if subset is None:
            continue
        rules = rules_for_host(list(facts.destination_rules), host=host, namespace=facts.home)
        if any(name == subset for rule in rules for name, _ in subsets_of(rule)):
            continue
        path = f"{found.path}/subset"
        if found.percent > 0:
            message = Sentence(
                "No DestinationRule defines subset {subset} of {host}: its requests get 503. "
                "Add the subset with the version's labels.",
                subset=repr(subset),
                host=host,
            )
            yield Finding(CODE, Severity.ERROR, path, message)
        else:
            message = Sentence(
                "No DestinationRule defines subset {subset} of {host}: once it has a weight its requests "
                "would get 503. Add the subset with the version's labels.",
                subset=repr(subset),
                host=host,
            )
            yield Finding(CODE, Severity.WARNING, path, message)


CHECK = Check(
    CODE,
    Sentence("Subset defined"),
    Severity.ERROR,
    "A destination names a subset that no DestinationRule for its host defines; Envoy answers 503.",
    Sentence("Add the subset with the version's labels to the DestinationRule, or correct the name."),
    find,
)
