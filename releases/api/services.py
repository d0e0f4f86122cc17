"""``services/``: the catalogue's services, where their traffic goes, and how their versions do."""

from __future__ import annotations

from typing import Any

import django_filters
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from releases import selectors
from releases.api.catalogue import CatalogueViewSet
from releases.api.references import Reference, named
from releases.api.series import RangeInput, SeriesSerializer, figures_over_time
from releases.api.traffic import TrafficSerializer
from releases.api.versions import VersionRefSerializer
from services.models import Cluster, Metric, Policy, Service


class Named(Reference):
    """Taken by id or name, shown by name."""

    def to_representation(self, value: Any) -> str:
        return str(value.name)


class ServiceSerializer(serializers.ModelSerializer[Service]):
    """A service. ``stable`` is set by discovery and rollouts; no ``http_routes`` means "the only one"."""

    cluster = Named(rows=Cluster.objects.all())
    policy = Named(rows=Policy.objects.all())
    owners = Named(rows=Group.objects.all(), required=False, allow_null=True)
    metrics = serializers.SlugRelatedField(
        slug_field="name", many=True, required=False, queryset=Metric.objects.all()
    )
    stable = VersionRefSerializer(read_only=True, allow_null=True)
    http_routes = serializers.ListField(child=serializers.CharField(max_length=253), required=False)
    port = serializers.IntegerField(min_value=1, max_value=65535, required=False, allow_null=True)

    class Meta:
        model = Service
        fields = [
            "id", "cluster", "namespace", "name", "title", "host", "port", "virtual_service",
            "destination_rule", "http_routes", "owners", "policy", "metrics_source", "metrics", "stable",
        ]  # fmt: skip


class ServiceFilter(django_filters.FilterSet):
    """``?cluster=`` takes an id or a name."""

    cluster = django_filters.CharFilter(method="of_cluster", label=_("cluster, by id or name"))

    class Meta:
        model = Service
        fields = ["cluster", "namespace", "name"]

    def of_cluster(self, rows: QuerySet[Service], name: str, value: str) -> QuerySet[Service]:
        return rows.filter(named(value, prefix=f"{name}__"))


class ServiceViewSet(CatalogueViewSet[Service]):
    queryset = (
        Service.objects.select_related("cluster", "policy", "owners", "stable")
        .prefetch_related("metrics")
        .order_by("id")
    )
    serializer_class = ServiceSerializer
    filterset_class = ServiceFilter

    @extend_schema(responses=TrafficSerializer, filters=False)
    @action(detail=True)
    def traffic(self, request: Request, pk: int) -> Response:
        """The split three times: declared, configured, observed."""
        return Response(TrafficSerializer(selectors.traffic(self.get_object())).data)

    @extend_schema(parameters=[RangeInput], responses={200: SeriesSerializer}, filters=False)
    @action(detail=True, url_path="metrics")
    def series(self, request: Request, pk: int) -> Response:
        """The figures of every version over the last ``seconds``, one point each ``step`` seconds."""
        asked = RangeInput(data=request.query_params)
        asked.is_valid(raise_exception=True)
        step, seconds = asked.validated_data["step"], asked.validated_data["seconds"]
        versions = figures_over_time(self.get_object(), end=timezone.now(), seconds=seconds, step=step)
        return Response(SeriesSerializer({"step": step, "versions": versions}).data)
