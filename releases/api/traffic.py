"""Where a service's traffic goes: declared by Weir, configured in the mesh, observed by Prometheus."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from releases.api.fields import Said

SHARES = {"type": ["object", "null"], "additionalProperties": {"type": "number"}}
OBJECT_OR_NULL = {"type": ["object", "null"], "additionalProperties": True}


@extend_schema_field(SHARES)
class Shares(serializers.ReadOnlyField):
    """Version name -> a number, or null: not known."""


@extend_schema_field(OBJECT_OR_NULL)
class ObjectOrNull(serializers.ReadOnlyField):
    """An object whose keys depend on what happened, or null."""


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
    matched = serializers.BooleanField(read_only=True)
    rules = serializers.ListField(child=serializers.DictField(), read_only=True)
    sticky = ObjectOrNull(help_text="Users who always see the candidate, by their id.")
    mirror = ObjectOrNull(help_text="Copies of requests that the candidate gets.")
    drift = ObjectOrNull()
    problem = Said(read_only=True)
