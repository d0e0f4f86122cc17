"""``traffic-changes/``, the request tester and "all back", as paths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from releases.models import AuditEvent, User
from services.models import Policy
from tests.api.conftest import World

Bearer = Callable[..., APIClient]
TESTERS = {"name": "testers", "header": "x-tester", "exact": "1", "to": "candidate"}
CHANGES = "/api/v1/traffic-changes/"


@pytest.fixture(autouse=True)
def tokens_decide(world: World) -> None:
    Policy.objects.update(token_approval_allowed=True)


def asked(client: APIClient, world: World, weight: int = 20, **parts: Any) -> dict[str, Any]:
    body = {
        "service": world.service.name,
        "spec": {"candidate_weight": weight, **parts},
        "reason": "Try it on a few.",
    }
    answer = client.post(CHANGES, body, format="json")
    assert answer.status_code == 201, answer.content
    change: dict[str, Any] = answer.json()
    return change


def event(client: APIClient, change: dict[str, Any], name: str, **body: Any) -> Any:
    return client.post(f"{CHANGES}{change['id']}/{name}/", {"reason": "ok", **body}, format="json")


def applied(bearer: Bearer, world: World, weight: int = 20, **parts: Any) -> dict[str, Any]:
    change = asked(bearer(world.requester), world, weight, **parts)
    assert (
        event(bearer(world.approver), change, "approve", fingerprint=change["fingerprint"]).status_code == 200
    )
    done = event(bearer(world.operator), change, "apply")
    assert done.status_code == 200, done.content
    found: dict[str, Any] = done.json()
    return found


def test_a_change_is_asked_for_approved_and_applied_by_paths(world: World, bearer: Bearer) -> None:
    change = asked(bearer(world.requester), world, 20, rules=[TESTERS])
    assert (change["state"], change["needs_vote"], change["stable"]["name"]) == ("pending", True, "v1")
    refused = event(bearer(world.requester), change, "approve", fingerprint=change["fingerprint"])
    assert refused.status_code == 403
    assert event(bearer(world.approver), change, "approve", fingerprint="0" * 64).status_code == 409
    approved = event(bearer(world.approver), change, "approve", fingerprint=change["fingerprint"]).json()
    assert approved["state"] == "approved"
    assert event(bearer(world.operator), change, "apply").json()["state"] == "applied"
    traffic = bearer(world.viewer).get(f"/api/v1/services/{world.service.pk}/traffic/").json()
    assert traffic["declared"] == traffic["configured"] == {"v1": 80, "v2": 20}
    assert traffic["rules"] == [TESTERS]


def test_what_leads_back_is_applied_without_a_vote(world: World, bearer: Bearer) -> None:
    applied(bearer, world, 20)
    change = asked(bearer(world.operator), world, 5)
    assert (change["state"], change["needs_vote"]) == ("approved", False)
    assert event(bearer(world.operator), change, "apply").json()["state"] == "applied"


def test_a_list_is_filtered_by_service_and_by_what_is_open(world: World, bearer: Bearer) -> None:
    applied(bearer, world, 20)
    asked(bearer(world.requester), world, 30)
    client = bearer(world.viewer)
    assert [row["weight"] for row in client.get(f"{CHANGES}?service=order").json()["results"]] == [30, 20]
    assert [row["weight"] for row in client.get(f"{CHANGES}?open=true").json()["results"]] == [30]
    assert client.get(f"{CHANGES}?service=payment").json()["results"] == []


def test_a_page_of_changes_costs_a_fixed_number_of_queries(
    world: World, bearer: Bearer, django_assert_max_num_queries: Any
) -> None:
    client = bearer(world.requester)
    for weight in (10, 20, 30, 40):
        asked(client, world, weight)
    with django_assert_max_num_queries(14):
        assert len(client.get(CHANGES).json()["results"]) == 4


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"spec": {"candidate_weight": 101}}, "spec.candidate_weight"),
        ({"spec": {"candidate_weight": "many"}}, "spec.candidate_weight"),
        ({"spec": {"rules": [{"header": "x-a", "regex": "(?=a)"}]}}, "spec"),
        ({"candidate": "v9"}, "candidate"),
        ({"candidate": "v1", "stable": "v1"}, "candidate"),
        ({"reason": ""}, "reason"),
        ({"service": "nowhere"}, "service"),
    ],
)
def test_a_bad_field_is_named(world: World, bearer: Bearer, changed: dict[str, Any], field: str) -> None:
    body = {"service": "order", "spec": {"candidate_weight": 5}, "reason": "Try.", **changed}
    answer = bearer(world.requester).post(CHANGES, body, format="json")
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, field)


def test_a_preview_says_what_would_be_written_and_stores_nothing(world: World, bearer: Bearer) -> None:
    client = bearer(world.viewer, "read")
    before = AuditEvent.objects.count()
    body = {"service": "order", "spec": {"candidate_weight": 20, "rules": [TESTERS]}}
    answer = client.post(f"{CHANGES}preview/", body, format="json")
    assert answer.status_code == 200, answer.content
    preview = answer.json()
    assert (preview["before"], preview["effective"]) == ({"v1": 100, "v2": 0}, {"v1": 80, "v2": 20})
    assert "+  - name: weir-" in preview["difference"]
    assert (preview["needs_vote"], preview["approvals_needed"]) == (True, 1)
    assert len(preview["fingerprint"]) == 64
    assert AuditEvent.objects.count() == before


def test_a_request_is_tried_now_and_after_a_change(world: World, bearer: Bearer) -> None:
    client = bearer(world.viewer)
    path = f"/api/v1/services/{world.service.pk}/route/"
    request = {"path": "/orders", "headers": {"X-Tester": "1"}}
    now = client.post(path, request, format="json").json()
    assert (now["version"], now["shares"]) == ("v1", {"v1": 100, "v2": 0})
    then = client.post(path, {**request, "spec": {"rules": [TESTERS]}}, format="json").json()
    assert then["version"] == "v2"
    assert then["routes"][0]["managed"] is True
    assert then["why"]


def test_a_cookie_is_told_apart(world: World, bearer: Bearer) -> None:
    rule = {"cookie": "beta", "exact": "yes"}
    path = f"/api/v1/services/{world.service.pk}/route/"
    body = {"cookies": {"a": "1", "beta": "yes"}, "spec": {"rules": [rule]}}
    assert bearer(world.viewer).post(path, body, format="json").json()["version"] == "v2"


@pytest.mark.parametrize("who", ["requester", "approver", "operator"])
def test_all_back_is_one_post_without_a_body(world: World, bearer: Bearer, who: str) -> None:
    applied(bearer, world, 20, rules=[TESTERS])
    answer = bearer(getattr(world, who)).post(f"/api/v1/services/{world.service.pk}/all-back/")
    assert answer.status_code == 200, answer.content
    assert answer.json()["traffic_change"]["state"] == "applied"
    traffic = bearer(world.viewer).get(f"/api/v1/services/{world.service.pk}/traffic/").json()
    assert (traffic["configured"]["v1"], traffic["rules"]) == (100, [])


def test_all_back_is_not_for_viewers(world: World, bearer: Bearer) -> None:
    viewer: User = world.viewer
    assert bearer(viewer).post(f"/api/v1/services/{world.service.pk}/all-back/").status_code == 403


def test_a_token_without_the_scope_decides_nothing(world: World, bearer: Bearer) -> None:
    change = asked(bearer(world.requester), world)
    answer = event(
        bearer(world.approver, "read", "write"), change, "approve", fingerprint=change["fingerprint"]
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


def test_what_the_mesh_can_not_carry_answers_422_with_the_finding(world: World, bearer: Bearer) -> None:
    body = {"service": "order", "spec": {"mirror": {"percent": 10}}, "reason": "Copy."}
    virtual_service = world.service.virtual_service_ref
    world.mesh.edit(virtual_service, lambda item: item["spec"]["http"][0].update(mirror={"host": "audit"}))
    answer = bearer(world.requester).post(CHANGES, body, format="json")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "RuleConflict")
