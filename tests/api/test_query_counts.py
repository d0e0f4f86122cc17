"""One page costs a fixed number of queries, however many rows there are."""

from __future__ import annotations

from collections.abc import Callable
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
    ReleaseWindow,
    Rollout,
    RolloutEdit,
    Train,
    TrainMember,
    User,
    Verdict,
)
from services.models import Cluster, Metric, Policy, RolloutLimit, Service
from tests.api.conftest import STEPS, World, actor_for, add_service, approved, draft

Bearer = Callable[..., APIClient]
LISTS = [f"{noun}/" for noun in NOUNS]
"""Every list that the router knows: a new one is covered by itself, and fails until ``grow`` gives it rows."""
PAGES = [
    "overview/",
    "me/",
    "rollouts/{rollout}/",
    "rollouts/{rollout}/preview/",
    "rollouts/{rollout}/snapshots/",
    "rollouts/{rollout}/verdicts/",
    "rollouts/{rollout}/timeline/",
]
OF_THEIR_OWN = {"experiments/", "rehearsals/", "proposals/", "standard-changes/", "traffic-changes/"}
"""Their rows take a flow of their own to be made, and their tests count the queries there or read one row."""
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


@pytest.mark.parametrize("path", [*LISTS, *PAGES])
def test_the_number_of_queries_does_not_grow_with_the_rows(world: World, bearer: Bearer, path: str) -> None:
    rollout = approved(world)
    client = bearer(world.auditor)
    url = f"/api/v1/{path.format(rollout=rollout.pk)}"
    grow(world, rollout=rollout, by=1)
    before = client.get(url).json()  # the first use of a token is noted, caches fill
    few = counted(client, url)
    grow(world, rollout=rollout, by=4)
    many = counted(client, url)
    if path in LISTS and path not in OF_THEIR_OWN:
        assert len(client.get(url).json()["results"]) > len(before["results"])
    assert len(many) == len(few), "\n".join(query["sql"] for query in many.captured_queries)
    assert len(many) <= HIGHEST


def counted(client: APIClient, url: str) -> CaptureQueriesContext:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return queries


def test_a_list_does_not_read_the_stored_istio_objects(world: World, bearer: Bearer) -> None:
    approved(world)
    for path in ("rollouts/", "overview/"):
        asked = counted(bearer(world.viewer), f"/api/v1/{path}").captured_queries
        assert not [query["sql"] for query in asked if '"releases_rollout"."baseline"' in query["sql"]]
