"""Which votes count, and whether they are enough."""

from __future__ import annotations

from collections.abc import Sequence

from releases.domain.roles import RoleName, allows
from releases.domain.states import Event
from releases.models import Approval, Rollout, TrafficChange, TrafficVote
from releases.roles import roles_of


def counting_votes(rollout: Rollout | TrafficChange) -> list[Approval | TrafficVote]:
    """Return the approvals of this fingerprint by people who are still active and still may approve, one per person."""
    votes = rollout.approvals.filter(
        decision=Approval.Decision.APPROVE, voided_at=None, fingerprint=rollout.fingerprint
    ).select_related("by")
    counted: dict[int, Approval | TrafficVote] = {}
    for vote in votes:
        roles: set[RoleName] = roles_of(vote.by, rollout.service)
        if vote.by.is_active and allows(roles, Event.APPROVE):
            counted.setdefault(vote.by_id, vote)
    return list(counted.values())


def is_full(
    rollout: Rollout | TrafficChange, *, votes: Sequence[Approval | TrafficVote] | None = None
) -> bool:
    """Say whether enough people agreed and every required group is among them."""
    given = counting_votes(rollout) if votes is None else votes
    policy = rollout.service.policy
    voters = [vote.by for vote in given]
    groups_met = all(
        any(voter.groups.filter(pk=group.pk).exists() for voter in voters)
        for group in policy.required_groups.all()
    )
    return len(given) >= policy.approvals_needed and groups_met
