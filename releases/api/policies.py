"""``policies/``: who must agree before a rollout may start."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group
from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from releases import selectors
from releases.api.calendar.serializers import ProposalSerializer
from releases.api.catalogue import CatalogueViewSet
from releases.domain.roles import Action
from releases.models import Proposal
from services.models import Policy


class PolicySerializer(serializers.ModelSerializer[Policy]):
    """``number`` counts changes and is part of every fingerprint. Groups are given by name."""

    required_groups = serializers.SlugRelatedField(
        slug_field="name", many=True, required=False, queryset=Group.objects.all()
    )
    signers = serializers.SlugRelatedField(
        slug_field="name", many=True, required=False, queryset=Group.objects.all()
    )
    open_proposals = serializers.SerializerMethodField()
    approvals_needed = serializers.IntegerField(min_value=1, max_value=20, required=False, default=1)

    class Meta:
        model = Policy
        fields = [
            "id",
            "name",
            "approvals_needed",
            "signing",
            "signers",
            "required_groups",
            "guard_allowed",
            "token_approval_allowed",
            "number",
            "open_proposals",
        ]
        read_only_fields = ["number"]

    @extend_schema_field(ProposalSerializer(many=True))
    def get_open_proposals(self, policy: Policy) -> Any:
        """Changes that wait for a second person."""
        return ProposalSerializer(getattr(policy, "open_proposals", []), many=True).data


class PolicyViewSet(CatalogueViewSet[Policy]):
    grants = {"create": (Action.EDIT_POLICIES,), "partial_update": (Action.EDIT_POLICIES,)}
    queryset = Policy.objects.prefetch_related(
        "required_groups",
        "signers",
        Prefetch(
            "proposals", selectors.proposals().filter(state=Proposal.State.OPEN), to_attr="open_proposals"
        ),
    ).order_by("name")
    serializer_class = PolicySerializer
    filterset_fields = ["name"]
