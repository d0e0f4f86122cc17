"""``limits/``: how many rollouts run at once in a cluster, or of a group's services."""

from __future__ import annotations

import django_filters
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from releases.api.catalogue import CatalogueViewSet
from releases.api.filters import ByName
from services.models import RolloutLimit


class LimitSerializer(serializers.ModelSerializer[RolloutLimit]):
    """``cluster`` or ``group`` is given, the other is null. What waits says ``waiting_for_turn``."""

    class Meta:
        model = RolloutLimit
        fields = ["id", "cluster", "group", "rollouts"]


class LimitFilter(django_filters.FilterSet):
    """``?cluster=`` and ``?group=`` take an id or a name."""

    cluster = ByName(label=_("cluster, by id or name"))
    group = ByName(label=_("owning group, by id or name"))

    class Meta:
        model = RolloutLimit
        fields = ["cluster", "group"]


class LimitViewSet(CatalogueViewSet[RolloutLimit]):
    queryset = RolloutLimit.objects.order_by("id")
    serializer_class = LimitSerializer
    filterset_class = LimitFilter
