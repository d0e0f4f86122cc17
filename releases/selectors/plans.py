"""Whose plans a person may change."""

from __future__ import annotations

from releases.domain import NotAllowed
from releases.domain.actor import Actor, Channel
from releases.flow.plans import check_keeps
from releases.models import RolloutPlan, User


def may_keep_plan(user: User, plan: RolloutPlan) -> bool:
    """Say whether ``flow`` would let this person change the plan or delete it."""
    try:
        check_keeps(plan, by=Actor(name=user.get_username(), channel=Channel.ADMIN, user_id=user.pk))
    except NotAllowed:
        return False
    return user.is_active
