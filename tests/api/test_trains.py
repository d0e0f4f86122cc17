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


def test_a_train_says_what_this_person_may_do_and_why_not(
    world: World, bearer: Bearer, body: dict[str, Any]
) -> None:
    requester = bearer(world.requester)
    path = f"/api/v1/trains/{requester.post('/api/v1/trains/', body).json()['id']}/"
    requester.post(f"{path}submit/", {"reason": "Ready."})
    mine = {one["slug"]: one for one in requester.get(path).json()["allowed_events"]}
    assert (mine["approve"]["allowed"], mine["withdraw"]["allowed"]) == (False, True)
    assert mine["approve"]["why"] == "You asked for this rollout, so somebody else has to decide."
    theirs = {one["slug"]: one for one in bearer(world.approver).get(path).json()["allowed_events"]}
    assert (theirs["approve"]["allowed"], theirs["withdraw"]["allowed"]) == (True, False)
    assert "requester" in theirs["withdraw"]["why"]


def test_a_train_tells_what_was_done_to_it_and_to_each_of_its_rollouts(
    world: World, bearer: Bearer, body: dict[str, Any]
) -> None:
    requester = bearer(world.requester)
    train = requester.post("/api/v1/trains/", body).json()
    path = f"/api/v1/trains/{train['id']}/"
    requester.post(f"{path}submit/", {"reason": "Ready for both."})
    bearer(world.operator).post(f"{path}approve/", {"fingerprint": "0" * 64, "reason": ""})
    events = requester.get(f"{path}timeline/").json()["results"]
    told = [
        (event["action"], event["outcome"], event["rollout"] and event["rollout"]["number"])
        for event in events
    ]
    first, second = (row["number"] for row in train["rollouts"])
    assert ("create_train", "done", None) in told
    assert {("submit", "done", first), ("submit", "done", second)} <= set(told)
    assert ("approve", "refused", None) in told
    assert {event["reason"] for event in events if event["action"] == "submit"} == {"Ready for both."}


def test_a_rollout_names_the_train_it_goes_with(world: World, bearer: Bearer, body: dict[str, Any]) -> None:
    requester = bearer(world.requester)
    train = requester.post("/api/v1/trains/", body).json()
    row = requester.get(f"/api/v1/rollouts/{train['rollouts'][0]['id']}/").json()
    assert row["train"] == {"id": train["id"], "number": train["number"], "name": "checkout"}


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
