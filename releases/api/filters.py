"""Query parameters that say what is wrong with them, where Django's forms would take anything for "not asked"."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from releases.api.references import named

_WORDS = {"true": True, "1": True, "false": False, "0": False}


class _YesNoField(forms.Field):
    def to_python(self, value: Any) -> bool | None:
        """Return what is meant, None for nothing. Raises ValidationError."""
        if value in {None, ""}:
            return None
        word = str(value).lower()
        if word not in _WORDS:
            raise ValidationError(_("Give true or false."), code="invalid")
        return _WORDS[word]


def yes_or_no(value: str | None) -> bool | None:
    """Return what a query parameter says, None for nothing. Raises ValidationError of Django's forms."""
    said: bool | None = _YesNoField(required=False).clean(value)
    return said


class YesNo(django_filters.BooleanFilter):
    """``true`` or ``false``."""

    field_class = _YesNoField  # type: ignore[assignment]  # any field of a form serves; the stubs name one


class ByName(django_filters.CharFilter):
    """A row of another kind, by id or name. One that is not there finds nothing, as in every list."""

    def filter(self, rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        return rows.filter(named(value, prefix=f"{self.field_name}__")) if value else rows


class _SomeOfField(forms.MultipleChoiceField):
    def to_python(self, value: Any) -> list[str]:
        """Return what was chosen; an empty value chooses nothing."""
        return [str(one) for one in value or () if one != ""]


class SomeOf(django_filters.MultipleChoiceFilter):
    """May be given several times. No DISTINCT: a join would repeat rows, a column cannot, and it would sort the whole table."""

    field_class = _SomeOfField

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options, distinct=False)
