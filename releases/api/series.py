"""``services/{id}/metrics/``: the figures of every version over time, for charts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from istio.telemetry import Question
from services.connections import telemetry_of
from services.models import Service

MAX_SECONDS = 7 * 24 * 3600
MAX_POINTS = 2000
# A caller's clock may be ahead by as much.
SKEW_SECONDS = 60


class RangeInput(serializers.Serializer[Any]):
    """How far back, and how far apart the points are, both in seconds; ``until`` in epoch seconds, now if left out."""

    seconds = serializers.IntegerField(min_value=60, max_value=MAX_SECONDS, default=900)
    step = serializers.IntegerField(min_value=1, max_value=3600, default=15)
    until = serializers.IntegerField(min_value=MAX_SECONDS, required=False)

    def validate_until(self, value: int) -> int:
        if value > timezone.now().timestamp() + SKEW_SECONDS:
            raise serializers.ValidationError(_("That is in the future; nothing has been measured there."))
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["seconds"] / attrs["step"] > MAX_POINTS:
            detail = _("That is more than %(limit)s points; take a longer step.") % {"limit": MAX_POINTS}
            raise serializers.ValidationError({"step": detail}, code="too_many_points")
        return attrs


class SeriesSerializer(serializers.Serializer[Any]):
    """``versions``: name -> figure -> points ``[epoch seconds, value]``, oldest first, gaps left out.

    The service's own metrics are figures by their name: numerator over denominator, or per second where there is none.
    """

    step = serializers.IntegerField()
    versions = serializers.DictField(
        child=serializers.DictField(
            child=serializers.ListField(child=serializers.ListField(child=serializers.FloatField()))
        )
    )


def end_of(asked: dict[str, Any]) -> datetime:
    """Return the end of a range that ``RangeInput`` has found valid."""
    until = asked.get("until")
    return timezone.now() if until is None else datetime.fromtimestamp(until, tz=UTC)


def figures_over_time(
    service: Service, *, end: datetime, seconds: int, step: int, questions: Sequence[Question] = ()
) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """Return version -> figure -> points; ``questions`` are figures of the service's own, by name. Raises TelemetryError."""
    start = end - timedelta(seconds=seconds)
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    lines = telemetry_of(service.cluster).series(
        service.target, start=start, end=end, step_seconds=step, questions=questions
    )
    for line in lines:
        found.setdefault(line.version, {})[line.figure] = list(line.points)
    return found
