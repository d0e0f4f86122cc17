"""``audit/``: every attempt, done or refused, newest first; and whether the chain still holds."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from releases import flow, selectors
from releases.api.base import Door
from releases.api.permissions import MayReadAudit
from releases.api.references import named
from releases.api.traffic import ObjectOrNull
from releases.models import AuditEvent


class EventSerializer(serializers.ModelSerializer[AuditEvent]):
    """One event as a timeline shows it."""

    sentence = serializers.SerializerMethodField()
    before = ObjectOrNull()
    after = ObjectOrNull()

    class Meta:
        model = AuditEvent
        fields: list[str] = ["seq", "at", "actor", "channel", "action", "outcome", "sentence", "reason", "before", "after"]

    def get_sentence(self, event: AuditEvent) -> str:
        return selectors.audit_sentence(event)


class AuditEventSerializer(EventSerializer):
    """One event in full. ``service`` and ``rollout`` are ids."""

    class Meta(EventSerializer.Meta):
        fields = [
            *EventSerializer.Meta.fields, "user", "on_behalf_of", "ip", "request_id", "object_type", "object_id",
            "service", "rollout", "fingerprint", "prev", "hash",
        ]  # fmt: skip


class ChainSerializer(serializers.Serializer[Any]):
    """How far the chain was read; ``problem`` is a sentence about the first bad event, or empty."""

    is_sound = serializers.BooleanField()
    events = serializers.IntegerField()
    first_bad = serializers.IntegerField(allow_null=True)
    problem = serializers.CharField(allow_blank=True)
    head = serializers.CharField()


class AddressFilter(django_filters.CharFilter):
    """PostgreSQL refuses to compare an address with anything else, so the form must."""

    field_class = forms.GenericIPAddressField


class AuditFilter(django_filters.FilterSet):
    """``since`` is included, ``until`` is not. ``fingerprint`` takes a prefix, as pages show twelve digits."""

    service = django_filters.CharFilter(method="of_service", label=_("service, by id or name"))
    rollout = django_filters.CharFilter(method="of_rollout", label=_("rollout, as 7 or R-7"))
    fingerprint = django_filters.CharFilter(lookup_expr="startswith", label=_("fingerprint, or its beginning"))
    ip = AddressFilter(label=_("IP address"))
    since = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte", label=_("from this time on"))
    until = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt", label=_("before this time"))

    class Meta:
        model = AuditEvent
        fields = ["actor", "service", "rollout", "action", "outcome", "channel", "fingerprint", "ip", "since", "until"]

    def of_service(self, rows: QuerySet[AuditEvent], name: str, value: str) -> QuerySet[AuditEvent]:
        return rows.filter(named(value, prefix=f"{name}__"))

    def of_rollout(self, rows: QuerySet[AuditEvent], name: str, value: str) -> QuerySet[AuditEvent]:
        number = value.upper().removeprefix("R-")
        return rows.filter(rollout_id=int(number)) if number.isdecimal() else rows.none()


class AuditViewSet(Door, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[AuditEvent]):
    """Read only. An event is addressed by its number, ``seq``."""

    permission_classes: list[type[BasePermission]] = [*Door.permission_classes, MayReadAudit]  # type: ignore[assignment]  # as in Door
    queryset = AuditEvent.objects.defer("text")
    serializer_class = AuditEventSerializer
    filterset_class = AuditFilter
    lookup_field = "seq"
    ordering = "-seq"

    @extend_schema(responses=ChainSerializer, filters=False)
    @action(detail=False, pagination_class=None)
    def verify(self, request: Request) -> Response:
        """Read the whole chain and say whether it holds. Takes time in proportion to the number of events."""
        return Response(ChainSerializer(flow.verify_chain()).data)
