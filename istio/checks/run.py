"""All checks in the order of their codes, and the page that describes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from istio.checks import (
    gateway_exists,
    host_exists,
    object_size,
    one_virtual_service,
    other_controller,
    pods_ready,
    regex_compiles,
    route_reachable,
    rule_catches_some,
    subset_defined,
    subset_labels,
    weights_sum,
)
from istio.checks.check import Check
from istio.checks.facts import CheckFacts
from istio.checks.finding import Finding, Severity
from istio.checks.request import REQUEST_CHECKS
from istio.documents import TrafficError, describe
from istio.sentence import Sentence, message_of

UNREADABLE = "WEIR0100"
_UNREADABLE_FINDS = "A document near the write is not what its API allows, so a check could not be made."
_UNREADABLE_TITLE = Sentence("Documents readable")
_UNREADABLE_REMEDY = Sentence("Correct the manifest at the place named.")
CHECKS: tuple[Check, ...] = (
    subset_defined.CHECK,
    host_exists.CHECK,
    pods_ready.CHECK,
    route_reachable.CHECK,
    weights_sum.CHECK,
    gateway_exists.CHECK,
    one_virtual_service.CHECK,
    regex_compiles.CHECK,
    object_size.CHECK,
    rule_catches_some.CHECK,
    other_controller.CHECK,
    subset_labels.CHECK,
)
ADVICE: Mapping[str, tuple[Sentence, Sentence]] = {
    UNREADABLE: (_UNREADABLE_TITLE, _UNREADABLE_REMEDY),
    **{check.code: (check.title, check.remedy) for check in CHECKS},
    **{check.code: (check.title, check.remedy) for check in REQUEST_CHECKS},
}
"""What each code is called, and what to do about it."""
_GRAVEST_FIRST = (Severity.ERROR, Severity.WARNING, Severity.INFO)


def run_checks(facts: CheckFacts) -> list[Finding]:
    """Return what all checks find, errors first, then by code and path.

    A check that cannot read a document says so with WEIR0100 and never stops the others. When the candidate
    gets nothing at all, which is going back, no finding is an error.
    """
    found = [finding for check in CHECKS for finding in _found(check, facts=facts)]
    if not _goes_up(facts):
        found = [
            replace(item, severity=Severity.WARNING) if item.severity is Severity.ERROR else item
            for item in found
        ]
    distinct = dict.fromkeys(found)
    return sorted(distinct, key=lambda item: (_GRAVEST_FIRST.index(item.severity), item.code, item.path))


def as_markdown() -> str:
    """Return ``docs/checks.md``: every code, what it finds, and what to do."""
    lines = [
        "# Checks",
        "",
        "Run before every write and in every preview. An *error* blocks going up, never going back; the",
        "others are shown. Generated from `istio/checks/`.",
        "",
        "| Code | Check | At worst | Finds | What to do |",
        "|---|---|---|---|---|",
        f"| {UNREADABLE} | {_UNREADABLE_TITLE} | warning | {_UNREADABLE_FINDS} | {_UNREADABLE_REMEDY} |",
        *(
            f"| {check.code} | {check.title} | {check.worst} | {check.finds} | {check.remedy} |"
            for check in CHECKS
        ),
        "",
        "Three more are made when a rollout is submitted; they need Prometheus and the API server, or what is live.",
        "",
        "| Code | Check | Finds | What to do |",
        "|---|---|---|---|",
        *(f"| {check.code} | {check.title} | {check.finds} | {check.remedy} |" for check in REQUEST_CHECKS),
    ]
    return "\n".join(lines) + "\n"


def _found(check: Check, *, facts: CheckFacts) -> list[Finding]:
    try:
        return list(check.find(facts))
    except TrafficError as error:
        message = Sentence(
            "{title} could not be checked: {error}", title=check.title, error=message_of(error)
        )
        return [Finding(UNREADABLE, Severity.WARNING, describe(facts.virtual_service), message)]


def _goes_up(facts: CheckFacts) -> bool:
    try:
        return facts.goes_up
    except TrafficError:
        return facts.candidate_weight > 0
