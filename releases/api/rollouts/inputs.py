"""What may be sent: one serializer for a request, one per kind of event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from releases.api.fields import Instant, Text
from releases.api.references import Key, Reference, find
from releases.domain.states import OPERATOR_EVENTS, Event
from releases.models import EmergencyRelease, Rollout, RolloutPlan
from services.models import Service, Version


class RolloutInput(serializers.Serializer[Rollout]):
    """A request for a release. The candidate is a version of the service, by id or name.

    A draft may leave statements empty; it can not be submitted before they are filled in.
    """

    service = Reference(rows=Service.objects.select_related("policy", "stable", "cluster"))
    candidate = Key()
    plan = Reference(rows=RolloutPlan.objects.prefetch_related("steps"))
    start_at = Instant(required=False, allow_null=True, default=None)
    reason = Text(max_length=4000, allow_blank=True)
    impact = Text(max_length=4000, allow_blank=True)
    test_evidence = Text(max_length=4000, allow_blank=True)
    rollback_note = Text(max_length=4000, allow_blank=True)
    ticket = Text(max_length=200, required=False, allow_blank=True, default="")
    changes_data = serializers.BooleanField(required=False, default=False)
    compatibility_note = Text(max_length=4000, required=False, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Look the candidate up among the service's versions."""
        if "candidate" in attrs:
            attrs["candidate"] = candidate_named(
                attrs["candidate"], service=attrs.get("service") or self.context["service"]
            )
        return attrs


def candidate_named(key: int | str, *, service: Service) -> Version:
    """Return the service's version with this id or name. Raises ValidationError."""
    try:
        version: Version = find(Version.objects.select_related("service").filter(service=service), key)
    except serializers.ValidationError as error:
        raise serializers.ValidationError({"candidate": error.detail}) from error
    return version


class RolloutChanges(RolloutInput):
    """What may be changed of a draft. Its service is ``context["service"]``."""

    service = None  # type: ignore[assignment]  # how serializers drop an inherited field


class EventInput(serializers.Serializer[Any]):
    """What every event takes: why it is done, for the audit trail."""

    reason = Text(max_length=4000, required=False, allow_blank=True, default="")


class SubmitInput(EventInput):
    """``emergency`` starts without a vote: with the service's name typed, an incident, and a reason of 20 characters."""

    emergency = serializers.BooleanField(required=False, default=False)
    incident = Text(max_length=100, required=False, allow_blank=True, default="")
    service_name = Text(max_length=63, required=False, allow_blank=True, default="")


class ReviewInput(serializers.Serializer[Any]):
    """What somebody else found about an emergency afterwards."""

    outcome = serializers.ChoiceField(choices=EmergencyRelease.Outcome.choices)
    findings = Text(max_length=4000)


class DecisionInput(EventInput):
    """An approval names the fingerprint it approves: all 64 digits of what was looked at."""

    fingerprint = Text(max_length=64, required=False, allow_blank=True, default="")


class RejectionInput(EventInput):
    """A rejection says why."""

    reason = Text(max_length=4000)
    fingerprint = Text(max_length=64, required=False, allow_blank=True, default="")


class WeightInput(EventInput):
    """The percent of traffic for the candidate."""

    weight = serializers.IntegerField(min_value=0, max_value=100)


EVENT_INPUTS: Mapping[Event, type[EventInput]] = {
    event: {
        Event.SUBMIT: SubmitInput,
        Event.APPROVE: DecisionInput,
        Event.REJECT: RejectionInput,
        Event.SET_WEIGHT: WeightInput,
    }.get(event, EventInput)
    for event in OPERATOR_EVENTS
    if event is not Event.EDIT  # that is PATCH
}
"""What each event of a person takes."""
