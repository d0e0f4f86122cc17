"""Serializers for lists: what they show is declared as always, and reading it costs a fraction."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from operator import attrgetter
from typing import Any, TypeVar

from django.db.models import Model
from rest_framework import serializers
from rest_framework.fields import SkipField

Row = TypeVar("Row", bound=Model)
Read = Callable[[Any], Any]
AS_STORED = frozenset(
    {
        serializers.BooleanField,
        serializers.CharField,
        serializers.ChoiceField,
        serializers.FloatField,
        serializers.IntegerField,
        serializers.JSONField,
    }
)
"""Fields that show a column of their kind as it is."""
_MOMENT = serializers.DateTimeField()


class RowSerializer(serializers.ModelSerializer[Row]):
    """Shows the same as its base. How each field is read is found out once, not for every row."""

    def to_representation(self, instance: Row) -> dict[str, Any]:
        shown = {}
        for name, read in self._reads:
            with suppress(SkipField):
                shown[name] = read(instance)
        return shown

    @cached_property
    def _reads(self) -> tuple[tuple[str, Read], ...]:
        model: type[Model] = self.Meta.model
        shown = [(name, field) for name, field in self.fields.items() if not field.write_only]
        return tuple((name, self._read(field, model=model)) for name, field in shown)

    def _read(self, field: serializers.Field[Any, Any, Any, Any], *, model: type[Model]) -> Read:
        source, concrete = str(field.source), model._meta.concrete_fields
        columns = {column.name for column in concrete if not column.is_relation}
        relations = {column.name: column.attname for column in concrete if column.is_relation}
        if isinstance(field, serializers.SerializerMethodField):
            method: Read = getattr(self, field.method_name or "")
            return method
        if type(field) in AS_STORED and source in columns:
            return attrgetter(source)
        if type(field) is serializers.DateTimeField and source in columns:
            column = attrgetter(source)
            return lambda row: moment(column(row))
        if type(field) is serializers.PrimaryKeyRelatedField and source in relations:
            return attrgetter(relations[source])
        related = attrgetter(source) if source in relations else field.get_attribute

        def represented(row: Any) -> Any:
            value = related(row)
            return None if value is None else field.to_representation(value)

        return represented


def moment(value: datetime | None) -> str | None:
    """Show an instant as every serializer does."""
    return None if value is None else _MOMENT.to_representation(value)
