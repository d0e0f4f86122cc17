"""What every check is: a code that never changes its meaning, what it finds, what to do, and the search."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from istio.checks.facts import CheckFacts
from istio.checks.finding import Finding, Severity
from istio.sentence import Sentence


@dataclass(frozen=True, slots=True)
class Check:
    """One line of ``docs/checks.md`` and the function behind it.

    ``worst`` is the gravest severity it can report. ``find`` raises TrafficError for what it cannot read.
    """

    code: str
    title: Sentence
    worst: Severity
    finds: str
    remedy: Sentence
    find: Callable[[CheckFacts], Iterable[Finding]]
