"""What clusters, services, metrics and policies have in common: they are read by all and changed through
``flow``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Model
from rest_framework import mixins, status
from rest_framework.request import Request
from rest_framework.response import Response

from releases import flow
from releases.api.actors import actor_of
from releases.api.base import Noun, Row
from releases.api.permissions import Wanted
from releases.domain.roles import Action


class CatalogueViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Noun[Row]):
    """List, read, create and change rows of the catalogue. Each change is audited, and refused without the
    role.
    """

    http_method_names = ["get", "post", "patch", "head", "options"]
    grants: Mapping[str, Wanted] = {
        "create": (Action.EDIT_CATALOGUE,),
        "partial_update": (Action.EDIT_CATALOGUE,),
    }

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = self.get_serializer(data=request.data)
        given.is_valid(raise_exception=True)
        row = flow.save_catalogue(
            self.get_queryset().model(), by=actor_of(request), changes=given.validated_data
        )
        return Response(self._shown(row), status=status.HTTP_201_CREATED)

    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        row = self.get_object()
        given = self.get_serializer(row, data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        changes = given.validated_data
        takes_two = bool(flow.guarded(row, changes=changes))
        why = str(request.query_params.get("reason", ""))
        saved = flow.save_catalogue(row, by=actor_of(request), changes=changes, why=why)
        return Response(
            self._shown(saved), status=status.HTTP_202_ACCEPTED if takes_two else status.HTTP_200_OK
        )

    def _shown(self, row: Model) -> dict[str, Any]:
        """Read the row again with everything joined, as the lists do."""
        shown: dict[str, Any] = self.get_serializer(self.get_queryset().get(pk=row.pk)).data
        return shown
