"""``proposals/``: changes that take two people. One asked; somebody else agrees or refuses."""

from __future__ import annotations

from collections.abc import Callable

from django.db.models import Model, QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema
from rest_framework import filters, mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from releases import flow, selectors
from releases.api.actors import actor_of
from releases.api.base import Noun
from releases.api.calendar.serializers import ProposalSerializer, ReasonInput
from releases.models import Proposal


class ProposalViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Noun[Proposal]):
    """Changes of policies and active freezes, overrides, plans approved in advance."""

    serializer_class = ProposalSerializer
    filter_backends = [DjangoFilterBackend, filters.OrderingFilter]
    filterset_fields = ["kind", "state"]
    ordering_fields = ["id", "asked_at"]

    def get_queryset(self) -> QuerySet[Proposal]:
        return selectors.proposals()

    @extend_schema(request=ReasonInput, responses={200: ProposalSerializer})
    @action(detail=True, methods=["post"], scope="approve")
    def approve(self, request: Request, pk: int) -> Response:
        """Be the second person: the change is made now."""
        return self._decided(request, flow.agree, first=flow.check_may_decide)

    @extend_schema(request=ReasonInput, responses={200: ProposalSerializer})
    @action(detail=True, methods=["post"], scope="approve")
    def reject(self, request: Request, pk: int) -> Response:
        """Say no, and why."""
        return self._decided(request, flow.refuse, first=flow.check_may_decide)

    @extend_schema(request=ReasonInput, responses={200: ProposalSerializer})
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: int) -> Response:
        """Take one's own proposal back."""
        return self._decided(request, flow.withdraw_proposal, first=flow.check_may_withdraw)

    def _decided(
        self, request: Request, decide: Callable[..., Proposal], *, first: Callable[..., None]
    ) -> Response:
        proposal, by = self.get_object(), actor_of(request)
        said = self.given(request, taken_as=ReasonInput, first=lambda: first(proposal, by=by))
        decide(proposal, by=by, why=said["reason"])
        return Response(ProposalSerializer(self.get_queryset().get(pk=proposal.pk)).data)

    def refused_object(self) -> Model | None:
        return Proposal.objects.filter(pk=self.kwargs["pk"]).first()
