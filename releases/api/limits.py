"""``limits/``: how many rollouts run at once in a cluster, or of a group's services."""

from __future__ import annotations

from rest_framework import serializers

from releases.api.catalogue import CatalogueViewSet
from services.models import RolloutLimit


class LimitSerializer(serializers.ModelSerializer[RolloutLimit]):
    """``cluster`` or ``group`` is given, the other is null. What waits says ``waiting_for_turn``."""

    class Meta:
        model = RolloutLimit
        fields = ["id", "cluster", "group", "rollouts"]


class LimitViewSet(CatalogueViewSet[RolloutLimit]):
    queryset = RolloutLimit.objects.order_by("id")
    serializer_class = LimitSerializer
    filterset_fields = ["cluster", "group"]
