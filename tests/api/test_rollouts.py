"""Asking for a release, changing the draft, finding it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from releases.models import Rollout
from tests.api.conftest import STATEMENTS, World, add_service, approved, draft, pending

Bearer = Callable[..., APIClient]
ROLLOUTS = "/api/v1/rollouts/"
REQUEST = {"service": "order", "candidate": "v2", "plan": "two steps", **STATEMENTS}


def test_a_request_by_names_makes_a_draft(world: World, bearer: Bearer) -> None:
    made = bearer(world.requester).post(ROLLOUTS, REQUEST)
    body = made.json()
    assert made.status_code == 201
    assert (body["state"], body["number"], body["current_step"]) == ("draft", f"R-{body['id']}", None)
    assert (body["stable"]["name"], body["candidate"]["name"]) == ("v1", "v2")
    assert (body["weights"], body["plan"]["name"], body["strategy"]) == ([5, 50], "two steps", "canary")
    assert body["requested_by"] == {"id": world.requester.pk, "name": "requester"}
    assert body["service"] == {
        "id": world.service.pk,
        "name": "order",
        "title": "",
        "namespace": "shop",
        "cluster": "lab",
        "shadow": False,
    }
    assert body["why"]


def test_a_request_by_ids_makes_the_same(world: World, bearer: Bearer) -> None:
    ids = {"service": world.service.pk, "candidate": world.v2.pk, "plan": world.plan.pk}
    body = bearer(world.requester).post(ROLLOUTS, {**REQUEST, **ids}).json()
    assert (body["service"]["id"], body["candidate"]["id"], body["plan"]["id"]) == tuple(ids.values())


@pytest.mark.parametrize(
    ("change", "attr"),
    [
        ({"service": "nothing"}, "service"),
        ({"candidate": "v9"}, "candidate"),
        ({"candidate": "v1"}, "candidate"),
        ({"candidate": None}, "candidate"),
        ({"plan": "nothing"}, "plan"),
        ({"plan": []}, "plan"),
        ({"start_at": "tomorrow"}, "start_at"),
        ({"reason": "x" * 5000}, "reason"),
        ({"ticket": "\x00"}, "ticket"),
    ],
)
def test_a_request_that_fits_nothing_is_refused(
    world: World, bearer: Bearer, change: dict[str, Any], attr: str
) -> None:
    answer = bearer(world.requester).post(ROLLOUTS, {**REQUEST, **change})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == attr
    assert not Rollout.objects.exists()


@pytest.mark.parametrize("missing", list(REQUEST))
def test_a_request_says_everything(world: World, bearer: Bearer, missing: str) -> None:
    said = {key: value for key, value in REQUEST.items() if key != missing}
    answer = bearer(world.requester).post(ROLLOUTS, said)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == missing


def test_the_candidate_of_another_service_is_refused(world: World, bearer: Bearer) -> None:
    other = add_service("product", cluster=world.cluster, policy=world.policy)
    foreign = other.versions.get(name="v2")
    answer = bearer(world.requester).post(ROLLOUTS, {**REQUEST, "candidate": foreign.pk})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == "candidate"


def test_a_viewer_asks_for_nothing(world: World, bearer: Bearer) -> None:
    assert bearer(world.viewer).post(ROLLOUTS, REQUEST).status_code == 403


def test_a_draft_is_changed_and_the_editor_is_noted(world: World, bearer: Bearer) -> None:
    rollout = draft(world)
    client = bearer(world.requester)
    changed = client.patch(f"{ROLLOUTS}{rollout.pk}/", {"impact": "Nobody.", "candidate": "v2"})
    assert changed.status_code == 200
    assert changed.json()["impact"] == "Nobody."
    assert changed.json()["reason"] == STATEMENTS["reason"]
    assert [edit["by"]["name"] for edit in changed.json()["edits"]] == ["requester"]


def test_the_service_of_a_draft_stays(world: World, bearer: Bearer) -> None:
    other = add_service("product", cluster=world.cluster, policy=world.policy)
    rollout = draft(world)
    bearer(world.requester).patch(f"{ROLLOUTS}{rollout.pk}/", {"service": other.pk})
    rollout.refresh_from_db()
    assert rollout.service == world.service


def test_only_a_draft_is_changed(world: World, bearer: Bearer) -> None:
    rollout = pending(world)
    answer = bearer(world.requester).patch(f"{ROLLOUTS}{rollout.pk}/", {"impact": "Nobody."})
    assert answer.status_code == 409
    assert answer.json()["code"] == "illegal_move"


def test_rollouts_are_found_by_what_people_know(world: World, bearer: Bearer) -> None:
    other = add_service("product", cluster=world.cluster, policy=world.policy)
    first, second = draft(world), pending(world, service=other)
    client = bearer(world.viewer)

    def found(query: str) -> list[int]:
        answer = client.get(f"{ROLLOUTS}?{query}")
        assert answer.status_code == 200
        return [row["id"] for row in answer.json()["results"]]

    assert found("") == [second.pk, first.pk]
    assert found("service=order") == found(f"service={world.service.pk}") == [first.pk]
    assert found("state=pending") == [second.pk]
    assert found("state=pending&state=draft") == [second.pk, first.pk]
    assert found("active=true") == [second.pk]
    assert found("active=false") == [first.pk]
    assert (
        found("requested_by=requester")
        == found(f"requested_by={world.requester.pk}")
        == [second.pk, first.pk]
    )
    assert found("requested_by=operator") == []
    assert found("ordering=id") == [first.pk, second.pk]
    assert found("ordering=state") == [first.pk, second.pk]


def test_an_unknown_state_is_said_so(world: World, bearer: Bearer) -> None:
    answer = bearer(world.viewer).get(f"{ROLLOUTS}?state=stuck")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == "state"


def test_pages_follow_one_another_without_gap_or_double(world: World, bearer: Bearer) -> None:
    made = [draft(world).pk for _ in range(5)]
    client = bearer(world.viewer)
    seen: list[int] = []
    path: str | None = f"{ROLLOUTS}?page_size=2"
    while path:
        page = client.get(path).json()
        assert len(page["results"]) <= 2
        seen += [row["id"] for row in page["results"]]
        path = page["next"]
    assert seen == sorted(made, reverse=True)


def test_a_page_has_a_highest_size(world: World, bearer: Bearer) -> None:
    Rollout.objects.bulk_create(
        Rollout(
            service=world.service,
            stable=world.v1,
            candidate=world.v2,
            plan_name="two steps",
            frozen_plan=world.plan.frozen().as_json(),
            requested_by=world.requester,
        )
        for _ in range(205)
    )
    client = bearer(world.viewer)
    assert len(client.get(f"{ROLLOUTS}?page_size=200").json()["results"]) == 200
    refused = client.get(f"{ROLLOUTS}?page_size=201")
    assert (refused.status_code, refused.json()["errors"][0]["attr"]) == (400, "page_size")


@pytest.mark.parametrize("cursor", ["x", "cD1hYmM=", "cD0xO289eA==", "bz0tMQ==", "%00"])
def test_a_cursor_by_hand_is_404(world: World, bearer: Bearer, cursor: str) -> None:
    answer = bearer(world.viewer).get(f"{ROLLOUTS}?cursor={cursor}")
    assert answer.status_code in {200, 404}
    assert (cursor == "cD1hYmM=") <= (answer.status_code == 404)  # position "abc" where a number belongs


def test_the_detail_shows_each_planned_step_before_it_runs(world: World, bearer: Bearer) -> None:
    rollout = approved(world)
    shown = bearer(world.viewer).get(f"{ROLLOUTS}{rollout.pk}/").json()
    assert [step["planned"]["weight"] for step in shown["steps"]] == [5, 50]
    assert [step["position"] for step in shown["steps"]] == [0, 1]
    assert {step["outcome"] for step in shown["steps"]} == {""}
    assert {step["written"] for step in shown["steps"]} == {None}
    assert [vote["by"]["name"] for vote in shown["approvals"]] == ["approver"]
    assert (shown["approvals_needed"], len(shown["fingerprint"])) == (1, 64)
