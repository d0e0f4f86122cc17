"""``calendar/`` for pages, ``calendar.ics`` for other calendars."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response

from releases import selectors
from releases.api.base import Door
from releases.api.references import find
from releases.api.versions import ServiceRefSerializer, VersionRefSerializer
from releases.domain import BadPlan
from releases.domain.calendar import zone_of
from releases.domain.calendar.ical import write_events
from services.models import Service

LONGEST = timedelta(days=400)


class OccurrenceSerializer(serializers.Serializer[Any]):
    """One time a freeze or window holds. ``ends`` null: until it is lifted; ``effect`` empty: a window."""

    id = serializers.IntegerField(source="entry.pk")
    name = serializers.CharField(source="entry.name")
    reason = serializers.CharField(source="entry.reason")
    scope = serializers.CharField(source="entry.scope")
    service = serializers.IntegerField(source="entry.service_id", allow_null=True)
    cluster = serializers.IntegerField(source="entry.cluster_id", allow_null=True)
    begins = serializers.DateTimeField()
    ends = serializers.DateTimeField(allow_null=True)
    effect = serializers.SerializerMethodField()
    red_button = serializers.SerializerMethodField()

    def get_effect(self, found: selectors.Occurrence) -> str:
        return str(getattr(found.entry, "effect", ""))

    def get_red_button(self, found: selectors.Occurrence) -> bool:
        return bool(getattr(found.entry, "red_button", False))


class StepTimeSerializer(serializers.Serializer[Any]):
    """When a step was, is, or (``planned``) would be held."""

    position = serializers.IntegerField()
    weight = serializers.IntegerField()
    begins = serializers.DateTimeField()
    ends = serializers.DateTimeField(allow_null=True)
    planned = serializers.BooleanField()


class RolloutTimesSerializer(serializers.Serializer[Any]):
    """A rollout on the calendar."""

    id = serializers.IntegerField(source="rollout.pk")
    number = serializers.CharField(source="rollout.__str__")
    service = ServiceRefSerializer(source="rollout.service")
    candidate = VersionRefSerializer(source="rollout.candidate")
    state = serializers.CharField(source="rollout.state")
    state_label = serializers.CharField(source="rollout.get_state_display")
    steps = StepTimeSerializer(many=True)


class DaySerializer(serializers.Serializer[Any]):
    """A day that is not what its weekday promises: off on a weekday, worked on a weekend, or named."""

    day = serializers.DateField()
    working = serializers.BooleanField()
    name = serializers.SerializerMethodField()

    def get_name(self, day: Any) -> str:
        return _(day.name) if day.name else ""


class OpeningSerializer(serializers.Serializer[Any]):
    """Whether a service may go forward now. ``next_open`` null: not known, or until a freeze is lifted."""

    service = ServiceRefSerializer()
    closed = serializers.BooleanField(source="answer.closed")
    reason = serializers.CharField(source="answer.reason")
    name = serializers.SerializerMethodField()
    next_open = serializers.DateTimeField(source="answer.next_open", allow_null=True)
    next_close = serializers.DateTimeField(source="answer.next_close", allow_null=True)

    def get_name(self, row: selectors.ServiceAnswer) -> str:
        return row.answer.by.name if row.answer.by else ""


class CalendarSerializer(serializers.Serializer[Any]):
    """Everything between two instants. ``unknown`` says of which years the holidays are not known."""

    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    time_zone = serializers.CharField()
    freezes = OccurrenceSerializer(many=True)
    windows = OccurrenceSerializer(many=True)
    rollouts = RolloutTimesSerializer(many=True)
    days = DaySerializer(many=True)
    unknown_years = serializers.ListField(child=serializers.IntegerField())
    unknown = serializers.SerializerMethodField()
    services = OpeningSerializer(many=True)

    @extend_schema_field(OpenApiTypes.STR)
    def get_unknown(self, view: Any) -> str:
        return selectors.unknown_years_sentence(view["unknown_years"])


SERVICE = OpenApiParameter("service", OpenApiTypes.STR, description="Id or name; without: every service.")


class CalendarView(Door):
    """Freezes, windows, rollouts and holidays between two instants."""

    @extend_schema(
        parameters=[
            SERVICE,
            OpenApiParameter("since", OpenApiTypes.DATETIME, description="A week ago by default."),
            OpenApiParameter("until", OpenApiTypes.DATETIME, description="Five weeks on by default."),
            OpenApiParameter("time_zone", OpenApiTypes.STR, description="An IANA name, for days."),
        ],
        responses=CalendarSerializer,
    )
    def get(self, request: Request) -> Response:
        now = timezone.now()
        asked = request.query_params
        since = _moment(asked.get("since"), field="since") or now - timedelta(days=7)
        until = _moment(asked.get("until"), field="until") or since + timedelta(days=42)
        if not timedelta(0) < until - since <= LONGEST:
            raise BadPlan(_("The calendar is shown for at most 400 days."), field="until")
        zone = asked.get("time_zone") or settings.TIME_ZONE
        view = selectors.calendar_view(
            since=since, until=until, now=now, zone=zone_of(zone), service=_service(request)
        )
        shown = {name: getattr(view, name) for name in view.__slots__}
        return Response(CalendarSerializer({**shown, "time_zone": zone}).data)


class _AnyType(BaseContentNegotiation):
    """A calendar file has one form, whatever the caller accepts; an error is JSON."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return next(iter(parsers), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class CalendarFileView(Door):
    """The calendar for other calendars (RFC 5545)."""

    content_negotiation_class = _AnyType

    @extend_schema(
        parameters=[SERVICE],
        responses={
            (200, "text/calendar"): OpenApiResponse(OpenApiTypes.STR, description="An iCalendar file")
        },
    )
    def get(self, request: Request) -> HttpResponse:
        text = write_events(
            selectors.exported(service=_service(request)), name=_("Weir calendar"), now=timezone.now()
        )
        name = {"Content-Disposition": 'attachment; filename="weir.ics"'}
        return HttpResponse(text, content_type="text/calendar; charset=utf-8", headers=name)


def _service(request: Request) -> Service | None:
    name = request.query_params.get("service")
    return find(Service.objects.select_related("cluster"), name) if name else None


def _moment(given: str | None, *, field: str) -> datetime | None:
    if not given:
        return None
    try:
        found = datetime.fromisoformat(given.replace(" ", "+"))
    except ValueError as error:
        raise BadPlan(_("Give a time such as 2026-11-11T00:00:00+08:00."), field=field) from error
    if found.tzinfo is None or not 2000 <= found.year < 2100:
        raise BadPlan(_("Give a time such as 2026-11-11T00:00:00+08:00."), field=field)
    return found
