"""Shadow mode in the API: every row that people could mistake for a decision says it, and an operator switches it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from releases import selectors
from releases.models import AuditEvent, Rollout, Verdict
from services.models import Service
from tests.api.conftest import World, draft

Bearer = Callable[..., APIClient]


@pytest.mark.parametrize("shadow", [True, False])
def test_services_rollouts_and_the_overview_say_it(world: World, bearer: Bearer, shadow: bool) -> None:
    rollout, client = draft(world), bearer(world.viewer)
    Service.objects.update(shadow=shadow)

    assert client.get(f"/api/v1/services/{world.service.pk}/").json()["shadow"] is shadow
    assert client.get(f"/api/v1/rollouts/{rollout.pk}/").json()["service"]["shadow"] is shadow
    assert client.get("/api/v1/rollouts/").json()["results"][0]["service"]["shadow"] is shadow
    assert client.get("/api/v1/overview/").json()["services"][0]["service"]["shadow"] is shadow
    (experiment,) = selectors.experiments(list(Rollout.objects.all()), with_history=False)
    assert experiment["shadow"] is shadow


def test_a_verdict_says_whether_anything_was_done_by_it(world: World, bearer: Bearer) -> None:
    rollout, now = draft(world), timezone.now()
    for number, shadow in enumerate((True, False)):
        Verdict.objects.create(
            rollout=rollout,
            step=0,
            at=now + timedelta(seconds=15 * number),
            outcome="fail",
            rule="evidence",
            reason_code="roll_back",
            shadow=shadow,
        )

    rows = bearer(world.viewer).get(f"/api/v1/rollouts/{rollout.pk}/verdicts/").json()["results"]

    assert [row["shadow"] for row in rows] == [False, True]


def test_an_operator_switches_it_and_the_trail_shows_it(world: World, bearer: Bearer) -> None:
    path = f"/api/v1/services/{world.service.pk}/"
    assert bearer(world.requester).patch(path, {"shadow": True}).status_code == 403

    assert bearer(world.operator).patch(path, {"shadow": True}).json()["shadow"] is True

    event = AuditEvent.objects.filter(action="change_service").get()
    assert event.before is not None
    assert event.after is not None
    assert (event.before["shadow"], event.after["shadow"]) == (False, True)
