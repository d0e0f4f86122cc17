"""Who can act on a rollout now: vote on it, or review its emergency."""

from __future__ import annotations

from collections.abc import Iterable

from releases.domain.states import Event
from releases.flow.notify.outbox import who_may
from releases.models import EmergencyRelease, Rollout, User


def who_may_decide(rollout: Rollout) -> list[User]:
    """Return who may vote on this rollout now: the role, neither requester nor editor, no vote yet."""
    voted = [vote.by for vote in rollout.approvals.filter(voided_at=None).select_related("by")]
    return _others(rollout, besides={user.person_id for user in voted})


def who_may_review(release: EmergencyRelease) -> list[User]:
    """Return who may review an emergency: who could have voted on it, but for who declared it."""
    return _others(release.rollout, besides={release.declared_by.person_id})


def _others(rollout: Rollout, *, besides: Iterable[int]) -> list[User]:
    edits = rollout.edits.select_related("by")
    without = {rollout.requested_by.person_id, *(edit.by.person_id for edit in edits), *besides}
    return who_may([Event.APPROVE], concerned={rollout.service.owners_id}, besides=without)
