"""Lists come in pages with a cursor: a row that appears meanwhile moves nothing, no page costs a count."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.filters import OrderingFilter
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.views import APIView


class Pages(CursorPagination):
    """``?cursor=``, ``?page_size=`` up to 200. The view names its ``ordering``."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    ordering = "-id"

    def get_page_size(self, request: Request) -> int:
        """Return how many rows a page has. Raises ValidationError for what is no number from 1 to 200."""
        asked = request.query_params.get(self.page_size_query_param, "")
        if not asked:
            return self.page_size
        if not asked.isdecimal() or not 1 <= int(asked) <= self.max_page_size:
            detail = _("A page has from 1 to %(most)s rows.") % {"most": self.max_page_size}
            raise serializers.ValidationError({self.page_size_query_param: [detail]})
        return int(asked)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        parameters: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        for parameter in parameters:
            if parameter["name"] == self.page_size_query_param:
                parameter["schema"] |= {"minimum": 1, "maximum": self.max_page_size}
        return parameters

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: APIView) -> tuple[str, ...]:
        if OrderingFilter in getattr(view, "filter_backends", []):
            chosen: tuple[str, ...] = super().get_ordering(request, queryset, view)
        else:
            chosen = (getattr(view, "ordering", self.ordering),)
        if chosen[-1].lstrip("-") == "id":
            return chosen
        # In the same direction: then one index serves both ways.
        return (*chosen, "-id" if chosen[-1].startswith("-") else "id")

    def paginate_queryset(  # type: ignore[override]  # a cursor needs rows of the database
        self, queryset: QuerySet[Any], request: Request, view: APIView | None = None
    ) -> list[Any] | None:
        """Return one page. A cursor of another list or by hand is 404, like any that can not be read."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValueError, ValidationError) as error:
            raise NotFound(self.invalid_cursor_message) from error
