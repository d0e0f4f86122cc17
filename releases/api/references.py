"""Naming another row in a body or a query: by id, or by the name people use."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

MAX_ID = 2**63 - 1


def named(value: str, *, by: str = "name", prefix: str = "") -> Q:
    """Return the filter for a row that is named by its id or its name, as in ``?service=7`` or
    ``?service=order``.
    """
    found = Q(**{f"{prefix}{by}": value})
    return found | Q(**{f"{prefix}id": int(value)}) if value.isdecimal() and int(value) <= MAX_ID else found


@extend_schema_field({"oneOf": [{"type": "integer"}, {"type": "string"}]})
class Key(serializers.Field[Any, int | str, Any, Any]):
    """An id (number) or a name (text), not looked up yet."""

    default_error_messages = {"kind": _("Give an id (a number) or a name (text).")}

    def to_internal_value(self, data: object) -> Any:
        """Return the key. Raises ValidationError."""
        if isinstance(data, bool) or not isinstance(data, int | str):
            self.fail("kind")
        return data


class Reference(Key):
    """An id or a name; answers the row. Raises ValidationError for a name that fits none or several."""

    def __init__(self, *, rows: QuerySet[Any], **options: Any) -> None:
        self.rows = rows
        super().__init__(**options)

    def to_internal_value(self, data: object) -> Any:
        return find(self.rows, super().to_internal_value(data))

    def to_representation(self, value: models.Model) -> int | str:
        return int(value.pk)


class Named(Reference):
    """Taken by id or name, shown by name."""

    def to_representation(self, value: Any) -> str:
        return str(value.name)


def find(rows: QuerySet[Any], value: int | str) -> Any:
    """Return the one row with this id or name. Raises ValidationError."""
    what = rows.model._meta.verbose_name
    unknown = ValidationError(
        _("There is no %(what)s '%(value)s'.") % {"what": what, "value": value}, code="does_not_exist"
    )
    if isinstance(value, int):
        row = rows.filter(pk=value).first() if 0 < value <= MAX_ID else None
        if row is None:
            raise unknown
        return row
    if "\x00" in value:
        raise unknown
    by_name = list(rows.filter(name=value)[:2])
    if len(by_name) > 1:
        raise ValidationError(
            _("Several rows are named '%(value)s'; give the id.") % {"value": value}, code="ambiguous"
        )
    if by_name:
        return by_name[0]
    if value.isdecimal():
        return find(rows, int(value))
    raise unknown
