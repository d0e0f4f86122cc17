"""A sentence for people that keeps its parts, so that a door can say it in the reader's language.

The pure packages know no language but English and must not import a catalogue. A formatted string has lost
what a translation needs: the sentence without its values. This text is the English sentence wherever it goes
(logs, the audit trail, comparisons) and still knows the template it was made from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from types import MappingProxyType
from typing import Any, Self


class Sentence(str):
    """The English sentence itself, with ``template`` and ``params`` beside it.

    The template is a literal at the call, where the catalogue's extraction finds it, with a ``{name}`` for each
    value. A value may be a Sentence, which is then translated by itself. Anything that makes a new text of it
    (``+``, an f-string, JSON, a database) leaves plain English.
    """

    __slots__ = ("params", "template")

    template: str
    params: Mapping[str, object]

    def __new__(cls, template: str, /, **params: object) -> Self:
        """Fill in the template. Raises KeyError if it names a value that is not given."""
        sentence = super().__new__(cls, template.format(**params))
        sentence.template = template
        sentence.params = MappingProxyType(params)
        return sentence

    def __reduce__(self) -> tuple[object, ...]:
        return _again, (type(self), self.template, dict(self.params))


def _again(kind: type[Sentence], template: str, params: dict[str, object]) -> Sentence:
    return kind(template, **params)


def message_of(error: Exception) -> str:
    """Return an error's message as it was given, a Sentence with its parts: ``str(error)`` has lost them."""
    given = error.args[0] if error.args else None
    return given if isinstance(given, Sentence) else str(error)


def parts_of(text: str) -> dict[str, object]:
    """Return what a text is made of, as plain values for a JSON column; a text without parts stays whole."""
    if not isinstance(text, Sentence):
        return {"text": text}
    return {"template": text.template, "params": {name: _part(value) for name, value in text.params.items()}}


def _part(value: object) -> object:
    """A number stays one; what is no JSON is its text."""
    if value is None or isinstance(value, int | float):
        return value
    return parts_of(value if isinstance(value, str) else str(value))


def sentence_of(parts: Mapping[str, object]) -> str:
    """Read what ``parts_of`` wrote; nothing is an empty text."""
    params = parts.get("params")
    if not isinstance(params, Mapping):
        return str(parts.get("text", ""))
    values = {
        name: sentence_of(value) if isinstance(value, Mapping) else value for name, value in params.items()
    }
    return Sentence(str(parts["template"]), **values)


def with_parts(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return values for a JSON column: a Sentence as its English text, and what it is made of under ``<name>_parts``."""
    parts = {
        f"{name}_parts": parts_of(value) for name, value in params.items() if isinstance(value, Sentence)
    }
    plain = {name: str(value) if isinstance(value, Sentence) else value for name, value in params.items()}
    return {**plain, **parts}


def from_parts(params: Mapping[str, Any], name: str) -> str:
    """Read a text that ``with_parts`` wrote; one that was stored without its parts, or over those of another, is as it is."""
    text, parts = str(params.get(name) or ""), params.get(f"{name}_parts")
    whole = sentence_of(parts) if isinstance(parts, Mapping) else text
    return whole if whole == text else text


def in_a_row(items: Iterable[str]) -> str:
    """Return the sentences one after the other, each still to be translated; an empty text for none."""
    return reduce(_then, items, "")


def _then(before: str, item: str) -> str:
    return Sentence("{before} {item}", before=before, item=item) if before else item


def listed(items: Iterable[str]) -> str:
    """Return the items with commas between them, each still to be translated; an empty text for none."""
    return reduce(_and, items, "")


def _and(before: str, item: str) -> str:
    return Sentence("{before}, {item}", before=before, item=item) if before else item
