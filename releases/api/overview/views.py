"""The overview as one answer."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import OuterRef, Subquery
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from releases import selectors
from releases.api.actors import user_of
from releases.api.base import Door
from releases.api.fields import Said
from releases.api.overview.attention import attention
from releases.api.overview.measured import last_minute, success_lines
from releases.api.rollouts.newest import newest_verdicts
from releases.api.rollouts.serializers import RolloutSerializer
from releases.api.traffic import ObjectOrNull, Shares
from releases.api.versions import ServiceRefSerializer, VersionRefSerializer
from releases.domain.states import FINISHED, LIVE
from releases.models import Rollout
from services.models import Service


class SplitSerializer(serializers.Serializer[Any]):
    """The split three times, percent by version name; ``problem`` says what was not reached."""

    declared = Shares()
    configured = Shares()
    observed = Shares()
    requests = Shares()
    observed_seconds = serializers.FloatField()
    sticky = ObjectOrNull()
    matched = serializers.BooleanField()
    problem = Said(allow_blank=True)


class LastMinuteSerializer(serializers.Serializer[Any]):
    success_ratio = serializers.FloatField(allow_null=True)
    rps = serializers.FloatField()
    p95_ms = serializers.FloatField(allow_null=True)


class OverviewRowSerializer(serializers.Serializer[Any]):
    """One service. ``metrics`` are of the last minute, ``spark`` is the success ratio of the last quarter of
    an hour.
    """

    service = ServiceRefSerializer()
    stable = VersionRefSerializer(allow_null=True)
    candidate = VersionRefSerializer(allow_null=True)
    traffic = SplitSerializer()
    rollout = RolloutSerializer(allow_null=True)
    last_rollout = RolloutSerializer(allow_null=True)
    metrics = serializers.DictField(child=LastMinuteSerializer())
    spark = serializers.DictField(
        child=serializers.ListField(child=serializers.ListField(child=serializers.FloatField()))
    )


class LinkSerializer(serializers.Serializer[Any]):
    label = serializers.CharField()  # type: ignore[assignment]  # the link's, not the field's
    href = serializers.CharField()


class AttentionSerializer(serializers.Serializer[Any]):
    """What needs a person, worst first."""

    kind = serializers.ChoiceField(choices=["drift", "approval", "failed", "waiting", "paused", "mesh"])
    severity = serializers.ChoiceField(choices=["hold", "fail"])
    service = serializers.IntegerField()
    rollout = serializers.IntegerField(allow_null=True)
    title = serializers.CharField()
    text = serializers.CharField(allow_blank=True)
    action = LinkSerializer()


class HealthSerializer(serializers.Serializer[Any]):
    """One part of Weir. ``id``: database, broker, beat, mesh:CLUSTER or prometheus:CLUSTER."""

    id = serializers.CharField()
    name = serializers.CharField()
    ok = serializers.BooleanField()
    detail = serializers.CharField(allow_blank=True)


class OverviewSerializer(serializers.Serializer[Any]):
    generated_at = serializers.DateTimeField()
    time_zone = serializers.CharField()
    services = OverviewRowSerializer(many=True)
    attention = AttentionSerializer(many=True)
    health = HealthSerializer(many=True)


class OverviewView(Door):
    """What everybody sees first. The number of queries does not depend on the number of services."""

    @extend_schema(responses=OverviewSerializer)
    def get(self, request: Request) -> Response:
        now = timezone.now()
        # Live rollouts before services: one that ends in between still names both versions. The other way round
        # its service would be shown with the stable version of before and traffic of a version nobody names.
        live = {rollout.service_id: rollout for rollout in selectors.listed_rollouts().filter(state__in=LIVE)}
        services = list(selectors.services())
        traffic = selectors.traffic_of(services)
        ended = _last_ended()
        mine = {rollout.pk for rollout in selectors.waiting_for(user_of(request))}
        numbers, lines = last_minute(services, now=now), success_lines(services, now=now)
        rows = [
            {
                "service": service,
                "stable": service.stable,
                "candidate": live[service.pk].candidate if service.pk in live else None,
                "traffic": traffic[service.pk],
                "rollout": live.get(service.pk),
                "last_rollout": ended.get(service.pk),
                "metrics": numbers.get(service.pk, {}),
                "spark": lines.get(service.pk, {}),
            }
            for service in services
        ]
        verdicts = newest_verdicts([*live.values(), *ended.values()])
        answer = {
            "generated_at": now,
            "time_zone": settings.TIME_ZONE,
            "services": rows,
            "attention": attention(
                services,
                live=live,
                ended=ended,
                traffic=traffic,
                mine=mine,
                emergencies=selectors.emergencies(),
                reviews={release.pk for release in selectors.reviews_waiting_for(user_of(request))},
                now=now,
            ),
            "health": selectors.known_health(),
        }
        return Response(OverviewSerializer(answer, context={"request": request, "verdicts": verdicts}).data)


def _last_ended() -> dict[int, Rollout]:
    """Return the newest finished rollout of each service: one look into the index ``rollout_history`` for each.

    Two queries: asked as one, PostgreSQL joins every rollout there is before it finds out how few are wanted.
    """
    newest = (
        Rollout.objects.filter(service=OuterRef("pk"), state__in=FINISHED).order_by("-id").values("pk")[:1]
    )
    wanted = list(Service.objects.annotate(newest=Subquery(newest)).values_list("newest", flat=True))
    return {rollout.service_id: rollout for rollout in selectors.listed_rollouts().filter(pk__in=wanted)}
