"""A regular expression that Envoy would refuse: with it, the whole route configuration."""

from __future__ import annotations

from collections.abc import Iterator

from istio.checks.check import Check
from istio.checks.facts import CheckFacts
from istio.checks.finding import Finding, Severity
from istio.regex import ISTIO_PROGRAM_SIZE, MAX_PROGRAM_SIZE, BadRegex, program_size
from istio.routes import sections_of
from istio.sentence import Sentence, message_of

CODE = "WEIR0108"


def find(facts: CheckFacts) -> Iterator[Finding]:
    """Compile every ``regex`` of matches and CORS policies as RE2 does, and weigh its program."""
    for place, route in sections_of(facts.virtual_service):
        for field in ("match", "corsPolicy"):
            for path, pattern in _patterns(route.get(field), path=f"{place}/{field}"):
                yield from _judged(pattern, path=path)


def _judged(pattern: str, *, path: str) -> Iterator[Finding]:
    try:
        size = program_size(pattern)
    except BadRegex as error:
        message = Sentence(
            "Pattern {pattern} is not RE2 ({error}): Envoy refuses the configuration. Correct it.",
            pattern=repr(pattern[:60]),
            error=message_of(error),
        )
        yield Finding(CODE, Severity.ERROR, path, message)
        return
    if size > ISTIO_PROGRAM_SIZE:
        message = Sentence(
            "Pattern {pattern} compiles to {size} steps, Envoy takes {limit}: it refuses the "
            "configuration. Shorten it.",
            pattern=repr(pattern[:60]),
            size=size,
            limit=ISTIO_PROGRAM_SIZE,
        )
        yield Finding(CODE, Severity.ERROR, path, message)
    elif size > MAX_PROGRAM_SIZE:
        message = Sentence(
            "Pattern {pattern} compiles to {size} steps. Istio's proxies take {limit}, an Envoy "
            "without Istio's settings {usual_limit}: shorten it if you have such.",
            pattern=repr(pattern[:60]),
            size=size,
            limit=ISTIO_PROGRAM_SIZE,
            usual_limit=MAX_PROGRAM_SIZE,
        )
        yield Finding(CODE, Severity.WARNING, path, message)


def _patterns(value: object, *, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "regex" and isinstance(item, str):
                yield f"{path}/regex", item
            else:
                yield from _patterns(item, path=f"{path}/{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _patterns(item, path=f"{path}[{index}]")


CHECK = Check(
    CODE,
    Sentence("Regular expressions compile"),
    Severity.ERROR,
    "A regular expression is not RE2 or compiles to more than Envoy takes; Envoy refuses the configuration.",
    Sentence("Correct or shorten it; RE2 has no look-around and no back-references."),
    find,
)
