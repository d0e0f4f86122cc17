"""``experiments/``: A/B tests, where they stand and what they will be decided by."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from releases import selectors
from releases.api.base import Noun
from releases.api.filters import ByName
from releases.api.plans import ExperimentRule
from releases.domain.plan import Strategy
from releases.models import Rollout
from releases.models.rollout import STATE_LABELS


class AssignmentSerializer(serializers.Serializer[Any]):
    """Requests of the users of each version, and the candidate's share (0-1) with its interval against the declared one."""

    stable = serializers.FloatField()
    candidate = serializers.FloatField()
    declared = serializers.FloatField()
    share = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    is_sound = serializers.BooleanField()


class IntervalAtSerializer(serializers.Serializer[Any]):
    """The difference B - A and its interval at one moment."""

    at = serializers.DateTimeField()
    difference = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()


class KpiSerializer(serializers.Serializer[Any]):
    """Means of both versions, and the difference B - A with an interval that holds at every look together."""

    name = serializers.CharField()
    title = serializers.CharField(help_text="The name in the reader's language.")
    a = serializers.FloatField(allow_null=True)
    b = serializers.FloatField(allow_null=True)
    count_a = serializers.FloatField()
    count_b = serializers.FloatField()
    difference = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    over_time = IntervalAtSerializer(many=True)


class ExperimentSerializer(serializers.Serializer[Any]):
    """``choice``: ``open``, ``candidate``, ``stable`` or ``void``; ``id`` is the rollout's; ``shadow``: nothing is done by it."""

    id = serializers.IntegerField()
    number = serializers.CharField()
    service = serializers.CharField()
    shadow = serializers.BooleanField()
    stable = serializers.CharField()
    candidate = serializers.CharField()
    state = serializers.CharField()
    started_at = serializers.DateTimeField(allow_null=True)
    choice = serializers.ChoiceField(choices=["open", "candidate", "stable", "void"])
    sentence = serializers.CharField()
    seconds = serializers.FloatField()
    rule = ExperimentRule()
    assignment = AssignmentSerializer(allow_null=True)
    kpis = KpiSerializer(many=True)


class ExperimentFilter(django_filters.FilterSet):
    """``?service=`` takes an id or a name."""

    service = ByName(label=_("service, by id or name"))
    state = django_filters.ChoiceFilter(choices=STATE_LABELS)


class ExperimentViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Noun[Rollout]):
    """A/B tests, newest first."""

    http_method_names = ["get", "head", "options"]
    serializer_class = ExperimentSerializer
    filterset_class = ExperimentFilter
    ordering = "-id"

    def get_queryset(self) -> QuerySet[Rollout]:
        return selectors.rollouts().filter(frozen_plan__strategy=Strategy.AB_TEST.value)

    @extend_schema(responses=ExperimentSerializer(many=True))
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        found = selectors.experiments(page, with_history=False)
        return self.get_paginated_response(ExperimentSerializer(found, many=True).data)

    @extend_schema(responses=ExperimentSerializer)
    def retrieve(self, request: Request, pk: int) -> Response:
        (found,) = selectors.experiments([self.get_object()], with_history=True)
        return Response(ExperimentSerializer(found).data)
