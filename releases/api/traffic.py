"""Where a service's traffic goes: declared by Weir, configured in the mesh, observed by Prometheus."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from releases import selectors
from releases.api.fields import Said

SHARES = {"type": ["object", "null"], "additionalProperties": {"type": "number"}}
OBJECT_OR_NULL = {"type": ["object", "null"], "additionalProperties": True}


@extend_schema_field(SHARES)
class Shares(serializers.ReadOnlyField):
    """Version name -> a number, or null: not known."""


@extend_schema_field(OBJECT_OR_NULL)
class ObjectOrNull(serializers.ReadOnlyField):
    """An object whose keys depend on what happened, or null."""


class DriftRowSerializer(serializers.Serializer[Any]):
    """One place at which the mesh is not what Weir wrote. A value is any JSON; null: nothing there."""

    path = serializers.CharField()
    baseline = serializers.JSONField(allow_null=True, help_text="As it was approved.")
    written = serializers.JSONField(allow_null=True, help_text="As Weir wrote it last.")
    live = serializers.JSONField(allow_null=True, help_text="As it is.")


class DriftSerializer(serializers.Serializer[Any]):
    """What somebody else changed: the parts Weir renders on three sides, and who wrote the object last."""

    baseline = ObjectOrNull()
    written = ObjectOrNull()
    live = ObjectOrNull()
    resource_version = serializers.CharField()
    manager = serializers.CharField(
        allow_blank=True, help_text="From the object's managed fields; empty: not known."
    )
    rows = DriftRowSerializer(many=True)


@extend_schema_field(DriftSerializer(allow_null=True))
class DriftField(serializers.ReadOnlyField):
    """The drift of a live rollout with its differences, or null."""

    def to_representation(self, value: dict[str, Any]) -> dict[str, Any] | None:
        return selectors.drift_seen(value)


class TrafficSerializer(serializers.Serializer[Any]):
    """Percent by version name. ``observed`` and ``requests`` are null without data; ``problem`` says what was
    not reached.
    """

    declared = Shares(help_text="What Weir decided last.")
    configured = Shares(help_text="Effective weights of the live object.")
    observed = Shares(
        help_text="Share of the requests of the last minute, or since the last write if that was later."
    )
    requests = Shares(help_text="Requests counted in that window.")
    observed_seconds = serializers.FloatField(
        read_only=True, help_text="How long that window is; 0: the traffic was moved just now."
    )
    matched = serializers.BooleanField(read_only=True)
    rules = serializers.ListField(child=serializers.DictField(), read_only=True)
    sticky = ObjectOrNull(help_text="Users who always see the candidate, by their id.")
    mirror = ObjectOrNull(help_text="Copies of requests that the candidate gets.")
    drift = DriftField()
    problem = Said(read_only=True)
