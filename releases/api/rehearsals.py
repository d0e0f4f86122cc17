"""Rehearsing a plan before anybody approves it: ask on the plan, look at the job."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from releases import flow, selectors
from releases.api.actors import actor_of
from releases.api.base import Noun
from releases.api.filters import ByName
from releases.api.references import MAX_ID, Reference
from releases.clock import database_now
from releases.models import Rehearsal, Rollout, RolloutPlan
from releases.verdicts import metric_label
from services.models import Service


class RehearsalInput(serializers.Serializer[Any]):
    """Which service's past, and how much of it in seconds."""

    service = Reference(rows=Service.objects.select_related("cluster", "stable"))
    window = serializers.IntegerField(
        required=False, default=24 * 3600, min_value=300, max_value=14 * 24 * 3600
    )


class MetricForecastSerializer(serializers.Serializer[Any]):
    """What a step can count on of one metric of the judge; ``title`` is its name for people.

    ``smallest_change`` is a difference of ratios (0-1) or, where ``is_relative``, a part of the stable version's figure; null: it sees
    nothing within its bake. ``verdict_seconds``: median time until the gate had heard enough of it, null where the gate asks nothing
    (``is_gated`` false) or did not hear enough in time.
    """

    metric = serializers.CharField()
    title = serializers.SerializerMethodField()
    edge_ms = serializers.FloatField(allow_null=True)
    is_relative = serializers.BooleanField()
    smallest_change = serializers.FloatField(allow_null=True)
    is_gated = serializers.BooleanField()
    verdict_seconds = serializers.FloatField(allow_null=True)
    false_alarms = serializers.IntegerField()

    def get_title(self, given: dict[str, Any]) -> str:
        return metric_label(given["metric"], edge_ms=given["edge_ms"])


class StepForecastSerializer(serializers.Serializer[Any]):
    """What a step can count on.

    ``rps`` and ``requests`` are the candidate's; ``smallest_rise`` of the error ratio (0-1) is what it is expected to find
    within its bake, null: nothing; ``verdict_seconds`` is the median time until the gate opened, null: not within its bake.
    """

    weight = serializers.FloatField()
    bake_seconds = serializers.FloatField()
    rps = serializers.FloatField()
    requests = serializers.FloatField()
    smallest_rise = serializers.FloatField(allow_null=True)
    verdict_seconds = serializers.FloatField(allow_null=True)
    false_alarms = serializers.IntegerField()
    metrics = MetricForecastSerializer(many=True)


class RehearsalSerializer(serializers.ModelSerializer[Rehearsal]):
    """``progress`` is percent; the rest of the numbers is null until ``state`` is ``done``.

    ``compressed`` below 1: the past was shorter than the plan, and each bake was played shorter by this factor.
    """

    service = serializers.CharField(source="service.name")
    sentence = serializers.SerializerMethodField()
    problem = serializers.SerializerMethodField()
    runs = serializers.SerializerMethodField()
    false_alarms = serializers.SerializerMethodField()
    windows = serializers.SerializerMethodField()
    windows_missing = serializers.SerializerMethodField()
    compressed = serializers.SerializerMethodField()
    is_blind = serializers.SerializerMethodField()
    steps = serializers.SerializerMethodField()

    class Meta:
        model = Rehearsal
        fields = [
            "id", "service", "plan", "until", "window_seconds", "state", "progress", "sentence", "problem",
            "runs", "false_alarms", "windows", "windows_missing", "compressed", "is_blind", "steps",
        ]  # fmt: skip

    def get_sentence(self, row: Rehearsal) -> str:
        return selectors.rehearsal_sentence(row)

    def get_problem(self, row: Rehearsal) -> str:
        return selectors.rehearsal_problem(row)

    def get_runs(self, row: Rehearsal) -> int | None:
        return _number(row, "runs")

    def get_false_alarms(self, row: Rehearsal) -> int | None:
        return _number(row, "false_alarms")

    def get_windows(self, row: Rehearsal) -> int | None:
        return _number(row, "windows")

    def get_windows_missing(self, row: Rehearsal) -> int | None:
        return _number(row, "windows_missing")

    def get_compressed(self, row: Rehearsal) -> float | None:
        return row.result["compressed"] if row.result else None

    def get_is_blind(self, row: Rehearsal) -> bool | None:
        return row.result["is_blind"] if row.result else None

    @extend_schema_field(StepForecastSerializer(many=True, allow_null=True))
    def get_steps(self, row: Rehearsal) -> list[dict[str, Any]] | None:
        steps = row.result["steps"] if row.result else None
        return None if steps is None else list(StepForecastSerializer(steps, many=True).data)


class RehearsalFilter(django_filters.FilterSet):
    """``?service=`` and ``?plan=`` take an id or a name. ``rollout``: those of exactly this rollout's plan on its service."""

    service = ByName(label=_("service, by id or name"))
    plan = ByName(label=_("plan, by id or name"))
    rollout = django_filters.NumberFilter(method="of_rollout", label="rollout")

    class Meta:
        model = Rehearsal
        fields = ["service", "plan", "state"]

    def of_rollout(self, rows: QuerySet[Rehearsal], _name: str, value: Decimal) -> QuerySet[Rehearsal]:
        rollout = Rollout.objects.filter(pk=int(value)).first() if 0 < value <= MAX_ID else None
        return selectors.rehearsals_of(rollout, among=rows) if rollout else rows.none()


def asked(plan: RolloutPlan, request: Request) -> Response:
    """Carry out a short rehearsal at once (200), leave a long one to a worker (202 with the job's address)."""
    given = RehearsalInput(data=request.data)
    given.is_valid(raise_exception=True)
    service: Service = given.validated_data["service"]
    rehearsal = flow.ask_rehearsal(
        service,
        plan.frozen(),
        row=plan,
        by=actor_of(request),
        now=database_now(),
        window_seconds=given.validated_data["window"],
    )
    status = 202
    if flow.is_short(rehearsal) and (done := flow.carry_out_rehearsal(rehearsal.pk, clock=database_now)):
        rehearsal, status = done, 200
    address = reverse("api:rehearsals-detail", args=[rehearsal.pk], request=request)
    return Response(RehearsalSerializer(rehearsal).data, status=status, headers={"Location": address})


class RehearsalViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Noun[Rehearsal]):
    """What was rehearsed, newest first."""

    http_method_names = ["get", "head", "options"]
    queryset = Rehearsal.objects.select_related("service").order_by("-id")
    serializer_class = RehearsalSerializer
    filterset_class = RehearsalFilter
    ordering = "-id"


def _number(row: Rehearsal, name: str) -> int | None:
    return int(row.result[name]) if row.result else None
