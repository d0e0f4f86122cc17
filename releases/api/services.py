"""``services/``: the catalogue's services, where their traffic goes, and how their versions do."""

from __future__ import annotations

import django_filters
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from releases import flow, selectors
from releases.api.actors import actor_of
from releases.api.catalogue import CatalogueViewSet
from releases.api.references import Named, named
from releases.api.routing import (
    AllBackInput,
    AllBackSerializer,
    RouteInput,
    RouteSerializer,
    request_like,
    routed,
)
from releases.api.series import RangeInput, SeriesSerializer, end_of, figures_over_time
from releases.api.traffic import TrafficSerializer
from releases.api.traffic_changes import version_of
from releases.api.versions import VersionRefSerializer
from releases.domain.states import Event
from releases.models import Rollout, TrafficChange
from services.models import Cluster, Metric, Policy, Service


class ServiceSerializer(serializers.ModelSerializer[Service]):
    """A service. ``stable`` is set by discovery and rollouts; no ``http_routes`` means "the only one".

    ``shadow``: verdicts are recorded and shown, and nothing is done by them.
    """

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
            "destination_rule", "http_routes", "owners", "policy", "metrics_source", "metrics", "shadow",
            "stable",
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
    grants = {**CatalogueViewSet.grants, "all_back": (Event.ROLL_BACK,)}
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

    @extend_schema(request=RouteInput, responses=RouteSerializer, filters=False)
    @action(detail=True, methods=["post"], scope="read")
    def route(self, request: Request, pk: int) -> Response:
        """Where one request would go, and why: nothing is sent. With ``spec``: after such a change."""
        service = self.get_object()
        given = RouteInput(data=request.data)
        given.is_valid(raise_exception=True)
        said = given.validated_data
        change = None
        if said["spec"] is not None:
            change = flow.draft_change(
                service=service,
                spec=said["spec"],
                stable=version_of(said["stable"], service=service, field="stable"),
                candidate=version_of(said["candidate"], service=service, field="candidate"),
            )
        decision, shares = selectors.route_of(service, request_like(said), change=change)
        return Response(RouteSerializer(routed(decision, shares)).data)

    @extend_schema(request=AllBackInput, responses=AllBackSerializer, filters=False)
    @action(detail=True, methods=["post"], url_path="all-back")
    def all_back(self, request: Request, pk: int) -> Response:
        """All traffic back to the stable version, or the one before it: one write, no vote, never refused."""
        service = self.get_object()
        given = AllBackInput(data=request.data)
        given.is_valid(raise_exception=True)
        to = version_of(given.validated_data["version"], service=service, field="version")
        back = flow.all_back(service, by=actor_of(request), why=given.validated_data["reason"], to=to)
        answer = {
            "rollout": back.pk if isinstance(back, Rollout) else None,
            "traffic_change": selectors.changes().get(pk=back.pk)
            if isinstance(back, TrafficChange)
            else None,
        }
        return Response(AllBackSerializer(answer, context={"request": request}).data)

    @extend_schema(parameters=[RangeInput], responses={200: SeriesSerializer}, filters=False)
    @action(detail=True, url_path="metrics", reaches_out=True)
    def series(self, request: Request, pk: int) -> Response:
        """The figures of every version over ``seconds`` up to ``until`` (now), one point each ``step`` seconds."""
        asked = RangeInput(data=request.query_params)
        asked.is_valid(raise_exception=True)
        step, seconds = asked.validated_data["step"], asked.validated_data["seconds"]
        end = end_of(asked.validated_data)
        service = self.get_object()
        own = flow.questions_of(service)
        versions = figures_over_time(service, end=end, seconds=seconds, step=step, questions=own)
        return Response(SeriesSerializer({"step": step, "versions": versions}).data)
