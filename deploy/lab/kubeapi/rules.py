"""The CEL rules (``x-kubernetes-validations``) of the vendored CRDs, by hand: they are few.

The table is complete for the vendored file: ``uncovered`` names what a newer file would bring, and a test
asks it. A rule that cannot be evaluated (a duration that is none) fails with the rule's own message; the
server words that differently. Transition rules (``oldSelf``) do not occur.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from deploy.lab.kubeapi.kinds import Json

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"([0-9]*\.?[0-9]+)(ns|us|µs|ms|s|m|h)")


def seconds(text: str) -> float:
    """Return a Go duration (``1h30m``, ``1.5s``) in seconds. Raises ValueError."""
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text)
    parts = _DURATION.findall(rest)
    if not parts or "".join(number + unit for number, unit in parts) != rest:
        raise ValueError(f"{text!r} is no duration")
    return sign * sum(float(number) * _UNITS[unit] for number, unit in parts)


def _lasts_a_millisecond(value: Any) -> bool:
    try:
        return seconds(value) >= 0.001
    except ValueError:
        return False


def _at_most_one(*names: str) -> Callable[[Any], bool]:
    return lambda value: sum(name in value for name in names) <= 1


def _sum(*names: str) -> str:
    return " + ".join(f"(has(self.{name}) ? 1 : 0)" for name in names) + " <= 1"


RULES: Mapping[str, Callable[[Any], bool]] = {
    "duration(self) >= duration('1ms')": _lasts_a_millisecond,
    'self.all(key, !key.contains("*"))': lambda value: all("*" not in key for key in value),
    "self.all(key, key.size() != 0)": lambda value: "" not in value,
    '!self.contains("*")': lambda value: "*" not in value,
    _sum("tlsCertificates", "credentialNames"): _at_most_one("tlsCertificates", "credentialNames"),
    _sum("credentialName", "credentialNames"): _at_most_one("credentialName", "credentialNames"),
    _sum("credentialNames", "tlsCertificates"): _at_most_one("credentialNames", "tlsCertificates"),
}


def broken(schema: Json, value: Any) -> Iterator[str]:
    """Yield the message of every rule of this schema node that the value breaks."""
    for validation in schema.get("x-kubernetes-validations", ()):
        holds = RULES.get(validation["rule"])
        if holds is not None and not holds(value):
            yield validation.get("message") or f"failed rule: {validation['rule']}"


def uncovered(schema: Any) -> set[str]:
    """Return the rules anywhere in a schema that are not in the table."""
    if isinstance(schema, list):
        return set().union(*map(uncovered, schema))
    if not isinstance(schema, dict):
        return set()
    own = {validation["rule"] for validation in schema.get("x-kubernetes-validations", ())}
    return (own - RULES.keys()).union(*(uncovered(value) for value in schema.values()))
