"""``policies/``: who must agree before a rollout may start."""

from __future__ import annotations

from django.contrib.auth.models import Group
from rest_framework import serializers

from releases.api.catalogue import CatalogueViewSet
from services.models import Policy


class PolicySerializer(serializers.ModelSerializer[Policy]):
    """``number`` counts changes and is part of every fingerprint. Groups are given by name."""

    required_groups = serializers.SlugRelatedField(
        slug_field="name", many=True, required=False, queryset=Group.objects.all()
    )
    approvals_needed = serializers.IntegerField(min_value=1, max_value=20, required=False, default=1)

    class Meta:
        model = Policy
        fields = [
            "id",
            "name",
            "approvals_needed",
            "required_groups",
            "guard_allowed",
            "token_approval_allowed",
            "number",
        ]
        read_only_fields = ["number"]


class PolicyViewSet(CatalogueViewSet[Policy]):
    queryset = Policy.objects.prefetch_related("required_groups").order_by("name")
    serializer_class = PolicySerializer
    filterset_fields = ["name"]
