"""How a rollout is shown, in lists and alone."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.functional import cached_property
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from releases import selectors
from releases.api.actors import actor_of
from releases.api.people import PersonSerializer
from releases.api.plans import EvidenceSerializer, StepSerializer
from releases.api.rollouts.evidence import VerdictSerializer
from releases.api.rows import RowSerializer
from releases.api.traffic import DriftField
from releases.api.versions import ServiceRefSerializer, VersionRefSerializer
from releases.models import Approval, EmergencyRelease, Rollout, RolloutEdit, StepRun


class PlanRefSerializer(serializers.Serializer[Any]):
    """The plan it was made from. ``id`` is null when that plan is gone; the rollout keeps its copy."""

    id = serializers.IntegerField(allow_null=True)
    name = serializers.CharField()


class StepRunSerializer(serializers.ModelSerializer[StepRun]):
    """One step: as planned, and how it went. Weights are percent; null: not yet."""

    planned = StepSerializer()
    outcome = serializers.ChoiceField(choices=StepRun.Outcome.choices, allow_blank=True)

    class Meta:
        model = StepRun
        fields = [
            "position",
            "planned",
            "desired",
            "written",
            "observed",
            "started_at",
            "ended_at",
            "bake_left_seconds",
            "outcome",
        ]


class ApprovalSerializer(serializers.ModelSerializer[Approval]):
    """One vote. A voided one stays, with the reason."""

    by = PersonSerializer()

    class Meta:
        model = Approval
        fields = [
            "id", "by", "decision", "reason", "fingerprint", "evidence_hash", "created_at", "voided_at", "voided_by",
            "voided_why",
        ]  # fmt: skip


class EditSerializer(serializers.ModelSerializer[RolloutEdit]):
    """Who changed what before it was approved."""

    by = PersonSerializer()
    changes = serializers.DictField()

    class Meta:
        model = RolloutEdit
        fields = ["id", "by", "at", "changes"]


class AllowedEventSerializer(serializers.Serializer[Any]):
    """An event that makes sense now, whether *this* person may cause it, and if not, why."""

    event = serializers.CharField(source="event.value")
    slug = serializers.CharField(source="event.slug")
    allowed = serializers.BooleanField()
    why = serializers.CharField(allow_blank=True)


class EmergencySerializer(serializers.ModelSerializer[EmergencyRelease]):
    """Why it did not wait for votes, and what somebody else found afterwards."""

    declared_by = PersonSerializer()
    reviewed_by = PersonSerializer(allow_null=True)
    overdue = serializers.SerializerMethodField()

    class Meta:
        model = EmergencyRelease
        fields = [
            "incident", "reason", "declared_by", "declared_at", "due_at", "overdue", "reviewed_by", "reviewed_at",
            "outcome", "findings",
        ]  # fmt: skip
        read_only_fields = fields

    def get_overdue(self, release: EmergencyRelease) -> bool:
        return release.is_overdue(timezone.now())


class TrainRefSerializer(serializers.Serializer[Any]):
    """The release train that a rollout goes with."""

    id = serializers.IntegerField()
    number = serializers.CharField(source="__str__")
    name = serializers.CharField()


class RolloutSerializer(RowSerializer[Rollout]):
    """A rollout as lists show it. ``context["verdicts"]`` is what ``newest_verdicts`` found for the page."""

    number = serializers.CharField(source="__str__", read_only=True)
    service = ServiceRefSerializer(read_only=True)
    stable = VersionRefSerializer(read_only=True)
    candidate = VersionRefSerializer(read_only=True)
    plan = serializers.SerializerMethodField()
    strategy = serializers.CharField(source="frozen_plan.strategy", read_only=True)
    state_label = serializers.CharField(source="get_state_display", read_only=True)
    why = serializers.SerializerMethodField()
    next_look_at = serializers.DateTimeField(source="next_wake_up", read_only=True, allow_null=True)
    weights = serializers.SerializerMethodField()
    requested_by = PersonSerializer(read_only=True)
    drift = DriftField()
    latest_verdict = serializers.SerializerMethodField()
    emergency = serializers.SerializerMethodField()
    standard_change = serializers.StringRelatedField(allow_null=True)  # type: ignore[var-annotated]  # of any model
    evidence = serializers.SerializerMethodField()
    train = serializers.SerializerMethodField()

    class Meta:
        model = Rollout
        fields: list[str] = [
            "id", "number", "service", "stable", "candidate", "plan", "strategy", "state", "state_label",
            "reason_code", "why", "next_look_at", "fingerprint", "current_step", "weights", "requested_by",
            "reason", "impact", "test_evidence", "rollback_note", "ticket", "start_at", "created_at",
            "submitted_at", "approved_at", "started_at", "ended_at", "drift", "latest_verdict", "revision",
            "evidence", "promote_requested", "retry_of", "changes_data", "compatibility_note", "emergency",
            "standard_change", "figures_resolution_seconds", "train",
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(PlanRefSerializer)
    def get_plan(self, rollout: Rollout) -> dict[str, Any]:
        return {"id": rollout.plan_id, "name": rollout.plan_name}

    def get_why(self, rollout: Rollout) -> str:
        return selectors.why(rollout)

    def get_weights(self, rollout: Rollout) -> list[int]:
        """Return the candidate's share at each step, percent: the weight, and on top of it the users who always see it."""
        return [
            step["weight"]
            + round((100 - step["weight"]) * ((step.get("sticky") or {}).get("percent") or 0) / 100)
            for step in rollout.frozen_plan["steps"]
        ]

    @extend_schema_field(EvidenceSerializer)
    def get_evidence(self, rollout: Rollout) -> Any:
        return rollout.frozen_plan["evidence"]

    @extend_schema_field(TrainRefSerializer(allow_null=True))
    def get_train(self, rollout: Rollout) -> Any:
        member = getattr(rollout, "train_member", None)
        return TrainRefSerializer(member.train).data if member else None

    @extend_schema_field(EmergencySerializer(allow_null=True))
    def get_emergency(self, rollout: Rollout) -> Any:
        release = getattr(rollout, "emergency_release", None)
        return self._emergency.to_representation(release) if release else None

    @extend_schema_field(VerdictSerializer(allow_null=True))
    def get_latest_verdict(self, rollout: Rollout) -> Any:
        verdict = self.context["verdicts"].get(rollout.pk)
        return self._verdict.to_representation(verdict) if verdict else None

    # One of each for all rows of a page: making a serializer costs more than using it.
    @cached_property
    def _verdict(self) -> VerdictSerializer:
        return VerdictSerializer()

    @cached_property
    def _emergency(self) -> EmergencySerializer:
        return EmergencySerializer()


