"""Lists come in pages with a cursor: a row that appears meanwhile moves nothing, no page costs a count."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
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
