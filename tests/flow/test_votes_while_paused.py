"""A vote on a paused rollout: taken while the approval is void or not full, and it opens nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from releases import selectors
from releases.domain import IllegalMove
from releases.domain.states import Event, State
from releases.models import Rollout
from tests.admin.world import actor
from tests.factories import Scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def at_the_gate(scene: Scene) -> Rollout:
    """Return a rollout that waits for a person before its second step."""
    steps: list[dict[str, Any]] = [
        {"weight": 5, "bake_seconds": 5},
        {"weight": 20, "bake_seconds": 5, "gate": "manual"},
    ]
    return scene.until(scene.rollout(plan=scene.plan(steps)), State.PAUSED)


def test_a_vote_that_nobody_waits_for_is_refused(scene: Scene, at_the_gate: Rollout) -> None:
    offered = {one.event: one for one in selectors.allowed_events(at_the_gate, actor(scene.world.operator))}
    assert "nothing to approve" in offered[Event.APPROVE].why
    with pytest.raises(IllegalMove, match="nothing to approve"):
        scene.approve(at_the_gate, by=scene.world.operator)
    kept = Rollout.objects.get(pk=at_the_gate.pk)
    assert (kept.reason_code, kept.reason_params["step"]) == ("waiting_for_person", 1)


def test_a_vote_that_fills_the_quorum_again_leaves_the_manual_gate_shut(
    scene: Scene, at_the_gate: Rollout
) -> None:
    at_the_gate.approvals.update(voided_at=scene.now)
    voted = scene.approve(at_the_gate)
    assert (voted.reason_code, voted.reason_params["step"]) == ("waiting_for_person", 1)
    assert voted.gates_passed == 0
    resumed = scene.by_hand(voted, Event.RESUME)
    assert resumed.gates_passed == 2


def test_a_vote_after_a_revocation_says_that_a_person_paused_it(scene: Scene) -> None:
    rollout = scene.by_hand(scene.rollout(), Event.REVOKE, scene.world.approver)
    assert rollout.reason_code == "approval_revoked"
    assert scene.approve(rollout).reason_code == "paused_by_person"
