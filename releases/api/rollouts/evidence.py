"""How snapshots and verdicts are shown."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rest_framework import serializers

from releases import selectors
from releases.api.rollouts.figures import Figures, figures
from releases.api.rows import RowSerializer
from releases.models import MetricSnapshot, Verdict


class FiguresSerializer(serializers.Serializer[Figures]):
    """Ratios are 0-1 and null without requests; ``rps`` is requests per second."""

    requests = serializers.FloatField()
    errors = serializers.FloatField()  # type: ignore[assignment]  # the counted errors, not the serializer's
    error_ratio = serializers.FloatField(allow_null=True)
    success_ratio = serializers.FloatField(allow_null=True)
    p50_ms = serializers.FloatField(allow_null=True)
    p95_ms = serializers.FloatField(allow_null=True)
    p99_ms = serializers.FloatField(allow_null=True)
    rps = serializers.FloatField()
    payment_success_ratio = serializers.FloatField(allow_null=True)


class SnapshotSerializer(serializers.ModelSerializer[MetricSnapshot]):
    """Both versions over the window that ends ``at``; null: that version had no sample.

    ``resolution_seconds`` is 0 as measured. Old figures are sums: of the ``windows`` that ended in one minute (60) or hour (3600)
    and took ``window_seconds`` together.
    """

    stable = FiguresSerializer(allow_null=True)
    candidate = FiguresSerializer(allow_null=True)

    class Meta:
        model = MetricSnapshot
        fields = [
            "id", "at", "step", "weight", "window_seconds", "resolution_seconds", "windows", "stable", "candidate",
        ]  # fmt: skip

    def to_representation(self, instance: MetricSnapshot) -> dict[str, Any]:
        seconds = instance.window_seconds
        versions = {
            "stable": figures(instance.stable, seconds=seconds),
            "candidate": figures(instance.candidate, seconds=seconds),
        }
        shown = {name: asdict(value) if value else None for name, value in versions.items()}
        plain = ("id", "step", "weight", "window_seconds", "resolution_seconds", "windows")
        at = self.fields["at"].to_representation(instance.at)
        return {**{name: getattr(instance, name) for name in plain}, "at": at, **shown}


class VerdictSerializer(RowSerializer[Verdict]):
    """What the judge said. ``numbers`` depend on the rule; ``shadow``: nothing was done by it."""

    sentence = serializers.SerializerMethodField()
    numbers = serializers.DictField(read_only=True)

    class Meta:
        model = Verdict
        fields = [
            "id", "at", "step", "outcome", "metric", "rule", "reason_code", "sentence", "numbers", "shadow",
        ]  # fmt: skip

    def get_sentence(self, verdict: Verdict) -> str:
        return selectors.verdict_sentence(verdict)
