"""Reading a TrafficSpec's JSON without trusting it: each reader returns a typed value or raises BadSpec."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from istio.documents import BadSpec
from istio.sentence import Sentence


def object_in(value: object, *, field: str) -> Mapping[str, object]:
    """Return a JSON object. Raises BadSpec."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise BadSpec(
            Sentence("{field} must be an object, not {value}.", field=field, value=f"{value!r:.80}")
        )
    return value


def list_in(value: object, *, field: str) -> list[object]:
    """Return a JSON list, empty for null. Raises BadSpec."""
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise BadSpec(Sentence("{field} must be a list, not {value}.", field=field, value=f"{value!r:.80}"))
    return list(value)


def text_in(value: object, *, field: str) -> str:
    """Return a text, "" for null. Raises BadSpec."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadSpec(Sentence("{field} must be a text, not {value}.", field=field, value=f"{value!r:.80}"))
    return value


def number_in(value: object, *, field: str) -> int | float:
    """Return a number; true and false are none. Raises BadSpec."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadSpec(Sentence("{field} must be a number, not {value}.", field=field, value=f"{value!r:.80}"))
    return value


def whole_in(value: object, *, low: int, high: int, field: str) -> int:
    """Return a whole number within bounds; 10.0 is one, true is none. Raises BadSpec."""
    number = number_in(value, field=field)
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if not isinstance(number, int) or not low <= number <= high:
        raise BadSpec(
            Sentence(
                "{field} must be a whole number from {low} to {high}, not {value}.",
                field=field,
                low=low,
                high=high,
                value=f"{value!r:.80}",
            )
        )
    return number


def one_of(value: object, *, choices: Collection[str], field: str) -> None:
    """Raise BadSpec unless the value is one of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise BadSpec(
            Sentence(
                "{field} must be one of {choices}, not {value}.",
                field=field,
                choices=", ".join(sorted(choices)),
                value=f"{value!r:.80}",
            )
        )


def only(document: Mapping[str, object], *, fields: Collection[str], where: str) -> None:
    """Raise BadSpec if the object has a field nobody knows: a misspelt one would silently do nothing."""
    unknown = sorted(set(document) - set(fields))
    if unknown:
        raise BadSpec(
            Sentence(
                "{where} has unknown fields {unknown}; known are {known}.",
                where=where,
                unknown=", ".join(unknown),
                known=", ".join(sorted(fields)),
            )
        )
