"""What a rollout's release train lets it do now: rows into the values of ``releases.domain.train``. No network."""

from __future__ import annotations

from datetime import datetime

from releases.domain.states import State
from releases.domain.train import Member, Order, Turn, turn_of
from releases.models import Rollout, Train


def turn_in_train(rollout: Rollout, *, now: datetime) -> Turn:
    """Say what the rollout's train lets it do now; without a train: everything. No query without a train, two with one."""
    member = getattr(rollout, "train_member", None)
    if member is None:
        return Turn()
    members = [
        Member(number=str(row), state=State(row.state), ready=_is_ready(row, now=now))
        for row in rollouts_of(member.train)
    ]
    return turn_of(member.position, order=Order(member.train.order), members=members)


def rollouts_of(train: Train) -> list[Rollout]:
    """Return the train's rollouts in their order, with service and policy joined."""
    rows = Rollout.objects.filter(train_member__train=train).order_by("train_member__position")
    return list(
        rows.select_related("service__cluster", "service__policy", "stable", "candidate").prefetch_related(
            "step_runs"
        )
    )


def _is_ready(row: Rollout, *, now: datetime) -> bool:
    """Say whether the promotion is written and was watched for as long as it should be."""
    last = max(row.step_runs.all(), key=lambda run: run.position, default=None)
    if last is None or last.position < len(row.frozen_plan["steps"]) or last.written is None:
        return False
    return last.bake_until is not None and last.bake_until <= now
