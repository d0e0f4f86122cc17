"""Istio's match entries: what they match, and two conditions as one entry.

A match entry is the AND of its fields; an entry without fields matches everything. Only one comparison per
header or query parameter fits into an entry, so two conditions on the same one must be folded into one, or
refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from istio.documents import MalformedRoute, RuleConflict, copied, mapping_at, objects_at, text_at
from istio.mesh import Manifest
from istio.regex import BadRegex, alternations, escaped, full_match
from istio.routes import Place
from istio.rules import Match
from istio.sentence import Sentence, message_of
from istio.spec import Sticky

COMPARISONS = ("exact", "prefix", "regex")
# Istio turns "*" into "is present"; ".*" means the same for a value that is there.
ANY_VALUE = frozenset({"*", ".*"})


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison of one header or query parameter: ``matcher`` is Istio's StringMatch."""

    field: Literal["headers", "queryParams"]
    name: str
    kind: str
    value: str


def conditions_of(match: Match) -> list[Condition]:
    """Return the conditions of which any one makes the match: one, or several for a long list of users."""
    if match.source == "header" and match.comparison == "users":
        return [Condition("headers", match.name, "regex", pattern) for pattern in _users(match)]
    if match.source == "header":
        return [Condition("headers", match.name, match.comparison, match.value)]
    pattern = match.value if match.comparison == "regex" else escaped(match.value)
    if match.source == "cookie":
        rest = "[^;]*" if match.comparison == "prefix" else ""
        cookie = rf"(?:.*;\s*)?{escaped(match.name)}=(?:{pattern}){rest}(?:;.*)?"
        return [Condition("headers", "cookie", "regex", cookie)]
    if match.comparison == "prefix":  # older Istio has no prefix for query parameters
        return [Condition("queryParams", match.name, "regex", f"{pattern}.*")]
    return [Condition("queryParams", match.name, match.comparison, match.value)]


def sticky_conditions(sticky: Sticky) -> list[Condition]:
    """Return the condition of a sticky split, none at 0 percent."""
    pattern = sticky.pattern()
    return [Condition("headers", sticky.header, "regex", pattern)] if pattern else []


def narrowed(route: Manifest, *, place: Place, conditions: Sequence[Condition]) -> list[Manifest]:
    """Return the match entries of a route AND any of the conditions, as new entries.

    Entries that nothing can fulfil are left out. Raises RuleConflict if none is left, or if a pair cannot be
    said in one entry; MalformedRoute.
    """
    entries = objects_at(route, "match", where=str(place)) or [{}]
    found = [
        entry
        for index, base in enumerate(entries)
        for condition in conditions
        if (entry := _with_condition(base, condition=condition, where=f"{place}/match[{index}]")) is not None
    ]
    if not found:
        raise RuleConflict(
            Sentence(
                "No request can fulfil both {place} and the rule on {name}. It would catch nobody: "
                "change the rule, or the route's match.",
                place=place,
                name=repr(conditions[0].name),
            )
        )
    return found


def string_matches(matcher: Manifest, value: str, *, where: str, ignore_case: bool = False) -> bool:
    """Say whether Istio's StringMatch takes a value. Raises MalformedRoute, also for a bad regex."""
    kind, wanted = comparison_of(matcher, where=where)
    if kind == "present":
        return True
    if kind == "regex":
        try:
            return full_match(f"(?i){wanted}" if ignore_case else wanted, value)
        except BadRegex as error:
            raise MalformedRoute(
                Sentence(
                    "{where}/regex is not RE2: {error}; correct the manifest.",
                    where=where,
                    error=message_of(error),
                )
            ) from error
    if ignore_case:
        wanted, value = wanted.lower(), value.lower()
    return value == wanted if kind == "exact" else value.startswith(wanted)


def comparison_of(matcher: Manifest, *, where: str) -> tuple[str, str]:
    """Return ``exact``, ``prefix``, ``regex`` or ``present``, and the text. Raises MalformedRoute."""
    if not isinstance(matcher, dict):
        raise MalformedRoute(Sentence("{where} is no string match; correct the manifest.", where=where))
    given = [
        (kind, text_at(matcher, kind, where=where)) for kind in COMPARISONS if matcher.get(kind) is not None
    ]
    if len(given) > 1:
        raise MalformedRoute(Sentence("{where} has several comparisons; Istio takes one.", where=where))
    if not given or (given[0][0] == "regex" and given[0][1] in ANY_VALUE):
        return "present", ""
    return given[0]


def _users(match: Match) -> tuple[str, ...]:
    try:
        return alternations(match.users)
    except BadRegex as error:
        raise RuleConflict(
            Sentence(
                "The user list on {name} cannot be written: {error}; shorten the ids.",
                name=repr(match.name),
                error=message_of(error),
            )
        ) from error


def _with_condition(base: Manifest, *, condition: Condition, where: str) -> Manifest | None:
    """Return one entry AND a condition, None if nothing can fulfil both."""
    entry: Manifest = copied(base)
    compared = mapping_at(entry, condition.field, where=where)
    is_header = condition.field == "headers"
    key = _key_of(compared, name=condition.name, ignore_case=is_header)
    if is_header and _is_excluded(base, condition=condition, where=where):
        return None
    both = (condition.kind, condition.value)
    if key is not None:
        place = f"{where}/{condition.field}/{key}"
        folded = _folded(comparison_of(compared[key], where=place), both, where=place)
        if folded is None:
            return None
        both = folded
    entry[condition.field] = {**compared, (key or condition.name): {both[0]: both[1]}}
    return entry


def _folded(one: tuple[str, str], other: tuple[str, str], *, where: str) -> tuple[str, str] | None:
    """Fold two comparisons of one value into one, None if they exclude each other. Raises RuleConflict."""
    if one == other or one[0] == "present":
        return other
    if other[0] == "present":
        return one
    for first, second in ((one, other), (other, one)):
        if first[0] == "exact":
            return first if string_matches({second[0]: second[1]}, first[1], where=where) else None
    if one[0] == other[0] == "prefix":
        longer, shorter = sorted((one, other), key=lambda comparison: -len(comparison[1]))
        return longer if longer[1].startswith(shorter[1]) else None
    raise RuleConflict(
        Sentence(
            "{where} is already compared ({kind} {value}). Istio takes one comparison, and this "
            "and the rule's ({rule_kind} {rule_value}) do not fold into one. Use another header, "
            "or an exact value.",
            where=where,
            kind=one[0],
            value=repr(one[1]),
            rule_kind=other[0],
            rule_value=f"{other[1]!r:.80}",
        )
    )


def _is_excluded(base: Manifest, *, condition: Condition, where: str) -> bool:
    excluded = mapping_at(base, "withoutHeaders", where=where)
    key = _key_of(excluded, name=condition.name, ignore_case=True)
    if key is None:
        return False
    place = f"{where}/withoutHeaders/{key}"
    comparison = comparison_of(excluded[key], where=place)
    if comparison[0] == "present" or comparison == (condition.kind, condition.value):
        return True
    return condition.kind == "exact" and string_matches(excluded[key], condition.value, where=place)


def _key_of(compared: Manifest, *, name: str, ignore_case: bool) -> str | None:
    for key in compared:
        if key == name or (ignore_case and str(key).lower() == name):
            return key
    return None
