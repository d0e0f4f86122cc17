"""Voting as a person does, by default for what is stored now."""

from __future__ import annotations

from typing import Any

from releases import flow
from releases.domain.states import Event
from releases.models import Rollout, User
from tests.admin.world import actor


def approve(rollout: Rollout, user: User, **changes: Any) -> Rollout:
    given = {"fingerprint": rollout.fingerprint, "why": "read it", **changes}
    return flow.perform(rollout, Event.APPROVE, by=actor(user), **given)


def fresh(rollout: Rollout) -> Rollout:
    return Rollout.objects.select_related("service__policy", "stable", "candidate").get(pk=rollout.pk)
