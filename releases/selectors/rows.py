"""Rows with what a list or a page needs of their neighbours, in a fixed number of queries."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Prefetch, Q, QuerySet
from django.db.models.functions import Now

from releases.domain.roles import RoleName, allows
from releases.domain.states import LIVE, Event, State
from releases.flow.authorize import covers
from releases.models import (
    Approval,
    EmergencyRelease,
    Role,
    Rollout,
    StepRun,
    User,
    Verdict,
)
from services.models import Service

SELDOM = (
    "standard_change",
    "train_member__train",
    "emergency_release__declared_by",
    "emergency_release__reviewed_by",
)
"""What few rollouts have is fetched apart: PostgreSQL takes longer to plan a join of twelve tables than to run it."""


def due_rollouts(*, now: datetime | None = None) -> list[tuple[int, bool]]:
    """Return (id, is rolling back) of every rollout that is due, rollbacks first. One query; the database's clock by default."""
    due = Rollout.objects.filter(next_wake_up__lte=now or Now()).order_by("next_wake_up")
    rows = [(pk, state == State.ROLLING_BACK) for pk, state in due.values_list("pk", "state")]
    return sorted(rows, key=lambda row: not row[1])


def listed_rollouts() -> QuerySet[Rollout]:
    """Return rollouts with what a row of a list shows; the stored Istio objects, which are most of a row, are left out."""
    joined = Rollout.objects.select_related("service__cluster", "stable", "candidate", "requested_by")
    return joined.prefetch_related(*SELDOM).defer("baseline", "last_written", "writing")


def rollouts() -> QuerySet[Rollout]:
    """Return rollouts with everything joined that a page about one of them shows."""
    return Rollout.objects.select_related(
        "service__cluster",
        "service__policy",
        "service__stable",
        "stable",
        "candidate",
        "plan",
        "requested_by",
    ).prefetch_related(
        *SELDOM,
        Prefetch("step_runs", StepRun.objects.order_by("position")),
        Prefetch("approvals", Approval.objects.select_related("by").order_by("id")),
        "edits__by",
    )


def services() -> QuerySet[Service]:
    """Return services with cluster, policy and stable version joined."""
    return Service.objects.select_related("cluster", "policy", "stable", "owners").prefetch_related(
        "versions"
    )


def latest_verdict(rollout: Rollout) -> Verdict | None:
    """Return the newest verdict of a rollout, or None."""
    return rollout.verdicts.order_by("-at").first()


def reviews_overdue(*, now: datetime) -> QuerySet[EmergencyRelease]:
    """Return the emergency releases whose review is overdue, the longest first."""
    open_reviews = EmergencyRelease.objects.filter(reviewed_at=None, due_at__lt=now)
    return open_reviews.select_related("rollout__service", "rollout__candidate", "declared_by").order_by(
        "due_at"
    )


def emergencies() -> QuerySet[EmergencyRelease]:
    """Return the emergency releases that are live or not reviewed yet, the next review first."""
    rows = EmergencyRelease.objects.filter(Q(reviewed_at=None) | Q(rollout__state__in=LIVE))
    joined = rows.select_related("rollout__service", "rollout__candidate", "declared_by")
    return joined.defer("rollout__baseline", "rollout__last_written", "rollout__writing").order_by("due_at")


def reviews_waiting_for(user: User) -> list[EmergencyRelease]:
    """Return the emergency releases that this person may review: three queries, whatever their number."""
    held = list(Role.objects.filter(user=user, user__is_active=True).values_list("name", "group_id"))
    mine = user.logins()
    rows = emergencies().filter(reviewed_at=None)
    theirs = rows.exclude(declared_by__in=mine).exclude(rollout__requested_by__in=mine)
    theirs = theirs.exclude(rollout__edits__by__in=mine)
    return [
        release
        for release in theirs
        if covers(held, [Event.APPROVE], concerned={release.rollout.service.owners_id})
    ]


def waiting_for(user: User) -> list[Rollout]:
    """Return the rollouts that wait for a decision this person may take now: three queries, whatever their number."""
    roles = list(Role.objects.filter(user=user).values_list("name", "group_id"))
    if not roles or not user.is_active:
        return []
    pending = (
        Rollout.objects.filter(state=State.PENDING)
        .exclude(requested_by__in=user.logins())
        .exclude(edits__by__in=user.logins())
    )
    voted = Approval.objects.filter(by__in=user.logins(), voided_at=None)
    undecided = pending.exclude(approvals__in=voted).select_related("service", "candidate", "stable")
    found = undecided.defer("baseline", "last_written", "writing")
    return [
        row
        for row in found
        if allows(
            (RoleName(name) for name, group in roles if group in {None, row.service.owners_id}), Event.APPROVE
        )
    ]
