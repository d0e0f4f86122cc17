"""Clusters, services, metrics, policies: everybody reads, roles change, every change is audited."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from releases.models import AuditEvent
from services.models import Policy, Service
from tests.api.conftest import World, add_service

Bearer = Callable[..., APIClient]

NEW_SERVICE = {
    "cluster": "lab",
    "namespace": "shop",
    "name": "payment",
    "host": "payment",
    "virtual_service": "payment",
    "destination_rule": "payment",
    "policy": "demo",
}
NEW = [
    ("clusters", {"name": "prod", "prometheus_url": "http://prometheus.example:9090"}),
    ("services", NEW_SERVICE),
    ("metrics", {"name": "p99", "title": "p99", "kind": "latency"}),
]


@pytest.mark.parametrize(("noun", "body"), NEW, ids=[noun for noun, _ in NEW])
def test_an_operator_adds_and_changes_rows(
    world: World, bearer: Bearer, noun: str, body: dict[str, Any]
) -> None:
    client = bearer(world.operator)
    made = client.post(f"/api/v1/{noun}/", body)
    assert made.status_code == 201
    one = f"/api/v1/{noun}/{made.json()['id']}/"
    assert client.get(one).json() == made.json()
    changed = client.patch(one, {"name": "changed"})
    assert changed.status_code == 200
    assert changed.json() == {**made.json(), "name": "changed"}
    actions = list(AuditEvent.objects.order_by("-seq").values_list("action", flat=True)[:2])
    assert [action.partition("_")[0] for action in actions] == ["change", "create"]


@pytest.mark.parametrize(("noun", "body"), NEW, ids=[noun for noun, _ in NEW])
def test_a_requester_changes_nothing(world: World, bearer: Bearer, noun: str, body: dict[str, Any]) -> None:
    answer = bearer(world.requester).post(f"/api/v1/{noun}/", body)
    assert answer.status_code == 403
    assert answer.json()["code"] == "not_allowed"
    assert "operator" in answer.json()["detail"]


def test_a_policy_administrator_proposes_and_somebody_else_changes_a_policy(
    world: World, bearer: Bearer
) -> None:
    Policy.objects.update(token_approval_allowed=True)
    path = f"/api/v1/policies/{world.policy.pk}/"
    assert bearer(world.operator).patch(path, {"approvals_needed": 2}).status_code == 403
    changed = bearer(world.policy_administrator).patch(path, {"approvals_needed": 2})
    assert changed.status_code == 202
    assert (changed.json()["approvals_needed"], changed.json()["number"]) == (1, 1)
    proposal = changed.json()["open_proposals"][0]["id"]
    agreed = bearer(world.approver).post(f"/api/v1/proposals/{proposal}/approve/", {})
    assert agreed.status_code == 200, agreed.json()
    now = bearer(world.viewer).get(path).json()
    assert (now["approvals_needed"], now["number"], now["open_proposals"]) == (2, 2, [])


@pytest.mark.parametrize("needed", [0, -1, 1_000_000, "many"])
def test_a_policy_needs_a_sensible_number_of_approvals(world: World, bearer: Bearer, needed: object) -> None:
    body = {"name": "other", "approvals_needed": needed}
    answer = bearer(world.policy_administrator).post("/api/v1/policies/", body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == "approvals_needed"


def test_a_service_names_its_cluster_and_policy_by_id_too(world: World, bearer: Bearer) -> None:
    body = {**NEW_SERVICE, "cluster": world.cluster.pk, "policy": world.policy.pk}
    made = bearer(world.operator).post("/api/v1/services/", body).json()
    assert (made["cluster"], made["policy"]) == ("lab", "demo")


@pytest.mark.parametrize(
    ("change", "attr"),
    [
        ({"cluster": "nowhere"}, "cluster"),
        ({"cluster": True}, "cluster"),
        ({"cluster": {"name": "lab"}}, "cluster"),
        ({"policy": 2**70}, "policy"),
        ({"policy": "a\x00b"}, "policy"),
        ({"port": 70000}, "port"),
        ({"http_routes": "main"}, "http_routes"),
        ({"metrics": ["no-such-metric"]}, "metrics"),
        ({"name": "order"}, None),
    ],
)
def test_what_can_not_be_stored_is_refused(
    world: World, bearer: Bearer, change: dict[str, Any], attr: str | None
) -> None:
    answer = bearer(world.operator).post("/api/v1/services/", {**NEW_SERVICE, **change})
    assert answer.status_code == 400
    if attr:
        assert answer.json()["errors"][0]["attr"].partition(".")[0] == attr
    assert Service.objects.count() == 1


def test_the_stable_version_is_not_set_by_hand(world: World, bearer: Bearer) -> None:
    path = f"/api/v1/services/{world.service.pk}/"
    assert bearer(world.operator).patch(path, {"stable": world.v2.pk}).status_code == 200
    world.service.refresh_from_db()
    assert world.service.stable == world.v1


def test_services_are_found_by_name_and_cluster(world: World, bearer: Bearer) -> None:
    add_service("product", cluster=world.cluster, policy=world.policy)
    client = bearer(world.viewer)

    def found(query: str) -> list[str]:
        return [row["name"] for row in client.get(f"/api/v1/services/?{query}").json()["results"]]

    assert found("name=product") == ["product"]
    assert found("cluster=lab") == found(f"cluster={world.cluster.pk}") == ["order", "product"]
    assert found("cluster=other") == []


def test_a_time_zone_must_exist(world: World, bearer: Bearer) -> None:
    body = {"name": "mars", "prometheus_url": "http://prometheus.example", "time_zone": "Mars/Olympus"}
    answer = bearer(world.operator).post("/api/v1/clusters/", body)
    assert answer.json()["errors"][0]["attr"] == "time_zone"


def test_nothing_of_the_catalogue_is_deleted(world: World, bearer: Bearer) -> None:
    assert bearer(world.operator).delete(f"/api/v1/services/{world.service.pk}/").status_code == 405
