"""Regular expressions as Envoy runs them: RE2 syntax, the whole text must match.

Envoy refuses a pattern whose compiled program is larger than a limit: 100 by default (measured with Envoy
1.40: 100 is taken, 102 is not), 32768 where Istio's bootstrap raises it. Weir writes only what every Envoy
takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol, cast

import re2

from istio.sentence import Sentence

MAX_PROGRAM_SIZE = 100
ISTIO_PROGRAM_SIZE = 32_768


class _Pattern(Protocol):
    programsize: int

    def fullmatch(self, text: str) -> object | None: ...


class BadRegex(ValueError):
    """RE2 does not take the pattern. ``str()`` says why."""


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> _Pattern:
    options = re2.Options()
    options.log_errors = False
    try:
        return cast("_Pattern", re2.compile(pattern, options))
    except re2.error as error:
        reason = error.args[0] if error.args else error
        raise BadRegex(
            reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        ) from error
    except UnicodeEncodeError as error:
        raise BadRegex(Sentence("it holds half a character (a lone surrogate)")) from error


def check_regex(pattern: str) -> None:
    """Raise BadRegex unless RE2 takes the pattern."""
    _compiled(pattern)


def program_size(pattern: str) -> int:
    """Return the size of the compiled program, the figure that Envoy limits. Raises BadRegex."""
    return _compiled(pattern).programsize


def full_match(pattern: str, text: str) -> bool:
    """Say whether the whole text matches. Raises BadRegex."""
    try:
        return _compiled(pattern).fullmatch(text) is not None
    except UnicodeEncodeError:  # no header carries half a character
        return False


def escaped(text: str) -> str:
    """Return a pattern that matches exactly this text. Raises BadRegex for text that cannot be sent."""
    try:
        return cast("str", re2.escape(text))
    except UnicodeEncodeError as error:
        raise BadRegex(Sentence("it holds half a character (a lone surrogate)")) from error


@lru_cache(maxsize=32)
def alternations(texts: Sequence[str], *, max_program_size: int = MAX_PROGRAM_SIZE) -> tuple[str, ...]:
    """Return few patterns that together match exactly these texts, each within the program limit.

    ``texts`` is a tuple (it is the key of a cache). Raises BadRegex if one text alone is too long for the
    limit.
    """
    escaped_texts = [escaped(text) for text in texts]
    patterns: list[str] = []
    start = 0
    while start < len(texts):
        count = _how_many_fit(escaped_texts[start:], limit=max_program_size)
        if not count:
            raise BadRegex(
                Sentence("{text}... is too long to be matched by Envoy", text=repr(texts[start][:40]))
            )
        patterns.append("|".join(escaped_texts[start : start + count]))
        start += count
    return tuple(patterns)


def _how_many_fit(escaped_texts: Sequence[str], *, limit: int) -> int:
    """Return how many of the first texts one pattern can hold: doubled until too many, then halved down.

    A compilation per text would take seconds for thousands of them.
    """

    def fits(count: int) -> bool:
        return program_size("|".join(escaped_texts[:count])) <= limit

    low, high = 0, 1
    while high < len(escaped_texts) and fits(high):
        low, high = high, min(high * 2, len(escaped_texts))
    if fits(high):
        return high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def character_class(characters: str) -> str:
    """Return a class such as ``[0-37]`` for sorted, distinct ASCII letters and digits."""
    if len(characters) == 1:
        return characters
    runs: list[str] = []
    start = previous = characters[0]
    for character in [*characters[1:], ""]:
        if character and ord(character) == ord(previous) + 1:
            previous = character
            continue
        runs.append(
            start
            if start == previous
            else f"{start}{'-' if ord(previous) - ord(start) > 1 else ''}{previous}"
        )
        start = previous = character
    return f"[{''.join(runs)}]"
