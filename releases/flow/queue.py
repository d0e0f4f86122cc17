"""The limits of running rollouts per cluster and group: rows into a ``Queue``. No network.

A release train is one release: it takes one place, and once a member of it runs the others need none. An emergency release
waits for nobody. A place is free as soon as a rollout ended; a paused one or one that rolls back still has its place.
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q, QuerySet

from releases.domain.queue import Queue
from releases.domain.states import CARRYING, State
from releases.flow.opening import opening_of
from releases.flow.train_turn import turn_in_train
from releases.models import Rollout
from services.models import RolloutLimit


def queue_of(rollout: Rollout, *, now: datetime) -> Queue:
    """Say whether a limit holds an approved rollout back. One query without a limit."""
    service = rollout.service
    mine = Q(cluster=service.cluster_id) | Q(group__isnull=False, group=service.owners_id)
    limits = list(RolloutLimit.objects.filter(mine).select_related("cluster", "group").order_by("pk"))
    if not limits or hasattr(rollout, "emergency_release"):
        return Queue()
    train = _train_of(rollout)
    for limit in limits:
        here = _within(limit)
        running = {_place(row) for row in here.filter(state__in=CARRYING)}
        if train is not None and train in running:
            continue
        free = limit.rollouts - len(running)
        ahead = _ahead(rollout, here=here, running=running, now=now, enough=max(free, 0))
        if free <= ahead:
            return Queue(scope=str(limit), limit=limit.rollouts, ahead=ahead)
    return Queue()


def _within(limit: RolloutLimit) -> QuerySet[Rollout]:
    where = Q(service__cluster=limit.cluster) if limit.cluster_id else Q(service__owners=limit.group)
    return Rollout.objects.filter(where).select_related("service", "train_member__train")


def _ahead(
    rollout: Rollout, *, here: QuerySet[Rollout], running: set[str], now: datetime, enough: int
) -> int:
    """Count the releases approved before this one that could start now; with ``enough`` of them it need not be known better.

    What waits for its time, a window or its train holds up nobody.
    """
    due = Q(start_at=None) | Q(start_at__lte=now)
    earlier = Q(approved_at__lt=rollout.approved_at) | Q(approved_at=rollout.approved_at, pk__lt=rollout.pk)
    waiting = here.filter(due, earlier, state=State.APPROVED.value).exclude(pk=rollout.pk)
    mine = _place(rollout)
    places: set[str] = set()
    for row in waiting.order_by("approved_at", "pk"):
        place = _place(row)
        if place in running | places | {mine}:
            continue
        if turn_in_train(row, now=now).may_start and opening_of(row, now=now).is_open:
            places.add(place)
        if len(places) > enough:
            break
    return len(places)


def _train_of(rollout: Rollout) -> str | None:
    return _place(rollout) if getattr(rollout, "train_member", None) else None


def _place(rollout: Rollout) -> str:
    """Name what takes one place: a train, or a rollout of its own."""
    member = getattr(rollout, "train_member", None)
    return f"train {member.train_id}" if member else f"rollout {rollout.pk}"
