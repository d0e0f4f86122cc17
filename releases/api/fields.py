"""Fields whose shape several nouns share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.validators import URLValidator
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from releases.said import said

MAX_DEPTH = 20


class Said(serializers.CharField):
    """A sentence of the pure packages, in the reader's language."""

    def to_representation(self, value: str) -> str:
        return said(value)


class Text(serializers.CharField):
    """Text, and nothing that could be written as text: a number in its place is a mistake of the sender."""

    def to_internal_value(self, data: object) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        value: str = super().to_internal_value(data)
        return value


class Url(serializers.URLField):
    """An address of the web. What is refused has a code of its own: no schema can tell ``http://a b`` from a good one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        for validator in self.validators:
            if isinstance(validator, URLValidator):
                validator.code = "no_url"


class Instant(serializers.DateTimeField):
    """A time that may be left out: null, or empty as forms send it."""

    def to_internal_value(self, value: Any) -> Any:
        return None if value == "" else super().to_internal_value(value)


class Json(serializers.JSONField):
    """JSON that every database can store: no NUL character (PostgreSQL refuses it), no endless nesting."""

    default_error_messages = {
        "nul": _("Text must not contain the character U+0000."),
        "depth": _("This is nested too deeply."),
    }

    def to_internal_value(self, data: Any) -> Any:
        value = super().to_internal_value(data)
        self._check(value, depth=0)
        return value

    def _check(self, value: object, *, depth: int) -> None:
        if depth > MAX_DEPTH:
            self.fail("depth")
        if isinstance(value, str):
            if "\x00" in value:
                self.fail("nul")
        elif isinstance(value, Mapping):
            for key, item in value.items():
                self._check(key, depth=depth + 1)
                self._check(item, depth=depth + 1)
        elif isinstance(value, Sequence):
            for item in value:
                self._check(item, depth=depth + 1)


TEXT = {"type": "string"}
PERCENT = {"type": "integer", "minimum": 0, "maximum": 100}


@extend_schema_field(
    {
        "type": "object",
        "description": "One of header, cookie, query; one of exact, prefix, regex, users.",
        "properties": {
            "name": TEXT,
            "header": TEXT,
            "cookie": TEXT,
            "query": TEXT,
            "exact": TEXT,
            "prefix": TEXT,
            "regex": {**TEXT, "description": "RE2"},
            "users": {"type": "array", "items": {"type": ["string", "integer"]}},
            "to": {"type": "string", "enum": ["candidate", "stable"]},
        },
    }
)
class RuleJson(Json):
    """Requests that match go to one version. What it says, ``istio.rules`` checks."""


@extend_schema_field(
    {
        "type": "object",
        "properties": {
            "header": TEXT,
            "percent": PERCENT,
            "offset": {"type": "integer", "minimum": 0, "maximum": 255},
            "ids": {"type": "string", "enum": ["decimal", "hex"]},
        },
        "required": ["header", "percent"],
    }
)
class StickyJson(Json):
    """The same users always see the candidate. What it says, ``istio.spec`` checks."""


@extend_schema_field(
    {
        "type": "object",
        "properties": {"percent": {"type": "number", "exclusiveMinimum": 0, "maximum": 100}},
        "required": ["percent"],
    }
)
class MirrorJson(Json):
    """A copy of some requests goes to the candidate. What it says, ``istio.spec`` checks."""
