"""``metrics/``: the figures by which versions are compared."""

from __future__ import annotations

from rest_framework import serializers

from releases.api.catalogue import CatalogueViewSet
from services.models import Metric


class MetricSerializer(serializers.ModelSerializer[Metric]):
    """``margin`` is in the metric's unit: how much worse the candidate may be. Query templates are PromQL."""

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


class MetricViewSet(CatalogueViewSet[Metric]):
    queryset = Metric.objects.order_by("name")
    serializer_class = MetricSerializer
    filterset_fields = ["name", "kind", "role"]
