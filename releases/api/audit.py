"""``audit/``: every attempt, done or refused, newest first; and whether the chain still holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from releases import flow, selectors
from releases.about import about
from releases.api.actors import actor_of, user_of
from releases.api.base import Noun
from releases.api.filters import yes_or_no
from releases.api.permissions import MayReadAudit
from releases.api.references import named
from releases.api.rows import RowSerializer
from releases.api.traffic import ObjectOrNull
from releases.api.versions import ServiceRefSerializer
from releases.clock import database_now
from releases.models import AuditEvent, Rollout, SignedHead
from services.models import Service


class RolloutRefSerializer(serializers.ModelSerializer[Rollout]):
    """A rollout as other rows name it."""

    number = serializers.CharField(source="__str__")

    class Meta:
        model = Rollout
        fields = ["id", "number"]

    def to_representation(self, instance: Rollout) -> dict[str, Any]:
        return {"id": instance.pk, "number": str(instance)}


class AuditEventSerializer(RowSerializer[AuditEvent]):
    """One event, with its place in the chain. ``ip`` is null unless ``context["addresses"]`` is true."""

    sentence = serializers.SerializerMethodField()
    object = serializers.SerializerMethodField(
        help_text="The kind of thing and its name, in the reader's language."
    )
    service = ServiceRefSerializer(read_only=True, allow_null=True)
    rollout = RolloutRefSerializer(read_only=True, allow_null=True)
    ip = serializers.SerializerMethodField()
    before = ObjectOrNull()
    after = ObjectOrNull()

    class Meta:
        model = AuditEvent
        fields = [
            "seq", "at", "actor", "user", "on_behalf_of", "channel", "ip", "request_id", "action", "outcome",
            "sentence", "reason", "object", "object_type", "object_id", "service", "rollout", "fingerprint",
            "before", "after", "prev", "hash",
        ]  # fmt: skip

    def get_sentence(self, event: AuditEvent) -> str:
        return selectors.audit_sentence(event)

    def get_object(self, event: AuditEvent) -> str:
        return about(event)

    def get_ip(self, event: AuditEvent) -> str | None:
        return event.ip if self.context.get("addresses") else None


class ReadingSerializer(serializers.Serializer[Any]):
    """A reading that goes on: it has come to ``seq`` of ``until``."""

    seq = serializers.IntegerField()
    until = serializers.IntegerField()
    started_at = serializers.DateTimeField()


class ChainSerializer(serializers.Serializer[Any]):
    """What the last reading of the chain found; ``detail`` is a sentence about the first bad event, or empty."""

    valid = serializers.BooleanField(
        help_text="False also while nothing was read yet: verified_at is null then."
    )
    events = serializers.IntegerField(help_text="Events read and found good, up to seq.")
    seq = serializers.IntegerField(help_text="The last good event.")
    first_bad = serializers.IntegerField(allow_null=True)
    detail = serializers.CharField(allow_blank=True)
    heads = serializers.IntegerField(
        help_text="Signed heads that this reading held against the chain, all of them good."
    )
    head = serializers.CharField(help_text="The hash of the last good event.", allow_blank=True)
    verified_at = serializers.DateTimeField(allow_null=True)
    whole_verified_at = serializers.DateTimeField(
        allow_null=True, help_text="When everything was read last; since then only what was new."
    )
    running = ReadingSerializer(allow_null=True)


class HeadSerializer(serializers.ModelSerializer[SignedHead]):
    """A signature over the chain up to ``seq``; ``sent_at`` is null until it is kept outside the database."""

    class Meta:
        model = SignedHead
        fields = ["seq", "hash", "at", "key_id", "signature", "sent_at"]


EXPORTS: Mapping[str, str] = {
    "jsonl": "application/jsonl; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "heads": "application/jsonl; charset=utf-8",
}


class AddressFilter(django_filters.CharFilter):
    """PostgreSQL refuses to compare an address with anything else, so the form must."""

    field_class = forms.GenericIPAddressField


class AuditFilter(django_filters.FilterSet):
    """``since`` is included, ``until`` is not. ``fingerprint`` takes its beginning: pages show 12 digits."""

    service = django_filters.CharFilter(method="of_service", label=_("service, by id or name"))
    rollout = django_filters.CharFilter(method="of_rollout", label=_("rollout, as 7 or R-7"))
    fingerprint = django_filters.CharFilter(method="of_content", label=_("fingerprint, or its beginning"))
    ip = AddressFilter(label=_("IP address"))
    search = django_filters.CharFilter(
        method="that_mentions",
        label=_("words in actor, action, object or reason; an address, a request id, a fingerprint"),
    )
    since = django_filters.IsoDateTimeFilter(method="from_time", label=_("from this time on"))
    until = django_filters.IsoDateTimeFilter(method="before_time", label=_("before this time"))

    class Meta:
        model = AuditEvent
        fields = [
            "actor",
            "service",
            "rollout",
            "action",
            "outcome",
            "channel",
            "fingerprint",
            "ip",
            "search",
            "since",
            "until",
        ]

    def of_service(self, rows: QuerySet[AuditEvent], name: str, value: str) -> QuerySet[AuditEvent]:
        # Ids first: a join would keep the index of events by service from being walked from the newest on.
        return rows.filter(
            service__in=list(Service.objects.filter(named(value)).values_list("pk", flat=True))
        )

    def of_rollout(self, rows: QuerySet[AuditEvent], name: str, value: str) -> QuerySet[AuditEvent]:
        number = value.upper().removeprefix("R-")
        return rows.filter(rollout_id=int(number)) if number.isdecimal() else rows.none()

    def from_time(self, rows: QuerySet[AuditEvent], name: str, value: datetime) -> QuerySet[AuditEvent]:
        return selectors.events_since(rows, value)

    def before_time(self, rows: QuerySet[AuditEvent], name: str, value: datetime) -> QuerySet[AuditEvent]:
        return selectors.events_until(rows, value)

    def that_mentions(self, rows: QuerySet[AuditEvent], name: str, value: str) -> QuerySet[AuditEvent]:
        return selectors.events_that_mention(rows, value)

    def of_content(self, rows: QuerySet[AuditEvent], name: str, value: str) -> QuerySet[AuditEvent]:
        return selectors.events_of_content(rows, value)


WHOLE_TRAIL: list[type[BasePermission]] = [*Noun.permission_classes, MayReadAudit]


class AuditViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Noun[AuditEvent]):
    """Read only. An event is addressed by its number, ``seq``. Who may not read the whole trail reads that of their services."""

    serializer_class = AuditEventSerializer
    filterset_class = AuditFilter
    lookup_field = "seq"
    ordering = "-seq"

    queryset = AuditEvent.objects.select_related("service__cluster", "rollout").defer("text")

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Nobody finds more than they may read, in lists and alone."""
        return super().filter_queryset(selectors.readable_events(queryset, user_of(self.request)))

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "addresses": True}

    @extend_schema(
        parameters=[OpenApiParameter("format", str, enum=list(EXPORTS), default="jsonl")],
        responses={
            (200, "application/jsonl"): OpenApiTypes.BINARY,
            (200, "text/csv"): OpenApiTypes.BINARY,
        },
    )
    @action(detail=False, pagination_class=None)
    def export(self, request: Request) -> HttpResponseBase:
        """Everything the filters let through, oldest first, streamed; ``heads``: every signed head.

        Auditors take the whole trail, others the events of their services. Without filters an auditor's JSON Lines hold the
        whole trail and its signed heads, and verify on their own.
        """
        chosen = request.query_params.get("format") or "jsonl"
        if chosen not in EXPORTS:
            raise serializers.ValidationError({"format": [_("The format is csv, jsonl or heads.")]})
        user = user_of(request)
        events = self.filter_queryset(selectors.exportable_events(AuditEvent.objects.all(), user))
        given = {name: str(value) for name, value in request.query_params.items() if name != "format"}
        takes_all = selectors.exports_whole_trail(user)
        until = flow.begin_export(
            by=actor_of(request),
            format_=chosen,
            filters=given,
            whole=takes_all or chosen == "heads",
            clock=database_now,
        )
        narrowed = None if takes_all and not given else events
        response = StreamingHttpResponse(
            _exported(chosen, narrowed, until=until), content_type=EXPORTS[chosen]
        )
        name = "heads.jsonl" if chosen == "heads" else f"audit.{chosen}"
        response["Content-Disposition"] = f'attachment; filename="weir-{name}"'
        return response

    @extend_schema(responses=HeadSerializer(many=True), filters=False)
    @action(detail=False, pagination_class=None, filter_backends=[], permission_classes=WHOLE_TRAIL)
    def heads(self, request: Request) -> Response:
        """The newest 100 signed heads, newest first, and whether they have left the database."""
        return Response(HeadSerializer(SignedHead.objects.order_by("-seq")[:100], many=True).data)

    @extend_schema(
        methods=["get"],
        parameters=[
            OpenApiParameter("now", bool, description="Begin to read the whole chain, as POST does.")
        ],
        responses=ChainSerializer,
        filters=False,
    )
    @extend_schema(methods=["post"], request=None, responses=ChainSerializer, filters=False)
    @action(
        detail=False,
        methods=["get", "post"],
        pagination_class=None,
        scope="read",
        permission_classes=WHOLE_TRAIL,
    )
    def verify(self, request: Request) -> Response:
        """When the chain was read last, how far, and whether it held. The worker reads what is new every minute, and everything
        once a day or when it is asked for: ``running`` tells how far it is. A short trail is read at once.
        """
        try:
            asked = request.method == "POST" or bool(yes_or_no(request.query_params.get("now")))
        except ValidationError as error:
            raise serializers.ValidationError({"now": error.messages}) from error
        flow.ask_for_reading(clock=database_now, by=actor_of(request), whole=asked)
        return Response(ChainSerializer(_as_told(selectors.chain())).data)


def _exported(format_: str, events: QuerySet[AuditEvent] | None, *, until: int) -> Iterator[str]:
    """Return the lines of an export; of the whole trail when no ``events`` are chosen."""
    if format_ == "heads":
        return selectors.heads_as_jsonl()
    if format_ == "csv":
        return selectors.as_csv(AuditEvent.objects.filter(seq__lte=until) if events is None else events)
    return selectors.trail_as_jsonl(until=until) if events is None else selectors.as_jsonl(events)


def _as_told(state: selectors.ChainState) -> dict[str, Any]:
    shown = state.shown
    return {
        "valid": state.valid,
        "events": shown.events if shown else 0,
        "seq": shown.seq if shown else 0,
        "first_bad": shown.first_bad if shown else None,
        "detail": shown.problem if shown else "",
        "heads": shown.heads if shown else 0,
        "head": shown.hash if shown else "",
        "verified_at": shown.finished_at if shown else None,
        "whole_verified_at": state.whole.finished_at if state.whole else None,
        "running": state.running,
    }
