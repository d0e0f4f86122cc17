"""``trains/``: one request, one vote, one page for several services."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from tests.api.conftest import STATEMENTS, World, add_service

Bearer = Callable[..., APIClient]


@pytest.fixture
def body(world: World) -> dict[str, Any]:
    add_service("product", cluster=world.cluster, policy=world.policy)
    world.policy.token_approval_allowed = True
    world.policy.save()
    members = [{"service": name, "candidate": "v2", "plan": "two steps"} for name in ("product", "order")]
    return {"name": "checkout", "members": members, **STATEMENTS}


def test_a_train_is_asked_for_and_approved_as_one(world: World, bearer: Bearer, body: dict[str, Any]) -> None:
    made = bearer(world.requester).post("/api/v1/trains/", body)
    assert made.status_code == 201
    train = made.json()
    assert (train["state"], train["order"], train["fingerprint"]) == ("draft", "ordered", "")
    assert [row["service"]["name"] for row in train["rollouts"]] == ["product", "order"]
    path = f"/api/v1/trains/{train['id']}/"
    train = bearer(world.requester).post(f"{path}submit/", {"reason": "Ready."}).json()
    assert (train["state"], len(train["fingerprint"])) == ("pending", 64)
    assert train["events"] == ["approve", "reject", "withdraw"]
    approver = bearer(world.approver)
    assert approver.post(f"{path}approve/", {"fingerprint": "0" * 64}).status_code == 409
    assert bearer(world.requester).post(f"{path}approve/", {"fingerprint": "x"}).status_code == 403
    train = approver.post(f"{path}approve/", {"fingerprint": train["fingerprint"]}).json()
    assert {row["state"] for row in train["rollouts"]} == {"approved"}
    assert approver.get(path).json()["state"] == "approved"


def test_the_list_costs_the_same_for_one_and_many(
    world: World,
    bearer: Bearer,
    body: dict[str, Any],
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    client = bearer(world.requester)
    for _ in range(3):
        client.post("/api/v1/trains/", body)
    with django_assert_max_num_queries(18):
        assert len(client.get("/api/v1/trains/").json()["results"]) == 3


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"members": []}, "members"),
        ({"order": "sideways"}, "order"),
        ({"members": [{"service": "nothing", "candidate": "v2", "plan": "two steps"}]}, "members.0.service"),
        ({"members": [{"service": "order", "candidate": "v9", "plan": "two steps"}]}, "members.0.candidate"),
    ],
)
def test_bad_input_names_the_field(
    world: World, bearer: Bearer, body: dict[str, Any], change: dict[str, Any], field: str
) -> None:
    answer = bearer(world.requester).post("/api/v1/trains/", body | change)
    assert answer.status_code == 400
    assert [error["attr"] for error in answer.json()["errors"]] == [field]
