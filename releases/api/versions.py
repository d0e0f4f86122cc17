"""``versions/``: what can be released. A build pipeline registers them; the same name with another image is
refused.
"""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from releases import flow
from releases.api.actors import actor_of
from releases.api.base import Noun
from releases.api.fields import Text, Url
from releases.api.people import PersonSerializer
from releases.api.references import Reference, named
from releases.domain.roles import Action
from services.models import Service, Version


class ServiceRefSerializer(serializers.ModelSerializer[Service]):
    """A service as other rows name it. ``shadow``: verdicts are shown and nothing is done by them."""

    cluster = serializers.CharField(source="cluster.name", read_only=True)
    shadow = serializers.BooleanField(read_only=True)

    class Meta:
        model = Service
        fields = ["id", "name", "title", "namespace", "cluster", "shadow"]

    def to_representation(self, instance: Service) -> dict[str, Any]:
        # By hand: a page names two hundred services, and building fields for each page costs more than naming them.
        return {
            "id": instance.pk,
            "name": instance.name,
            "title": instance.title,
            "namespace": instance.namespace,
            "cluster": instance.cluster.name,
            "shadow": instance.shadow,
        }


class VersionRefSerializer(serializers.ModelSerializer[Version]):
    """A version as other rows name it."""

    class Meta:
        model = Version
        fields = ["id", "name", "image"]

    def to_representation(self, instance: Version) -> dict[str, Any]:
        return {"id": instance.pk, "name": instance.name, "image": instance.image}


class VersionSerializer(serializers.ModelSerializer[Version]):
    """``running_image`` and ``replicas_ready`` are what the cluster showed when it was last looked at."""

    service = ServiceRefSerializer(read_only=True)
    registered_by = PersonSerializer(read_only=True, allow_null=True)
    labels = serializers.DictField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = Version
        fields = [
            "id", "service", "name", "subset", "labels", "image", "commit", "notes_url",
            "registered_by", "registered_at", "running_image", "replicas_ready",
        ]  # fmt: skip


class VersionInput(serializers.Serializer[Any]):
    """What a build pipeline says about a version. ``subset`` is the name unless it is given."""

    service = Reference(rows=Service.objects.all())
    name = Text(max_length=63)
    image = Text(max_length=500)
    commit = Text(max_length=64, required=False, allow_blank=True, default="")
    notes_url = Url(max_length=500, required=False, allow_blank=True, default="")
    subset = Text(max_length=63, required=False, allow_blank=True, default="")
    labels = serializers.DictField(child=Text(max_length=63), required=False, default=dict)


class VersionFilter(django_filters.FilterSet):
    """``?service=`` takes an id or a name."""

    service = django_filters.CharFilter(method="of_service", label=_("service, by id or name"))

    class Meta:
        model = Version
        fields = ["service", "name"]

    def of_service(self, rows: QuerySet[Version], name: str, value: str) -> QuerySet[Version]:
        return rows.filter(named(value, prefix=f"{name}__"))


class VersionViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Noun[Version]):
    grants = {"create": (Action.REGISTER_VERSION,)}
    queryset = Version.objects.select_related("service__cluster", "registered_by")
    serializer_class = VersionSerializer
    filterset_class = VersionFilter
    ordering = "-id"

    @extend_schema(
        request=VersionInput,
        responses={
            201: VersionSerializer,
            200: OpenApiResponse(
                VersionSerializer, description="It was registered before with the same image."
            ),
        },
    )
    def create(self, request: Request) -> Response:
        given = VersionInput(data=request.data)
        given.is_valid(raise_exception=True)
        version, is_new = flow.register_version(by=actor_of(request), **given.validated_data)
        shown = VersionSerializer(self.get_queryset().get(pk=version.pk)).data
        return Response(shown, status=status.HTTP_201_CREATED if is_new else status.HTTP_200_OK)
