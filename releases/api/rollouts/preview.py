"""``rollouts/{id}/preview/``: what would be written, before anybody approves it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from releases import selectors
from releases.api.fields import Said
from releases.api.plans import StepSerializer
from releases.api.traffic import Shares
from releases.domain.calendar import Conflict


class FindingSerializer(serializers.Serializer[Any]):
    """What a check found. An ``error`` blocks going up, never going back."""

    code = serializers.CharField()
    severity = serializers.CharField()
    path = serializers.CharField(allow_blank=True)
    message = Said()


class ConflictSerializer(serializers.Serializer[Any]):
    """What of the calendar the step meets. ``until`` null: until somebody lifts a freeze, or not known."""

    name = serializers.CharField(source="by.name")
    at = serializers.DateTimeField()
    until = serializers.DateTimeField(source="next_open", allow_null=True)
    rolls_back = serializers.BooleanField()
    sentence = serializers.SerializerMethodField()

    def get_sentence(self, conflict: Conflict) -> str:
        return selectors.conflict_sentence(conflict)


class StepPreviewSerializer(serializers.Serializer[Any]):
    """One step: the objects as they would be written, the unified difference to the step before, effective
    percent.
    """

    position = serializers.IntegerField()
    weight = serializers.IntegerField()
    planned = StepSerializer()
    starts_at = serializers.DateTimeField(allow_null=True)
    objects = serializers.ListField(child=serializers.DictField())
    difference = serializers.CharField(allow_blank=True)
    effective = Shares()
    findings = FindingSerializer(many=True)
    conflicts = ConflictSerializer(many=True)


class PreviewSerializer(serializers.Serializer[Any]):
    """``baseline_from`` says whether the objects were read just now (``live``) or fixed at submission
    (``stored``).
    """

    fingerprint = serializers.CharField(allow_blank=True)
    baseline_from = serializers.ChoiceField(choices=["live", "stored"])
    steps = StepPreviewSerializer(many=True)
    rollback_command = serializers.CharField(help_text="Rolls back without Weir.")
    findings = FindingSerializer(many=True)
