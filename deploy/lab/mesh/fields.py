"""Small values inside Istio objects: durations, percentages, strings to match. Pure."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import re2

Json = dict[str, Any]
"""One Kubernetes or Envoy object as JSON; which fields it has is for the reader of the object to know."""

_SECONDS_PER_UNIT = {
    "h": Decimal(3600),
    "m": Decimal(60),
    "s": Decimal(1),
    "ms": Decimal("0.001"),
    "us": Decimal("0.000001"),
    "ns": Decimal("0.000000001"),
}
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|us|ns|s)")


class TranslationError(Exception):
    """Envoy could not be given what the object asks for. ``str()`` names the field and what to do."""


def seconds(duration: str, *, path: str) -> str:
    """Return a Go duration ("1m30s", "250ms") as Envoy writes it: seconds with a trailing "s"."""
    parts = _DURATION_PART.findall(duration)
    if not parts or "".join(number + unit for number, unit in parts) != duration:
        raise TranslationError(
            f"{path}: {duration!r} is no duration; write for example 1.5s, 250ms or 1m30s."
        )
    total = sum((Decimal(number) * _SECONDS_PER_UNIT[unit] for number, unit in parts), Decimal(0))
    return f"{total.normalize():f}s"


def fraction(percent: float) -> Json:
    """Return 0-100 percent as Envoy's FractionalPercent, in millionths like istiod does."""
    return {"numerator": round(percent * 10_000), "denominator": "MILLION"}


def regex(expression: str, *, path: str) -> Json:
    """Return an Envoy regex matcher (always a full match), refusing what RE2 cannot compile."""
    try:
        re2.compile(expression)
    except re2.error as error:
        raise TranslationError(f"{path}: RE2 cannot compile {expression!r}: {error}.") from error
    return {"regex": expression}


def string_match(match: Json, *, path: str, ignore_case: bool = False) -> Json:
    """Translate Istio's StringMatch (exact, prefix or regex) to Envoy's StringMatcher."""
    matcher: Json
    if "exact" in match:
        matcher = {"exact": match["exact"]}
    elif "prefix" in match:
        matcher = {"prefix": match["prefix"]}
    elif "regex" in match:
        return {"safe_regex": regex(match["regex"], path=f"{path}.regex")}
    else:
        raise TranslationError(f"{path}: give exact, prefix or regex.")
    return {**matcher, "ignore_case": True} if ignore_case else matcher
