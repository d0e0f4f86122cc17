"""``standard-changes/``: plans approved in advance. Asked for by one, agreed to by another (``proposals/``)."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema
from rest_framework import filters, mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from releases import flow, selectors
from releases.api.actors import actor_of
from releases.api.base import Noun
from releases.api.calendar.serializers import ProposalSerializer, ReasonInput
from releases.api.fields import Text
from releases.api.filters import ByName
from releases.api.people import PersonSerializer
from releases.api.references import Reference
from releases.api.versions import ServiceRefSerializer
from releases.domain.roles import Action
from releases.models import RolloutPlan, StandardChange
from services.models import Service


class StandardChangeSerializer(serializers.ModelSerializer[StandardChange]):
    """A plan that needs no vote on one service, up to a weight and until a time."""

    number = serializers.CharField(source="__str__", read_only=True)
    plan_name = serializers.CharField(source="plan.name", default="", read_only=True)
    service = ServiceRefSerializer(read_only=True)
    asked_by = PersonSerializer(source="proposal.asked_by", read_only=True)
    agreed_by = PersonSerializer(source="proposal.decided_by", read_only=True)

    class Meta:
        model = StandardChange
        fields = [
            "id", "number", "plan", "plan_name", "service", "max_weight", "valid_until", "revoked_at", "revoked_by",
            "asked_by", "agreed_by",
        ]  # fmt: skip
        read_only_fields = fields


class StandardChangeInput(serializers.Serializer[Any]):
    """This plan, as it is now, may be carried out on this service without a vote, if somebody else agrees."""

    plan = Reference(rows=RolloutPlan.objects.prefetch_related("steps"))
    service = Reference(rows=Service.objects.select_related("cluster"))
    max_weight = serializers.IntegerField(min_value=1, max_value=100, required=False, default=100)
    valid_until = serializers.DateTimeField()
    reason = Text(max_length=4000)


class StandardChangeFilter(django_filters.FilterSet):
    """``?service=`` and ``?plan=`` take an id or a name."""

    service = ByName(label=_("service, by id or name"))
    plan = ByName(label=_("plan, by id or name"))

    class Meta:
        model = StandardChange
        fields = ["service", "plan"]


class StandardChangeViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Noun[StandardChange]):
    """Approvals in advance; taking one back takes one person."""

    grants = {"create": (Action.EDIT_PLANS,), "revoke": (Action.EDIT_POLICIES,)}

    serializer_class = StandardChangeSerializer
    filter_backends = [DjangoFilterBackend, filters.OrderingFilter]
    filterset_class = StandardChangeFilter
    ordering_fields = ["id", "valid_until"]

    def get_queryset(self) -> QuerySet[StandardChange]:
        return selectors.standard_changes()

    @extend_schema(request=StandardChangeInput, responses={202: ProposalSerializer})
    def create(self, request: Request) -> Response:
        """Propose it."""
        given = StandardChangeInput(data=request.data)
        given.is_valid(raise_exception=True)
        fields = dict(given.validated_data)
        proposal = flow.propose_standard(
            fields.pop("plan"), by=actor_of(request), why=fields.pop("reason"), **fields
        )
        return Response(ProposalSerializer(proposal).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=ReasonInput, responses={200: StandardChangeSerializer})
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: int) -> Response:
        """Take it back, and pause what runs by it."""
        given = ReasonInput(data=request.data)
        given.is_valid(raise_exception=True)
        standard = flow.revoke_standard(
            self.get_object(), by=actor_of(request), why=given.validated_data["reason"]
        )
        return Response(StandardChangeSerializer(standard).data)