class RolloutDetailSerializer(RolloutSerializer):
    """A rollout alone: with its steps, votes, edits, and what the person who asks may do."""

    steps = serializers.SerializerMethodField()
    approvals = ApprovalSerializer(many=True, read_only=True)
    approvals_needed = serializers.IntegerField(source="service.policy.approvals_needed", read_only=True)
    edits = EditSerializer(many=True, read_only=True)
    allowed_events = serializers.SerializerMethodField()

    class Meta(RolloutSerializer.Meta):
        fields = [
            *RolloutSerializer.Meta.fields,
            "steps",
            "approvals",
            "approvals_needed",
            "edits",
            "allowed_events",
        ]
        read_only_fields = fields

    @extend_schema_field(StepRunSerializer(many=True))
    def get_steps(self, rollout: Rollout) -> Any:
        """Return each step of the plan with its run, or as it stands before it runs."""
        runs = {run.position: run for run in rollout.step_runs.all()}
        planned = enumerate(rollout.frozen_plan["steps"])
        rows = [runs.get(position) or StepRun(position=position, planned=step) for position, step in planned]
        return StepRunSerializer(rows, many=True).data

    @extend_schema_field(AllowedEventSerializer(many=True))
    def get_allowed_events(self, rollout: Rollout) -> Any:
        events = selectors.allowed_events(rollout, actor_of(self.context["request"]))
        return AllowedEventSerializer(events, many=True).data
