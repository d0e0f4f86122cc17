"""``trains/``: several rollouts asked for, approved and taken back as one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Model, QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from releases import flow, selectors
from releases.api.actors import actor_of
from releases.api.audit import AuditEventSerializer
from releases.api.base import Door, Noun
from releases.api.fields import Instant, Text
from releases.api.people import PersonSerializer
from releases.api.references import Key, Reference
from releases.api.rollouts.inputs import DecisionInput, EventInput, RejectionInput, candidate_named
from releases.api.rollouts.newest import newest_verdicts
from releases.api.rollouts.serializers import (
    AllowedEventSerializer,
    RolloutDetailSerializer,
    RolloutSerializer,
)
from releases.api.schema import EventSchema
from releases.domain.states import Event, State
from releases.domain.train import TRAIN_EVENTS, Order, TrainState, train_state
from releases.models import Rollout, RolloutPlan, Train
from services.models import Service

STATES = [(state.value, state.value) for state in TrainState]
ORDERS = [(order.value, order.value) for order in Order]
"""As the schema names them; pages have their own words."""


class MemberInput(serializers.Serializer[Any]):
    """One service of the train, in its place. The candidate is a version of the service, by id or name."""

    service = Reference(rows=Service.objects.select_related("policy", "stable", "cluster"))
    candidate = Key()
    plan = Reference(rows=RolloutPlan.objects.prefetch_related("steps"))

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Look the candidate up among the service's versions."""
        attrs["candidate"] = candidate_named(attrs["candidate"], service=attrs["service"])
        return attrs


class TrainInput(serializers.Serializer[Any]):
    """A train as it is asked for. The statements are said of every member."""

    name = Text(max_length=100, required=False, allow_blank=True, default="")
    order = serializers.ChoiceField(choices=ORDERS, required=False, default=Order.ORDERED.value)
    members = serializers.ListField(child=MemberInput(), min_length=1)
    start_at = Instant(required=False, allow_null=True, default=None)
    reason = Text(max_length=4000, allow_blank=True)
    impact = Text(max_length=4000, allow_blank=True)
    test_evidence = Text(max_length=4000, allow_blank=True)
    rollback_note = Text(max_length=4000, allow_blank=True)
    ticket = Text(max_length=200, required=False, allow_blank=True, default="")


class TrainSerializer(serializers.ModelSerializer[Train]):
    """A train with its rollouts in their order. One approval approves ``fingerprint``; ``events`` are what its state knows."""

    number = serializers.CharField(source="__str__", read_only=True)
    order = serializers.ChoiceField(choices=ORDERS, read_only=True)
    state = serializers.SerializerMethodField()
    fingerprint = serializers.SerializerMethodField()
    created_by = PersonSerializer(read_only=True)
    rollouts = serializers.SerializerMethodField()
    events = serializers.SerializerMethodField()

    class Meta:
        model = Train
        fields = [
            "id", "number", "name", "order", "state", "fingerprint", "created_by", "created_at", "rollouts", "events",
        ]  # fmt: skip

    @extend_schema_field(serializers.ChoiceField(choices=STATES))
    def get_state(self, train: Train) -> str:
        return self._state(train).value

    def get_fingerprint(self, train: Train) -> str:
        return flow.fingerprint_of_train(train, rows=_rollouts(train))

    @extend_schema_field(RolloutSerializer(many=True))
    def get_rollouts(self, train: Train) -> list[dict[str, Any]]:
        return list(RolloutSerializer(_rollouts(train), many=True, context=self.context).data)

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_events(self, train: Train) -> list[str]:
        return [event.slug for event in TRAIN_EVENTS[self._state(train)]]

    def _state(self, train: Train) -> TrainState:
        return train_state(State(row.state) for row in _rollouts(train))


