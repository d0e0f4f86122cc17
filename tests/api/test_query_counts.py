"""One page costs a fixed number of queries, however many rows there are."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from releases.models import Approval, MetricSnapshot, Rollout, RolloutEdit, User, Verdict
from services.models import Metric
from tests.api.conftest import World, add_service, approved, draft

Bearer = Callable[..., APIClient]
LISTS = [
    "services/",
    "versions/",
    "clusters/",
    "metrics/",
    "policies/",
    "plans/",
    "rollouts/",
    "audit/",
    "overview/",
    "me/",
    "rollouts/{rollout}/",
    "rollouts/{rollout}/preview/",
    "rollouts/{rollout}/snapshots/",
    "rollouts/{rollout}/verdicts/",
    "rollouts/{rollout}/timeline/",
]
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


@pytest.mark.parametrize("path", LISTS)
def test_the_number_of_queries_does_not_grow_with_the_rows(world: World, bearer: Bearer, path: str) -> None:
    rollout = approved(world)
    client = bearer(world.auditor)
    url = f"/api/v1/{path.format(rollout=rollout.pk)}"
    grow(world, rollout=rollout, by=1)
    client.get(url)  # the first use of a token is noted, caches fill
    few = counted(client, url)
    grow(world, rollout=rollout, by=4)
    many = counted(client, url)
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
