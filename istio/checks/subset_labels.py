"""The candidate's subset selects other pods than the version's own."""

from __future__ import annotations

from collections.abc import Iterator

from istio.checks.check import Check
from istio.checks.facts import CheckFacts
from istio.checks.finding import Finding, Severity
from istio.documents import describe, rules_for_host, subsets_of
from istio.sentence import Sentence

CODE = "WEIR0112"


def find(facts: CheckFacts) -> Iterator[Finding]:
    """Compare the subset's labels with the registered ones, and with those of the stable subset."""
    candidate, stable = facts.candidate_version, facts.stable_version
    if candidate.subset is None:
        return
    rules = rules_for_host(list(facts.destination_rules), host=candidate.host, namespace=facts.home)
    subsets = [
        (f"{describe(rule)} spec/subsets[{index}]", name, labels)
        for rule in rules
        for index, (name, labels) in enumerate(subsets_of(rule))
    ]
    of_stable = [labels for _, name, labels in subsets if name == stable.subset]
    for path, name, labels in subsets:
        if name != candidate.subset:
            continue
        if facts.candidate_labels and labels != dict(facts.candidate_labels):
            message = Sentence(
                "Subset {name} selects {labels}, the version was registered with {registered}: other "
                "pods would be released. Correct one of the two.",
                name=repr(name),
                labels=labels,
                registered=dict(facts.candidate_labels),
            )
            yield Finding(CODE, Severity.ERROR, path, message)
        if labels in of_stable:
            message = Sentence(
                "Subsets {name} and {stable} select the same pods {labels}: nothing is split. "
                "Give them labels that differ.",
                name=repr(name),
                stable=repr(stable.subset),
                labels=labels,
            )
            yield Finding(CODE, Severity.ERROR, path, message)


CHECK = Check(
    CODE,
    Sentence("Subset selects the version"),
    Severity.ERROR,
    "The candidate's subset selects by other labels than the version was registered with, or as stable does.",
    Sentence("Correct the labels in the DestinationRule or of the registered version."),
    find,
)
