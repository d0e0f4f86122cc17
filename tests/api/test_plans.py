"""Plans: checked as a whole before they are stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from releases.models import RolloutPlan
from tests.api.conftest import World, draft, pending

Bearer = Callable[..., APIClient]
PLANS = "/api/v1/plans/"
CANARY = {
    "name": "canary",
    "steps": [{"weight": weight, "bake_seconds": 86400} for weight in (1, 5, 20, 50, 100)],
    "evidence": {"policy": "guard"},
}


def test_a_requester_creates_a_plan_and_the_rest_takes_defaults(world: World, bearer: Bearer) -> None:
    made = bearer(world.requester).post(PLANS, CANARY)
    body = made.json()
    assert made.status_code == 201
    assert body["strategy"] == "canary"
    assert body["evidence"] == {
        "policy": "guard",
        "interval_seconds": 15,
        "wait_limit_seconds": 3600,
        "when_unclear": "hold",
    }
    assert body["steps"][0] == {
        "weight": 1,
        "bake_seconds": 86400,
        "gate": "auto",
        "not_before": None,
        "rules": [],
        "sticky": None,
        "mirror": None,
    }
    assert [step["weight"] for step in body["steps"]] == [1, 5, 20, 50, 100]


def test_what_is_read_can_be_sent_back(world: World, bearer: Bearer) -> None:
    client = bearer(world.requester)
    step = {
        "weight": 5,
        "bake_seconds": 60,
        "gate": "manual",
        "not_before": "2030-11-11T09:00:00+08:00",
        "rules": [{"header": "x-weir-test", "exact": "v2", "to": "candidate"}],
        "sticky": {"header": "x-user-id", "percent": 5},
        "mirror": {"percent": 10},
    }
    first = client.post(PLANS, {"name": "everything", "steps": [step]}).json()
    second = client.patch(
        f"{PLANS}{first['id']}/", {key: first[key] for key in ("name", "steps", "evidence")}
    )
    assert second.status_code == 200
    assert second.json()["steps"] == first["steps"]
    assert first["steps"][0]["sticky"]["header"] == "x-user-id"


@pytest.mark.parametrize(
    ("change", "attr"),
    [
        ({"steps": []}, "steps"),
        ({"steps": [{"weight": 5}]}, "steps.0.bake_seconds"),
        ({"steps": [{"weight": "five", "bake_seconds": 60}]}, "steps.0.weight"),
        ({"steps": [{"weight": 5, "bake_seconds": 0}]}, "steps.0.bake_seconds"),
        ({"steps": [{"weight": 5, "bake_seconds": 60, "gate": "maybe"}]}, "steps.0.gate"),
        (
            {"steps": [{"weight": 50, "bake_seconds": 60}, {"weight": 5, "bake_seconds": 60}]},
            "steps.1.weight",
        ),
        ({"steps": [{"weight": 5, "bake_seconds": 60, "rules": [{"header": "x-a"}]}]}, "steps.0"),
        ({"steps": [{"weight": 5, "bake_seconds": 60, "rules": ["a\x00b"]}]}, "steps.0.rules.0"),
        ({"evidence": {"policy": "hope"}}, "evidence.policy"),
        ({"evidence": {"interval_seconds": 0}}, "evidence.interval_seconds"),
        ({"strategy": "hope"}, "strategy"),
        ({"name": ""}, "name"),
        ({"name": "two steps"}, "name"),
    ],
)
def test_a_plan_that_can_not_be_carried_out_is_refused(
    world: World, bearer: Bearer, change: dict[str, Any], attr: str
) -> None:
    answer = bearer(world.requester).post(PLANS, {**CANARY, **change})
    assert answer.status_code == 400
    assert answer.json()["type"] == "validation_error"
    assert answer.json()["errors"][0]["attr"] == attr
    assert RolloutPlan.objects.count() == 1


def test_a_change_keeps_what_it_does_not_name(world: World, bearer: Bearer) -> None:
    changed = bearer(world.requester).patch(f"{PLANS}{world.plan.pk}/", {"title": "Two steps"}).json()
    assert (changed["name"], changed["title"]) == ("two steps", "Two steps")
    assert [step["weight"] for step in changed["steps"]] == [5, 50]


def test_a_plan_goes_and_its_rollouts_keep_their_copy(world: World, bearer: Bearer) -> None:
    rollout = draft(world)
    client = bearer(world.requester)
    assert client.delete(f"{PLANS}{world.plan.pk}/").status_code == 204
    shown = client.get(f"/api/v1/rollouts/{rollout.pk}/").json()
    assert shown["plan"] == {"id": None, "name": "two steps"}
    assert shown["weights"] == [5, 50]


def test_the_plan_of_a_live_rollout_stays(world: World, bearer: Bearer) -> None:
    pending(world)
    assert bearer(world.requester).delete(f"{PLANS}{world.plan.pk}/").status_code == 409


def test_a_viewer_writes_no_plans(world: World, bearer: Bearer) -> None:
    client = bearer(world.viewer)
    assert client.post(PLANS, CANARY).status_code == 403
    assert client.patch(f"{PLANS}{world.plan.pk}/", {"title": "Mine"}).status_code == 403
    assert client.delete(f"{PLANS}{world.plan.pk}/").status_code == 403
