"""``traffic-changes/``: weights and rules changed by hand, previewed, voted on, applied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import django_filters
from django.db.models import Model, QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from releases import flow, selectors
from releases.api.actors import actor_of
from releases.api.base import Door, Noun
from releases.api.fields import MirrorJson, RuleJson, StickyJson, Text
from releases.api.filters import SomeOf, YesNo
from releases.api.people import PersonSerializer
from releases.api.references import Key, Reference, find, named
from releases.api.rollouts.inputs import DecisionInput, EventInput, RejectionInput
from releases.api.rollouts.preview import FindingSerializer
from releases.api.schema import EventSchema
from releases.api.traffic import Shares
from releases.api.versions import ServiceRefSerializer, VersionRefSerializer
from releases.domain.roles import Action
from releases.domain.states import Event
from releases.domain.traffic_change import OPEN, ChangeEvent
from releases.models import TrafficChange, TrafficVote
from releases.models.traffic_change import CHANGE_STATE_LABELS
from services.models import Service, Version


class SpecSerializer(serializers.Serializer[Any]):
    """What the mesh shall do: rules in order, first hit wins, then sticky users, then the weight (percent)."""

    candidate_weight = serializers.IntegerField(min_value=0, max_value=100, default=0)
    rules = serializers.ListField(child=RuleJson(), default=list, max_length=50)
    sticky = StickyJson(required=False, allow_null=True, default=None)
    mirror = MirrorJson(required=False, allow_null=True, default=None)


class ChangePreviewInput(serializers.Serializer[Any]):
    """A change that is looked at before it is asked for. Versions default to the two last used."""

    service = Reference(rows=Service.objects.select_related("policy", "stable", "cluster"))
    stable = Key(required=False, allow_null=True, default=None)
    candidate = Key(required=False, allow_null=True, default=None)
    spec = SpecSerializer()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Look the versions up among the service's."""
        for field in ("stable", "candidate"):
            attrs[field] = version_of(attrs.get(field), service=attrs["service"], field=field)
        return attrs


class ChangeInput(ChangePreviewInput):
    """A change and why it is wanted."""

    reason = Text(max_length=4000)


class TrafficVoteSerializer(serializers.ModelSerializer[TrafficVote]):
    """One vote on a change."""

    by = PersonSerializer()

    class Meta:
        model = TrafficVote
        fields = ["id", "by", "decision", "reason", "fingerprint", "created_at", "voided_at", "voided_why"]


class AllowedChangeEventSerializer(serializers.Serializer[Any]):
    """An event that makes sense now, whether *this* person may cause it, and if not, why."""

    event = serializers.CharField(source="event.value")
    allowed = serializers.BooleanField()
    why = serializers.CharField(allow_blank=True)


