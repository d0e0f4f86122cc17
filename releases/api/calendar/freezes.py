"""``freezes/`` and ``release-windows/``: made and changed through ``flow``; 202 where a second person has to agree."""

from __future__ import annotations

from typing import Any

import django_filters
from django.conf import settings
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema
from rest_framework import filters, mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from releases import flow, selectors
from releases.api.actors import actor_of
from releases.api.base import Noun
from releases.api.calendar.moments import resolved
from releases.api.calendar.serializers import (
    FreezeInput,
    FreezeSerializer,
    HolidaySerializer,
    ImportInput,
    OverrideInput,
    ProposalSerializer,
    ReasonInput,
    RedButtonInput,
    WindowInput,
    WindowSerializer,
)
from releases.api.filters import YesNo
from releases.api.references import named
from releases.domain.roles import Action
from releases.models import Freeze, Holiday, ReleaseWindow, Rollout


class ScopeFilter(django_filters.FilterSet):
    """By service or cluster, by id or name."""

    service = django_filters.CharFilter(method="by_service")
    cluster = django_filters.CharFilter(method="by_cluster")

    def by_service(self, rows: QuerySet[Any], _name: str, value: str) -> QuerySet[Any]:
        return rows.filter(named(value, prefix="service__"))

    def by_cluster(self, rows: QuerySet[Any], _name: str, value: str) -> QuerySet[Any]:
        return rows.filter(named(value, prefix="cluster__"))


class FreezeFilter(ScopeFilter):
    """``lifted=false`` leaves out what was lifted."""

    lifted = YesNo(field_name="lifted_at", lookup_expr="isnull", exclude=True)


class FreezeViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Noun[Freeze]):
    """Periods in which nothing moves forward; rolling back always may."""

    grants = {
        **dict.fromkeys(
            ("create", "partial_update", "lift", "destroy", "import_file"), (Action.EDIT_CALENDAR,)
        ),
        "override": (Action.OVERRIDE_FREEZE,),
        "red_button": (Action.PRESS_RED_BUTTON,),
    }

    serializer_class = FreezeSerializer
    filter_backends = [DjangoFilterBackend, filters.OrderingFilter]
    filterset_class = FreezeFilter
    ordering_fields = ["id", "starts_at", "name"]

    def get_queryset(self) -> QuerySet[Freeze]:
        return selectors.freezes()

    @extend_schema(request=FreezeInput, responses={201: FreezeSerializer})
    def create(self, request: Request) -> Response:
        """Make a freeze. Closing takes one person."""
        fields = _given(FreezeInput(data=request.data))
        made = flow.create_freeze(by=actor_of(request), fields=fields)
        return Response(self._shown(made), status=status.HTTP_201_CREATED)

    @extend_schema(request=FreezeInput, responses={200: FreezeSerializer, 202: FreezeSerializer})
    def partial_update(self, request: Request, pk: int) -> Response:
        """Change a freeze. Less of an active one is proposed (202) and holds on until somebody else agrees."""
        freeze = self.get_object()
        fields = _given(FreezeInput(data=request.data, partial=True), zone=freeze.time_zone)
        why = str(fields.get("reason", ""))
        changed, proposal = flow.change_freeze(freeze, by=actor_of(request), fields=fields, why=why)
        return Response(self._shown(changed), status=_status(proposal))

    @extend_schema(request=ReasonInput, responses={200: FreezeSerializer, 202: FreezeSerializer})
    @action(detail=True, methods=["post"])
    def lift(self, request: Request, pk: int) -> Response:
        """End a freeze for good; an active one when somebody else agrees (202)."""
        return self._lift(request, why=_given(ReasonInput(data=request.data))["reason"])

    @extend_schema(responses={200: FreezeSerializer, 202: FreezeSerializer})
    def destroy(self, request: Request, pk: int) -> Response:
        """The same as ``lift``: a freeze is kept for the record."""
        return self._lift(request, why=str(request.query_params.get("reason", "")) or "deleted by the API")

    @extend_schema(request=OverrideInput, responses={202: ProposalSerializer})
    @action(detail=True, methods=["post"])
    def override(self, request: Request, pk: int) -> Response:
        """Ask that one rollout may go on in spite of it. Somebody else has to agree."""
        given = _given(OverrideInput(data=request.data))
        rollout = get_object_or_404(Rollout.objects.select_related("service"), pk=given["rollout"])
        proposal = flow.ask_override(
            rollout, freeze=self.get_object(), by=actor_of(request), why=given["reason"]
        )
        return Response(ProposalSerializer(proposal).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=RedButtonInput, responses={201: FreezeSerializer})
    @action(detail=False, methods=["post"], url_path="red-button")
    def red_button(self, request: Request) -> Response:
        """Stop everything from going forward, now and until two people lift it."""
        given = _given(RedButtonInput(data=request.data))
        made = flow.press_red_button(by=actor_of(request), why=given.pop("reason"), **given)
        return Response(self._shown(made), status=status.HTTP_201_CREATED)

    @extend_schema(request=ImportInput, responses={201: FreezeSerializer(many=True)}, filters=False)
    @action(detail=False, methods=["post"], url_path="import", pagination_class=None)
    def import_file(self, request: Request) -> Response:
        """Make freezes of the events of an iCalendar file: all, or none."""
        given = _given(ImportInput(data=request.data))
        made = flow.import_freezes(given.pop("ics"), by=actor_of(request), **given)
        rows = self.get_queryset().filter(pk__in=[freeze.pk for freeze in made]).order_by("pk")
        return Response(FreezeSerializer(rows, many=True).data, status=status.HTTP_201_CREATED)

    def _lift(self, request: Request, *, why: str) -> Response:
        freeze, proposal = flow.lift_freeze(self.get_object(), by=actor_of(request), why=why)
        return Response(self._shown(freeze), status=_status(proposal))

    def _shown(self, freeze: Freeze) -> dict[str, Any]:
        data: dict[str, Any] = FreezeSerializer(self.get_queryset().get(pk=freeze.pk)).data
        return data


class WindowViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Noun[ReleaseWindow]):
    """Periods in which things may move forward. Where a service has one, all other times are closed."""

    grants = dict.fromkeys(("create", "partial_update", "destroy"), (Action.EDIT_CALENDAR,))

    serializer_class = WindowSerializer
    filter_backends = [DjangoFilterBackend, filters.OrderingFilter]
    filterset_class = ScopeFilter
    ordering_fields = ["id", "starts_at", "name"]

    def get_queryset(self) -> QuerySet[ReleaseWindow]:
        return selectors.windows()

    @extend_schema(request=WindowInput, responses={201: WindowSerializer})
    def create(self, request: Request) -> Response:
        fields = _given(WindowInput(data=request.data))
        made = flow.save_window(ReleaseWindow(), by=actor_of(request), fields=fields)
        return Response(WindowSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=WindowInput, responses={200: WindowSerializer})
    def partial_update(self, request: Request, pk: int) -> Response:
        window = self.get_object()
        fields = _given(WindowInput(data=request.data, partial=True), zone=window.time_zone)
        return Response(WindowSerializer(flow.save_window(window, by=actor_of(request), fields=fields)).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        flow.delete_window(self.get_object(), by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class HolidayViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Noun[Holiday]):
    """The operator's own list of days: off, or worked. It outweighs what the library knows."""

    grants = dict.fromkeys(("create", "destroy"), (Action.EDIT_CALENDAR,))

    queryset = Holiday.objects.all()
    serializer_class = HolidaySerializer

    @extend_schema(responses={201: HolidaySerializer})
    def create(self, request: Request) -> Response:
        """Put a day on the list, or change it there."""
        given = {"working": False, **_given(HolidaySerializer(data=request.data))}
        row = flow.save_holiday(by=actor_of(request), **given)
        return Response(HolidaySerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        flow.delete_holiday(self.get_object(), by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _given(serializer: serializers.BaseSerializer[Any], *, zone: str = "") -> dict[str, Any]:
    """Return what was sent, checked, with instants. The zone: what the body says, what the row has, the place's."""
    serializer.is_valid(raise_exception=True)
    fields = dict(serializer.validated_data)
    if "starts_at" in fields or "ends_at" in fields:
        place = fields.get("service")
        cluster = fields.get("cluster") or (place.cluster if place else None)
        chosen = fields.get("time_zone") or zone or (cluster.time_zone if cluster else settings.TIME_ZONE)
        fields["time_zone"] = chosen
        return resolved(fields, zone=chosen)
    return {name: value for name, value in fields.items() if not name.endswith("_fold")}


def _status(proposal: object | None) -> int:
    return status.HTTP_202_ACCEPTED if proposal else status.HTTP_200_OK
