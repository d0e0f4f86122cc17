"""Doors to rollouts: read through ``selectors``, act through ``flow``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Model, QuerySet
from django.shortcuts import get_object_or_404
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema
from rest_framework import filters, mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from releases import flow, selectors
from releases.api.actors import actor_of
from releases.api.audit import AuditEventSerializer
from releases.api.base import Door, Noun
from releases.api.rollouts.evidence import SnapshotSerializer, VerdictSerializer
from releases.api.rollouts.filters import RolloutFilter
from releases.api.rollouts.inputs import EventInput, ReviewInput, RolloutChanges, RolloutInput
from releases.api.rollouts.newest import newest_verdicts
from releases.api.rollouts.preview import PreviewSerializer
from releases.api.rollouts.serializers import RolloutDetailSerializer, RolloutSerializer
from releases.api.schema import EventSchema
from releases.domain.roles import Action
from releases.domain.states import Event
from releases.models import Rollout


class RolloutViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Noun[Rollout]):
    """Ask for a release, change the draft, see where it is."""

    grants = {"create": (Event.SUBMIT,), "partial_update": (Event.EDIT,)}

    filter_backends = [DjangoFilterBackend, filters.OrderingFilter]
    filterset_class = RolloutFilter
    ordering = "-id"
    ordering_fields = ["id", "created_at", "state"]

    def get_queryset(self) -> QuerySet[Rollout]:
        return selectors.listed_rollouts() if self.action == "list" else selectors.rollouts()

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Rollout]]:
        return RolloutSerializer if self.action == "list" else RolloutDetailSerializer

    def list(self, request: Request) -> Response:
        """Everybody's rollouts, newest first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(several_shown(page or [], request=request))

    def retrieve(self, request: Request, pk: int) -> Response:
        """One rollout, with what the person who asks may do to it."""
        return Response(one_shown(self.get_object(), request=request))

    @extend_schema(request=RolloutInput, responses={201: RolloutDetailSerializer})
    def create(self, request: Request) -> Response:
        """Make a draft. It asks nobody for anything before it is submitted."""
        given = RolloutInput(data=request.data)
        given.is_valid(raise_exception=True)
        rollout = flow.create(by=actor_of(request), **given.validated_data)
        return Response(shown(rollout, request=request), status=status.HTTP_201_CREATED)

    @extend_schema(request=RolloutChanges, responses={200: RolloutDetailSerializer})
    def partial_update(self, request: Request, pk: int) -> Response:
        """Change a draft. Whoever edits it can not approve it."""
        rollout = self.get_object()
        given = RolloutChanges(data=request.data, partial=True, context={"service": rollout.service})
        given.is_valid(raise_exception=True)
        return Response(
            shown(flow.edit(rollout, by=actor_of(request), changes=given.validated_data), request=request)
        )

    @extend_schema(responses=PreviewSerializer, filters=False)
    @action(detail=True, reaches_out=True)
    def preview(self, request: Request, pk: int) -> Response:
        """What each step would write, and what the checks say about it."""
        return Response(PreviewSerializer(selectors.preview(self.get_object())).data)

    @extend_schema(responses=SnapshotSerializer(many=True), filters=False)
    @action(detail=True, filter_backends=[], ordering="at")
    def snapshots(self, request: Request, pk: int) -> Response:
        """Both versions' figures, oldest first."""
        return self._page(self.get_object().snapshots.all(), SnapshotSerializer)

    @extend_schema(responses=VerdictSerializer(many=True), filters=False)
    @action(detail=True, filter_backends=[], ordering="-at")
    def verdicts(self, request: Request, pk: int) -> Response:
        """What the judge said, newest first."""
        return self._page(self.get_object().verdicts.all(), VerdictSerializer)

    @extend_schema(responses=AuditEventSerializer(many=True), filters=False)
    @action(detail=True, filter_backends=[], ordering="seq")
    def timeline(self, request: Request, pk: int) -> Response:
        """Everything that was done or refused, oldest first. Addresses are only told by ``audit/``."""
        return self._page(
            self.get_object().audit_events.select_related("service__cluster", "rollout").defer("text"),
            AuditEventSerializer,
        )

    def _page(self, rows: QuerySet[Any], serializer: type[serializers.ModelSerializer[Any]]) -> Response:
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(serializer(page, many=True).data)


class ReviewView(Door):
    """What somebody else found about an emergency release, within a day."""

    grants = {"post": (Event.APPROVE,)}

    scope = "approve"

    @extend_schema(request=ReviewInput, responses={200: RolloutDetailSerializer})
    def post(self, request: Request, pk: int) -> Response:
        rollout = get_object_or_404(selectors.rollouts(), pk=pk)
        given = ReviewInput(data=request.data)
        given.is_valid(raise_exception=True)
        flow.review_emergency(rollout, by=actor_of(request), **given.validated_data)
        return Response(shown(rollout, request=request))


class EventView(Door):
    """One event of one rollout. ``urls`` makes one of these per event, each with the input it takes."""

    event = Event.SUBMIT
    input_class: type[EventInput] = EventInput
    output_class = RolloutDetailSerializer
    schema = EventSchema()
    reaches_out = True

    def post(self, request: Request, pk: int) -> Response:
        rollout = get_object_or_404(selectors.rollouts(), pk=pk)
        said = self.given(
            request,
            taken_as=self.input_class,
            first=lambda: flow.check_first(rollout, self._wanted(request), by=actor_of(request)),
        )
        emergency = {name: said.pop(name, "") for name in ("emergency", "incident", "service_name")}
        if emergency["emergency"]:
            moved = flow.release_in_emergency(
                rollout,
                by=actor_of(request),
                why=said["reason"],
                incident=emergency["incident"],
                typed_name=emergency["service_name"],
            )
            return Response(shown(moved, request=request))
        moved = flow.perform(rollout, self.event, by=actor_of(request), why=said.pop("reason"), **said)
        return Response(shown(moved, request=request))

    def _wanted(self, request: Request) -> Event | Action:
        is_emergency = isinstance(request.data, dict) and request.data.get("emergency")
        return Action.RELEASE_IN_EMERGENCY if is_emergency else self.event

    def refused_object(self) -> Model | None:
        return Rollout.objects.select_related("service").filter(pk=self.kwargs["pk"]).first()

    def refused_action(self) -> str:
        return self.event.value


def shown(rollout: Rollout, *, request: Request) -> dict[str, Any]:
    """Read the rollout again and show it as the detail page does."""
    return one_shown(selectors.rollouts().get(pk=rollout.pk), request=request)


def one_shown(rollout: Rollout, *, request: Request) -> dict[str, Any]:
    """Show a rollout of ``selectors.rollouts`` as the detail page does."""
    context = {"request": request, "verdicts": newest_verdicts([rollout])}
    data: dict[str, Any] = RolloutDetailSerializer(rollout, context=context).data
    return data


def several_shown(rollouts: Sequence[Rollout], *, request: Request) -> list[dict[str, Any]]:
    """Show rollouts of ``selectors.listed_rollouts`` as lists do."""
    context = {"request": request, "verdicts": newest_verdicts(rollouts)}
    return list(RolloutSerializer(rollouts, many=True, context=context).data)
