"""Which changes by hand say what the mesh does now. Reads rows only."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from releases.domain.traffic_change import ChangeState
from releases.models import Rollout, TrafficChange


def changes_in_force() -> QuerySet[TrafficChange]:
    """Return the changes that say what the mesh does now: applied, and no later change or rollout wrote since."""
    later = Rollout.objects.filter(service=OuterRef("service"), started_at__gt=OuterRef("ended_at"))
    return TrafficChange.objects.filter(
        ~Exists(later), state=ChangeState.APPLIED, in_force_until=None
    ).select_related("stable", "candidate")
