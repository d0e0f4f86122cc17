"""``plans/``: reusable lists of steps with their gates."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from releases import flow
from releases.api.actors import actor_of
from releases.api.base import Noun
from releases.api.fields import Instant, MirrorJson, RuleJson, StickyJson, Text
from releases.api.people import PersonSerializer
from releases.api.references import Named
from releases.api.rehearsals import RehearsalInput, RehearsalSerializer, asked
from releases.domain.evidence_policy import MAX_HOLD_BACK, EvidencePolicy
from releases.domain.plan import Gate, Strategy
from releases.domain.roles import Action
from releases.models import RolloutPlan


class StepSerializer(serializers.Serializer[Any]):
    """One step. Everything but ``weight`` (percent) and ``bake_seconds`` may be left out."""

    weight = serializers.IntegerField(min_value=0, max_value=100)
    bake_seconds = serializers.IntegerField(min_value=1)
    gate = serializers.ChoiceField(
        choices=[gate.value for gate in Gate], required=False, default=Gate.AUTO.value
    )
    not_before = Instant(required=False, allow_null=True, default=None)
    rules = serializers.ListField(child=RuleJson(), required=False, default=list)
    sticky = StickyJson(required=False, allow_null=True, default=None)
    mirror = MirrorJson(required=False, allow_null=True, default=None)


class ExperimentRule(serializers.Serializer[Any]):
    """What decides an A/B test, fixed before the start.

    ``kpi`` is ``conversion``, ``dwell`` or a metric of the service; ``minimum_effect`` is relative to A (0.02: two percent better).
    """

    kpi = Text(required=False)
    minimum_effect = serializers.FloatField(required=False, min_value=0)
    maximum_seconds = serializers.FloatField(required=False, min_value=1)
    on_tie = serializers.ChoiceField(choices=["stable", "candidate"], required=False)


class EvidenceSerializer(serializers.Serializer[Any]):
    """On what evidence a step may be left; what is left out takes the default.

    ``hold_back``: percent that stay on the stable version during a last step of 100 %, until the promotion writes the rest. A new
    canary plan that asks for the ``gate`` without saying gets 5.
    """

    policy = serializers.ChoiceField(choices=["gate", "guard"], required=False)
    interval_seconds = serializers.IntegerField(min_value=1, max_value=3600, required=False)
    wait_limit_seconds = serializers.IntegerField(min_value=0, required=False)
    when_unclear = serializers.ChoiceField(choices=["hold", "roll_back"], required=False)
    experiment = ExperimentRule(required=False, allow_null=True)
    hold_back = serializers.IntegerField(min_value=0, max_value=MAX_HOLD_BACK, required=False)


class PlanSerializer(serializers.ModelSerializer[RolloutPlan]):
    """A plan with its steps in order. ``owners``: the group that changes it; null: shared, changed by its author and the catalogue's keepers."""

    steps = StepSerializer(many=True, read_only=True)
    evidence = serializers.SerializerMethodField()
    owners = serializers.CharField(source="owners.name", read_only=True, default=None, allow_null=True)
    created_by = PersonSerializer(read_only=True, allow_null=True)

    class Meta:
        model = RolloutPlan
        fields = [
            "id",
            "name",
            "title",
            "strategy",
            "steps",
            "evidence",
            "owners",
            "created_by",
            "updated_at",
        ]

    @extend_schema_field(EvidenceSerializer)
    def get_evidence(self, plan: RolloutPlan) -> dict[str, Any]:
        return EvidencePolicy.from_json(plan.evidence).as_json()


class PlanInput(serializers.Serializer[Any]):
    """A plan as it is sent. Steps and evidence are checked once more, as a whole, by the domain.

    ``owners`` is a group by id or name; left out, a new plan is the only group's for which its maker makes plans.
    """

    name = Text(max_length=100)
    title = Text(max_length=200, required=False, allow_blank=True, default="")
    strategy = serializers.ChoiceField(
        choices=[strategy.value for strategy in Strategy], required=False, default=Strategy.CANARY.value
    )
    steps = serializers.ListField(child=StepSerializer(), min_length=1)
    evidence = EvidenceSerializer(required=False, default=dict)
    owners = Named(rows=Group.objects.all(), required=False, allow_null=True)


class PlanViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Noun[RolloutPlan]):
    grants = {
        "create": (Action.EDIT_PLANS,),
        "partial_update": (Action.EDIT_PLANS, Action.EDIT_CATALOGUE),
        "destroy": (Action.EDIT_PLANS, Action.EDIT_CATALOGUE),
        "rehearse": (Action.REHEARSE,),
    }
    queryset = (
        RolloutPlan.objects.select_related("created_by", "owners").prefetch_related("steps").order_by("name")
    )
    serializer_class = PlanSerializer
    filterset_fields = ["name", "strategy"]
    ordering = "id"

    @extend_schema(request=PlanInput, responses={201: PlanSerializer})
    def create(self, request: Request) -> Response:
        given = PlanInput(data=request.data)
        given.is_valid(raise_exception=True)
        plan = flow.save_plan(by=actor_of(request), **given.validated_data)
        return Response(self._shown(plan), status=status.HTTP_201_CREATED)

    @extend_schema(request=PlanInput, responses={200: PlanSerializer})
    def partial_update(self, request: Request, pk: int) -> Response:
        plan = self.get_object()
        given = PlanInput(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        kept = {
            "name": plan.name,
            "title": plan.title,
            "strategy": plan.strategy,
            "steps": [step.as_json() for step in plan.steps.all()],
            "evidence": plan.evidence,
        }
        return Response(
            self._shown(flow.save_plan(plan=plan, by=actor_of(request), **{**kept, **given.validated_data}))
        )

    def destroy(self, request: Request, pk: int) -> Response:
        """Remove the plan. Rollouts keep the copy they were made with."""
        flow.delete_plan(self.get_object(), by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=RehearsalInput, responses={200: RehearsalSerializer, 202: RehearsalSerializer})
    @action(detail=True, methods=["post"])
    def rehearse(self, request: Request, pk: int) -> Response:
        """Play the plan over a service's recorded past: what each step can see, and how often the judge would cry wolf."""
        return asked(self.get_object(), request)

    def _shown(self, plan: RolloutPlan) -> dict[str, Any]:
        shown: dict[str, Any] = PlanSerializer(self.get_queryset().get(pk=plan.pk)).data
        return shown
