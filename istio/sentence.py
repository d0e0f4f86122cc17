"""A sentence for people that keeps its parts, so that a door can say it in the reader's language.

The pure packages know no language but English and must not import a catalogue. A formatted string has lost
what a translation needs: the sentence without its values. This text is the English sentence wherever it goes
(logs, the audit trail, comparisons) and still knows the template it was made from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from types import MappingProxyType
from typing import Self


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
    params = {
        name: parts_of(value) if isinstance(value, str) else value for name, value in text.params.items()
    }
    return {"template": text.template, "params": params}


def sentence_of(parts: Mapping[str, object]) -> str:
    """Read what ``parts_of`` wrote; nothing is an empty text."""
    params = parts.get("params")
    if not isinstance(params, Mapping):
        return str(parts.get("text", ""))
    values = {
        name: sentence_of(value) if isinstance(value, Mapping) else value for name, value in params.items()
    }
    return Sentence(str(parts["template"]), **values)


def listed(items: Iterable[str]) -> str:
    """Return the items with commas between them, each still to be translated; an empty text for none."""
    return reduce(_and, items, "")


def _and(before: str, item: str) -> str:
    return Sentence("{before}, {item}", before=before, item=item) if before else item
