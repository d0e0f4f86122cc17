"""One page costs a fixed number of queries, however many rows there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from releases import flow
from releases.api.urls import NOUNS
from releases.models import (
    Approval,
    Freeze,
    Holiday,
    MetricSnapshot,
    Proposal,
    Rehearsal,
    ReleaseWindow,
    Rollout,
    RolloutEdit,
    RolloutPlan,
    StandardChange,
    TrafficChange,
    TrafficVote,
    Train,
    TrainMember,
    User,
    Verdict,
)
from services.models import Cluster, Metric, Policy, RolloutLimit, Service
from tests.api.conftest import STEPS, World, actor_for, add_service, approved, draft

Bearer = Callable[..., APIClient]
LISTS = [f"{noun}/" for noun in NOUNS]
ONES = [f"{noun}/{{first}}/" for noun, view in NOUNS.items() if hasattr(view, "retrieve")]
"""Every list that the router knows: a new one is covered by itself, and fails until ``grow`` gives it rows."""
PAGES = [
    "overview/",
    "me/",
    "calendar/",
    "services/{service}/traffic/",
    "services/{service}/metrics/",
    "rollouts/{rollout}/preview/",
    "rollouts/{rollout}/snapshots/",
    "rollouts/{rollout}/verdicts/",
    "rollouts/{rollout}/timeline/",
]
SPLIT = [{"weight": 0, "bake_seconds": 60, "sticky": {"header": "x-user-id", "percent": 50}}]
HIGHEST = 25
"""More would be many, even if they were always the same."""


def grow(world: World, *, rollout: Rollout, by: int) -> None:
    """Add rows of every kind."""
    Metric.objects.bulk_create(Metric(name=f"m{n}-{by}", title="More", kind="ratio") for n in range(by))
    for number in range(by):
        service = add_service(f"more-{by}-{number}", cluster=world.cluster, policy=world.policy)
        service.metrics.set(Metric.objects.all())
        approved_draft = draft(world, service=service)
        person = User.objects.create_user(f"voter-{by}-{number}")
        Approval.objects.create(
            rollout=rollout,
            by=person,
            decision="approve",
            fingerprint="0" * 64,
            evidence_hash="0" * 64,
            channel="api",
        )
        RolloutEdit.objects.create(rollout=approved_draft, by=world.requester)
        for of in (rollout, approved_draft):
            at = timezone.now()
            MetricSnapshot.objects.create(rollout=of, at=at, window_seconds=15, weight=5)
            Verdict.objects.create(rollout=of, at=at, outcome="pass", rule="evidence", reason_code="go_on")
        train = Train.objects.create(name="more", order="together", created_by=person)
        TrainMember.objects.create(train=train, rollout=approved_draft, position=0)
        grow_catalogue(world, service=service, person=person)
        grow_asked(world, service=service, rollout=approved_draft, person=person)


def grow_catalogue(world: World, *, service: Service, person: User) -> None:
    """Add a row of each kind that stands beside services, named after one of them."""
    cluster = Cluster.objects.create(name=service.name, prometheus_url="http://127.0.0.1:9090")
    Policy.objects.create(name=service.name)
    RolloutLimit.objects.create(group=Group.objects.create(name=service.name), rollouts=3)
    flow.save_plan(name=service.name, steps=STEPS, by=actor_for(world.requester))
    Holiday.objects.create(day=date(2030, 1, 1) + timedelta(days=Holiday.objects.count()), name="More")
    for kind in (Freeze, ReleaseWindow):
        for where in ({"service": service}, {"cluster": cluster}):
            kind.objects.create(
                name=service.name, starts_at=timezone.now(), time_zone="UTC", created_by=person, **where
            )


def grow_asked(world: World, *, service: Service, rollout: Rollout, person: User) -> None:
    """Add a row of each kind that somebody asks for and somebody else, or a worker, answers."""
    stable, candidate = service.versions.order_by("name")
    approver = User.objects.create_user(f"decider-{service.name}")
    change = TrafficChange.objects.create(
        service=service, stable=stable, candidate=candidate, spec={"candidate_weight": 5}, weight=5,
        requested_by=person, reason="Try.", fingerprint="0" * 64,
    )  # fmt: skip
    TrafficVote.objects.create(
        change=change, by=approver, decision="approve", fingerprint="0" * 64, evidence_hash="0" * 64, channel="api",
    )  # fmt: skip
    plan = RolloutPlan.objects.get(name=service.name)
    proposal = Proposal.objects.create(
        kind=Proposal.Kind.STANDARD_CHANGE, state=Proposal.State.AGREED, service=service, plan=plan, rollout=rollout,
        policy=Policy.objects.get(name=service.name), freeze=Freeze.objects.filter(service=service).get(),
        reason="Ours.", asked_by=person, decided_by=approver,
    )  # fmt: skip
    StandardChange.objects.create(
        proposal=proposal, plan=plan, plan_digest="0" * 64, service=service, valid_until=timezone.now()
    )
    Rehearsal.objects.create(
        service=service, plan=plan, frozen_plan=rollout.frozen_plan, plan_digest="0" * 64, until=timezone.now(),
        window_seconds=3600, requested_by=person,
    )  # fmt: skip
    split = flow.save_plan(
        name=f"{service.name} split", steps=SPLIT, strategy="ab_test", by=actor_for(world.requester)
    )
    tested = replace(world, plan=split)
    draft(tested, service=service)


@pytest.mark.parametrize("path", [*LISTS, *ONES, *PAGES])
def test_the_number_of_queries_does_not_grow_with_the_rows(world: World, bearer: Bearer, path: str) -> None:
    rollout = approved(world)
    client = bearer(world.auditor)
    grow(world, rollout=rollout, by=1)
    first = oldest(client, path) if path in ONES else 0
    url = f"/api/v1/{path.format(rollout=rollout.pk, service=world.service.pk, first=first)}"
    before = client.get(url).json()  # the first use of a token is noted, caches fill
    few = counted(client, url)
    grow(world, rollout=rollout, by=4)
    many = counted(client, url)
    if path in LISTS:
        assert len(client.get(url).json()["results"]) > len(before["results"])
    assert len(many) == len(few), "\n".join(query["sql"] for query in many.captured_queries)
    assert len(many) <= HIGHEST


def oldest(client: APIClient, path: str) -> int:
    """Return the number of the first row of the path's noun, which the most others belong to."""
    rows = client.get(f"/api/v1/{path.partition('{')[0]}").json()["results"]
    return min(int(row.get("id") or row["seq"]) for row in rows)


def counted(client: APIClient, url: str) -> CaptureQueriesContext:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return queries


def test_a_list_does_not_read_the_stored_istio_objects(world: World, bearer: Bearer) -> None:
    approved(world)
    for path in ("rollouts/", "overview/"):
        asked = counted(bearer(world.viewer), f"/api/v1/{path}").captured_queries
        assert not [query["sql"] for query in asked if '"releases_rollout"."baseline"' in query["sql"]]
