"""``metrics/``: the figures by which versions are compared."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from istio.presets import METRICS
from releases.api.catalogue import CatalogueViewSet
from services.models import Metric


class MetricSerializer(serializers.ModelSerializer[Metric]):
    """``margin`` is in the metric's unit: how much worse the candidate may be.

    ``numerator`` and ``denominator`` are PromQL with ``$increase(counter{...})``, ``$window``, ``$namespaces`` and ``$services``;
    their result carries the labels ``service`` and ``version``. They are checked when saved, by Prometheus too if it answers.
    """

    class Meta:
        model = Metric
        fields = [
            "id",
            "name",
            "title",
            "kind",
            "role",
            "direction",
            "unit",
            "margin",
            "numerator",
            "denominator",
        ]


class PresetSerializer(serializers.Serializer[Any]):
    """A metric that Weir knows the queries of."""

    name = serializers.CharField()
    title = serializers.CharField()
    kind = serializers.CharField()
    role = serializers.CharField()
    direction = serializers.CharField()
    unit = serializers.CharField()
    margin = serializers.FloatField()
    numerator = serializers.CharField()
    denominator = serializers.CharField()


class MetricViewSet(CatalogueViewSet[Metric]):
    queryset = Metric.objects.order_by("name")
    serializer_class = MetricSerializer
    filterset_fields = ["name", "kind", "role"]

    @extend_schema(responses=PresetSerializer(many=True), filters=False)
    @action(detail=False, pagination_class=None)
    def presets(self, request: Request) -> Response:
        """Metrics ready to be taken over: send one of them, changed or not, to ``metrics/``."""
        return Response([asdict(preset) for preset in METRICS])
