"""``clusters/``"""

from __future__ import annotations

import zoneinfo
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from releases.api.catalogue import CatalogueViewSet
from releases.api.fields import Url
from services.models import Cluster

_FIELDS: dict[type[models.Field[Any, Any]], type[serializers.Field[Any, Any, Any, Any]]] = {
    **serializers.ModelSerializer.serializer_field_mapping,
    models.URLField: Url,
}


class ClusterSerializer(serializers.ModelSerializer[Cluster]):
    """A cluster. Credentials are not here: ``kubeconfig_env`` names a variable of the portal's own
    environment.
    """

    serializer_field_mapping = _FIELDS

    class Meta:
        model = Cluster
        fields = [
            "id",
            "name",
            "kubeconfig_env",
            "context",
            "prometheus_url",
            "grafana_url",
            "kiali_url",
            "time_zone",
        ]

    def validate_time_zone(self, value: str) -> str:
        if value not in zoneinfo.available_timezones():
            raise serializers.ValidationError(
                _("This is no time zone of the IANA database, as Asia/Shanghai is one."), code="unknown"
            )
        return value


class ClusterViewSet(CatalogueViewSet[Cluster]):
    queryset = Cluster.objects.order_by("name")
    serializer_class = ClusterSerializer
    filterset_fields = ["name"]