class TrainDetailSerializer(TrainSerializer):
    """A train alone: its rollouts with steps and votes, and what the person who asks may do to the whole."""

    allowed_events = serializers.SerializerMethodField()

    class Meta(TrainSerializer.Meta):
        fields = [*TrainSerializer.Meta.fields, "allowed_events"]

    @extend_schema_field(RolloutDetailSerializer(many=True))
    def get_rollouts(self, train: Train) -> list[dict[str, Any]]:
        return list(RolloutDetailSerializer(_rollouts(train), many=True, context=self.context).data)

    @extend_schema_field(AllowedEventSerializer(many=True))
    def get_allowed_events(self, train: Train) -> Any:
        events = selectors.allowed_train_events(train, actor_of(self.context["request"]))
        return AllowedEventSerializer(events, many=True).data


def _rollouts(train: Train) -> list[Rollout]:
    return [member.rollout for member in train.members.all()]


def _context(trains: list[Train], *, request: Request) -> dict[str, Any]:
    verdicts = newest_verdicts([row for train in trains for row in _rollouts(train)])
    return {"request": request, "verdicts": verdicts}


def _shown(pk: int, *, request: Request) -> dict[str, Any]:
    """Read a train and show it as its own page does. Raises Http404."""
    train = get_object_or_404(selectors.trains(), pk=pk)
    data: dict[str, Any] = TrainDetailSerializer(train, context=_context([train], request=request)).data
    return data


class TrainViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Noun[Train]):
    grants = {"create": (Event.SUBMIT,)}
    queryset = Train.objects.all()
    serializer_class = TrainSerializer
    ordering = "-id"

    def list(self, request: Request) -> Response:
        """All trains, newest first."""
        page = self.paginate_queryset(self.filter_queryset(selectors.trains())) or []
        shown = TrainSerializer(page, many=True, context=_context(page, request=request))
        return self.get_paginated_response(shown.data)

    @extend_schema(responses=TrainDetailSerializer)
    def retrieve(self, request: Request, pk: int) -> Response:
        """One train, with what the person who asks may do to it."""
        return Response(_shown(pk, request=request))

    @extend_schema(responses=AuditEventSerializer(many=True), filters=False)
    @action(detail=True, ordering="seq")
    def timeline(self, request: Request, pk: int) -> Response:
        """What was done or refused to the train and its rollouts, oldest first."""
        events: QuerySet[Any] = selectors.train_timeline(get_object_or_404(Train, pk=pk))
        page = self.paginate_queryset(events)
        return self.get_paginated_response(AuditEventSerializer(page, many=True).data)

    @extend_schema(request=TrainInput, responses={201: TrainDetailSerializer})
    def create(self, request: Request) -> Response:
        """Make a draft of each member."""
        given = TrainInput(data=request.data)
        given.is_valid(raise_exception=True)
        said = dict(given.validated_data)
        train = flow.create_train(
            name=said.pop("name"),
            order=Order(said.pop("order")),
            asked=[flow.Asked(**member) for member in said.pop("members")],
            statements=flow.Statements(**said),
            by=actor_of(request),
        )
        return Response(_shown(train.pk, request=request), status=status.HTTP_201_CREATED)


TRAIN_EVENT_INPUTS: Mapping[Event, type[EventInput]] = {
    event: {Event.APPROVE: DecisionInput, Event.REJECT: RejectionInput}.get(event, EventInput)
    for event in dict.fromkeys(event for events in TRAIN_EVENTS.values() for event in events)
}
"""What each event of a train takes."""


class TrainEventView(Door):
    """One event of one train. ``urls`` makes one of these per event, each with the input it takes."""

    event = Event.SUBMIT
    input_class: type[EventInput] = EventInput
    output_class = TrainDetailSerializer
    schema = EventSchema()
    reaches_out = True

    def post(self, request: Request, pk: int) -> Response:
        train = get_object_or_404(Train, pk=pk)
        said = self.given(
            request,
            taken_as=self.input_class,
            first=lambda: flow.check_train_first(train, self.event, by=actor_of(request)),
        )
        flow.perform_train(
            train,
            self.event,
            by=actor_of(request),
            why=said["reason"],
            fingerprint=said.get("fingerprint", ""),
        )
        return Response(_shown(pk, request=request))

    def refused_object(self) -> Model | None:
        return Train.objects.filter(pk=self.kwargs["pk"]).first()

    def refused_action(self) -> str:
        return self.event.value
