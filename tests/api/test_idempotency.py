"""A POST that is sent again is answered again and done once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from rest_framework.test import APIClient

from releases.models import AuditEvent, RolloutPlan
from releases.models.idempotency import IdempotencyKey
from tests.api.conftest import STEPS, World

Bearer = Callable[..., APIClient]
PLANS = "/api/v1/plans/"
KEY = {"idempotency-key": "build-17"}


def plan(name: str = "a plan") -> dict[str, object]:
    return {"name": name, "steps": STEPS}


def test_the_same_request_gets_the_same_answer_and_is_done_once(world: World, bearer: Bearer) -> None:
    client = bearer(world.requester)
    first, second = (client.post(PLANS, plan(), headers=KEY) for _ in range(2))
    assert first.status_code == second.status_code == 201
    assert first.json() == second.json()
    assert second.headers["Idempotent-Replayed"] == "true"
    assert RolloutPlan.objects.filter(name="a plan").count() == 1
    assert (
        AuditEvent.objects.filter(action="create_plan", after__isnull=False).count() == 2
    )  # the world's and this one


def test_another_body_with_the_same_key_is_refused(world: World, bearer: Bearer) -> None:
    client = bearer(world.requester)
    client.post(PLANS, plan(), headers=KEY)
    answer = client.post(PLANS, plan("another"), headers=KEY)
    assert answer.status_code == 422
    assert answer.json()["code"] == "idempotency_key_reused"
    assert not RolloutPlan.objects.filter(name="another").exists()


def test_another_path_with_the_same_key_is_refused(world: World, bearer: Bearer) -> None:
    client = bearer(world.requester)
    client.post(PLANS, plan(), headers=KEY)
    assert client.post("/api/v1/versions/", plan(), headers=KEY).status_code == 422


def test_two_people_may_choose_the_same_key(world: World, bearer: Bearer) -> None:
    bearer(world.requester).post(PLANS, plan(), headers=KEY)
    answer = bearer(world.operator).post(PLANS, plan("another"), headers=KEY)
    assert answer.status_code == 201


def test_a_refused_request_gives_its_key_back(world: World, bearer: Bearer) -> None:
    client = bearer(world.requester)
    assert client.post(PLANS, {"name": "a plan", "steps": []}, headers=KEY).status_code == 400
    assert client.post(PLANS, plan(), headers=KEY).status_code == 201


def test_while_the_first_is_being_answered_the_second_waits(world: World, bearer: Bearer) -> None:
    client = bearer(world.requester)
    client.post(PLANS, plan(), headers=KEY)
    IdempotencyKey.objects.update(status=None, answer=None)
    answer = client.post(PLANS, plan(), headers=KEY)
    assert answer.status_code == 409
    assert answer.json()["code"] == "idempotency_key_in_use"


@pytest.mark.parametrize(("later", "status"), [(timedelta(hours=23), 201), (timedelta(hours=25), 400)])
def test_an_answer_is_kept_for_a_day(world: World, bearer: Bearer, later: timedelta, status: int) -> None:
    client = bearer(world.requester)
    client.post(PLANS, plan(), headers=KEY)
    world.requester.api_tokens.update(expires_at=timezone.now() + timedelta(days=2))
    with time_machine.travel(timezone.now() + later):
        answer = client.post(PLANS, plan(), headers=KEY)
    assert answer.status_code == status  # after a day the name is simply taken


def test_expired_keys_are_cleared(world: World, bearer: Bearer) -> None:
    client = bearer(world.requester)
    client.post(PLANS, plan(), headers=KEY)
    IdempotencyKey.objects.update(expires_at=timezone.now())
    client.post(PLANS, plan("another"), headers={"idempotency-key": "build-18"})
    assert list(IdempotencyKey.objects.values_list("key", flat=True)) == ["build-18"]


def test_a_key_of_a_novel_is_refused(world: World, bearer: Bearer) -> None:
    answer = bearer(world.requester).post(PLANS, plan(), headers={"idempotency-key": "x" * 201})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == "Idempotency-Key"


def test_a_key_on_anything_but_a_post_means_nothing(world: World, bearer: Bearer) -> None:
    client = bearer(world.requester)
    for title in ("One", "Two"):
        client.patch(f"{PLANS}{world.plan.pk}/", {"title": title}, headers=KEY)
    world.plan.refresh_from_db()
    assert world.plan.title == "Two"
    assert not IdempotencyKey.objects.exists()