class TrafficChangeSerializer(serializers.ModelSerializer[TrafficChange]):
    """A change: what it does, where it is, who agreed. ``needs_vote`` is false for what leads back."""

    number = serializers.CharField(source="__str__", read_only=True)
    service = ServiceRefSerializer(read_only=True)
    stable = VersionRefSerializer(read_only=True)
    candidate = VersionRefSerializer(read_only=True)
    spec = SpecSerializer(read_only=True)
    state_label = serializers.CharField(source="get_state_display", read_only=True)
    requested_by = PersonSerializer(read_only=True)
    approvals = TrafficVoteSerializer(many=True, read_only=True)
    approvals_needed = serializers.IntegerField(source="service.policy.approvals_needed", read_only=True)
    allowed_events = serializers.SerializerMethodField()

    class Meta:
        model = TrafficChange
        fields = [
            "id", "number", "service", "stable", "candidate", "spec", "weight", "state", "state_label",
            "needs_vote", "reason", "problem", "requested_by", "fingerprint", "rollout", "approvals",
            "approvals_needed", "allowed_events", "created_at", "approved_at", "ended_at", "revision",
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(AllowedChangeEventSerializer(many=True))
    def get_allowed_events(self, change: TrafficChange) -> Any:
        events = selectors.allowed_change_events(change, actor_of(self.context["request"]))
        return AllowedChangeEventSerializer(events, many=True).data


class ChangePreviewSerializer(serializers.Serializer[Any]):
    """What a change would write, where requests would go, and who would have to agree.

    ``refusal`` says why it could not be asked for as it is; ``within_rollout`` is the live rollout that covers it.
    """

    stable = serializers.CharField()
    candidate = serializers.CharField()
    needs_vote = serializers.BooleanField()
    approvals_needed = serializers.IntegerField()
    groups = serializers.ListField(child=serializers.CharField())
    within_rollout = serializers.IntegerField(source="within.pk", default=None, allow_null=True)
    fingerprint = serializers.CharField(allow_blank=True)
    before = Shares()
    effective = Shares()
    objects = serializers.ListField(child=serializers.DictField())
    difference = serializers.CharField(allow_blank=True)
    findings = FindingSerializer(many=True)
    sticky_percent = serializers.FloatField(allow_null=True, help_text="Exact percent of evenly spread ids.")
    refusal = serializers.CharField(allow_blank=True)
    closed = serializers.CharField(allow_blank=True, help_text="What of the calendar holds it now.")


class TrafficChangeFilter(django_filters.FilterSet):
    """``?service=`` takes an id or a name; ``?state=`` may be given several times."""

    service = django_filters.CharFilter(method="of_service", label=_("service, by id or name"))
    state = SomeOf(choices=CHANGE_STATE_LABELS)
    open = YesNo(method="that_is_open", label=_("not ended"))

    class Meta:
        model = TrafficChange
        fields = ["service", "state", "open"]

    def of_service(self, rows: QuerySet[TrafficChange], name: str, value: str) -> QuerySet[TrafficChange]:
        return rows.filter(named(value, prefix=f"{name}__"))

    def that_is_open(self, rows: QuerySet[TrafficChange], name: str, value: bool) -> QuerySet[TrafficChange]:
        return rows.filter(state__in=OPEN) if value else rows.exclude(state__in=OPEN)


class TrafficChangeViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Noun[TrafficChange]):
    """Ask for a change of weights and rules, and see where it is."""

    grants = {"create": (Action.CHANGE_TRAFFIC, Event.ROLL_BACK)}

    filter_backends = [DjangoFilterBackend]
    filterset_class = TrafficChangeFilter
    serializer_class = TrafficChangeSerializer
    ordering = "-id"

    def get_queryset(self) -> QuerySet[TrafficChange]:
        return selectors.changes()

    @extend_schema(request=ChangeInput, responses={201: TrafficChangeSerializer})
    def create(self, request: Request) -> Response:
        """Ask for a change. What leads back may be applied at once; the rest waits for votes."""
        given = ChangeInput(data=request.data)
        given.is_valid(raise_exception=True)
        change = flow.request_change(by=actor_of(request), **given.validated_data)
        return Response(shown(change, request=request), status=status.HTTP_201_CREATED)

    @extend_schema(request=ChangePreviewInput, responses=ChangePreviewSerializer, filters=False)
    @action(detail=False, methods=["post"], scope="read")
    def preview(self, request: Request) -> Response:
        """What a change would write, before it is asked for. Nothing is stored."""
        given = ChangePreviewInput(data=request.data)
        given.is_valid(raise_exception=True)
        preview = selectors.preview_change(flow.draft_change(**given.validated_data))
        return Response(ChangePreviewSerializer(preview).data)

    @extend_schema(responses=ChangePreviewSerializer, filters=False)
    @action(detail=True, url_path="preview", reaches_out=True)
    def preview_stored(self, request: Request, pk: int) -> Response:
        """What this change writes, rendered from the objects as they were when it was asked for."""
        return Response(ChangePreviewSerializer(selectors.preview_change(self.get_object())).data)


class ChangeEventView(Door):
    """One event of one change. ``urls`` makes one of these per event, each with the input it takes."""

    event = ChangeEvent.APPLY
    input_class: type[EventInput] = EventInput
    output_class = TrafficChangeSerializer
    schema = EventSchema()
    reaches_out = True

    def post(self, request: Request, pk: int) -> Response:
        change = get_object_or_404(selectors.changes(), pk=pk)
        said = self.given(
            request,
            taken_as=self.input_class,
            first=lambda: flow.check_change_first(change, self.event, by=actor_of(request)),
        )
        moved = flow.perform_change(
            change,
            self.event,
            by=actor_of(request),
            why=said["reason"],
            fingerprint=said.get("fingerprint", ""),
        )
        return Response(shown(moved, request=request))

    def refused_object(self) -> Model | None:
        return TrafficChange.objects.select_related("service").filter(pk=self.kwargs["pk"]).first()

    def refused_action(self) -> str:
        return f"{self.event.value}_traffic_change"


CHANGE_EVENT_INPUTS: Mapping[ChangeEvent, type[EventInput]] = {
    ChangeEvent.APPROVE: DecisionInput,
    ChangeEvent.REJECT: RejectionInput,
    ChangeEvent.APPLY: EventInput,
    ChangeEvent.WITHDRAW: EventInput,
}
"""What each event of a person takes."""


def shown(change: TrafficChange, *, request: Request) -> dict[str, Any]:
    """Read the change again and show it."""
    data: dict[str, Any] = TrafficChangeSerializer(
        selectors.changes().get(pk=change.pk), context={"request": request}
    ).data
    return data


def version_of(key: int | str | None, *, service: Service, field: str) -> Version | None:
    """Return the service's version with this id or name, None for none. Raises ValidationError on ``field``."""
    if key is None:
        return None
    try:
        version: Version = find(Version.objects.select_related("service").filter(service=service), key)
    except serializers.ValidationError as error:
        raise serializers.ValidationError({field: error.detail}) from error
    return version
