"""How freezes, windows and proposals are shown, and what may be sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from releases.api.calendar.moments import Moment
from releases.api.fields import Text
from releases.api.people import PersonSerializer
from releases.api.references import Reference
from releases.api.traffic import ObjectOrNull
from releases.api.versions import ServiceRefSerializer
from releases.models import Freeze, Holiday, Proposal, ReleaseWindow
from services.models import Cluster, Service


class ProposalSerializer(serializers.ModelSerializer[Proposal]):
    """A change that takes two people. ``target`` names what it changes."""

    number = serializers.CharField(source="__str__", read_only=True)
    kind_label = serializers.CharField(source="get_kind_display", read_only=True)
    state_label = serializers.CharField(source="get_state_display", read_only=True)
    target = serializers.SerializerMethodField()
    before = ObjectOrNull()
    after = ObjectOrNull()
    asked_by = PersonSerializer(read_only=True)
    decided_by = PersonSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Proposal
        fields = [
            "id", "number", "kind", "kind_label", "state", "state_label", "target", "rollout", "before", "after",
            "reason", "asked_by", "asked_at", "decided_by", "decided_at", "answer",
        ]  # fmt: skip
        read_only_fields = fields

    def get_target(self, proposal: Proposal) -> str:
        return str(proposal.target)


class ClusterRefSerializer(serializers.ModelSerializer[Cluster]):
    """A cluster as the calendar names it."""

    class Meta:
        model = Cluster
        fields = ["id", "name"]


class WindowSerializer(serializers.ModelSerializer[ReleaseWindow]):
    """A release window. Without service and cluster it holds everywhere."""

    service = ServiceRefSerializer(read_only=True, allow_null=True)
    cluster = ClusterRefSerializer(read_only=True, allow_null=True)
    scope = serializers.CharField(read_only=True)
    starts_at = Moment()
    ends_at = Moment()
    created_by = PersonSerializer(read_only=True, allow_null=True)

    class Meta:
        model = ReleaseWindow
        fields: list[str] = [
            "id", "name", "reason", "service", "cluster", "scope", "starts_at", "ends_at", "starts_local",
            "ends_local", "time_zone", "rule", "days", "created_by", "created_at",
        ]  # fmt: skip
        read_only_fields = fields


class FreezeSerializer(serializers.ModelSerializer[Freeze]):
    """A freeze. ``ends_at`` null: until it is lifted. ``active``: it takes two people to have less of it."""

    service = ServiceRefSerializer(read_only=True, allow_null=True)
    cluster = ClusterRefSerializer(read_only=True, allow_null=True)
    scope = serializers.CharField(read_only=True)
    starts_at = Moment()
    ends_at = Moment(allow_null=True)
    active = serializers.SerializerMethodField()
    open_proposals = serializers.SerializerMethodField()
    created_by = PersonSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Freeze
        fields: list[str] = [
            *WindowSerializer.Meta.fields, "effect", "red_button", "active", "lifted_at", "lifted_by", "open_proposals",
        ]  # fmt: skip
        read_only_fields = fields

    def get_active(self, freeze: Freeze) -> bool:
        return freeze.is_active(timezone.now())

    @extend_schema_field(ProposalSerializer(many=True))
    def get_open_proposals(self, freeze: Freeze) -> Any:
        return ProposalSerializer(getattr(freeze, "open_proposals", []), many=True).data


class EntryInput(serializers.Serializer[Any]):
    """What freezes and windows share. Times without an offset are read on the wall of ``time_zone``."""

    name = Text(max_length=100)
    reason = Text(max_length=4000, required=False, allow_blank=True, default="")
    service = Reference(
        rows=Service.objects.select_related("cluster"), required=False, allow_null=True, default=None
    )
    cluster = Reference(rows=Cluster.objects.all(), required=False, allow_null=True, default=None)
    starts_at = Moment()
    ends_at = Moment()
    starts_fold = serializers.IntegerField(min_value=0, max_value=1, required=False)
    ends_fold = serializers.IntegerField(min_value=0, max_value=1, required=False)
    time_zone = Text(max_length=64, required=False)
    rule = Text(max_length=500, required=False, allow_blank=True, default="")
    days = serializers.ChoiceField(choices=Freeze.DayKind.choices, required=False, default="any")


class WindowInput(EntryInput):
    """A release window. A rule makes it come again, as ``FREQ=WEEKLY;BYDAY=MO,TU``."""


class FreezeInput(EntryInput):
    """A freeze. Without ``ends_at`` it holds until two people lift it."""

    ends_at = Moment(required=False, allow_null=True, default=None)
    effect = serializers.ChoiceField(choices=Freeze.Effects.choices, required=False, default="hold")


class RedButtonInput(serializers.Serializer[Any]):
    """Stops everything from going forward, at once: on a service, a cluster, or, without both, everywhere."""

    reason = Text(max_length=4000)
    service = Reference(
        rows=Service.objects.select_related("cluster"), required=False, allow_null=True, default=None
    )
    cluster = Reference(rows=Cluster.objects.all(), required=False, allow_null=True, default=None)


class ImportInput(serializers.Serializer[Any]):
    """An iCalendar file. Each event becomes a freeze; what is known by its UID stays as it is."""

    ics = Text(max_length=1_000_000, trim_whitespace=False)
    service = Reference(
        rows=Service.objects.select_related("cluster"), required=False, allow_null=True, default=None
    )
    cluster = Reference(rows=Cluster.objects.all(), required=False, allow_null=True, default=None)
    time_zone = Text(max_length=64, required=False, default="Asia/Shanghai")


class ReasonInput(serializers.Serializer[Any]):
    """Why it is done, for the audit trail and for the second person."""

    reason = Text(max_length=4000, required=False, allow_blank=True, default="")


class OverrideInput(serializers.Serializer[Any]):
    """One rollout may go on in spite of this freeze, if somebody else agrees."""

    rollout = serializers.IntegerField(min_value=1)
    reason = Text(max_length=4000)


class HolidaySerializer(serializers.ModelSerializer[Holiday]):
    """A day on the operator's own list: off, or worked."""

    class Meta:
        model = Holiday
        fields = ["id", "day", "name", "working"]
        extra_kwargs: Mapping[str, Any] = {"day": {"validators": []}}  # a day that is known is changed
