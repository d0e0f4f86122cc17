"""The overview: one row per service, and what needs a person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone
from rest_framework.test import APIClient

from istio.mesh import Unreachable
from istio.telemetry import Target
from releases import flow
from releases.domain.reasons import Reason
from releases.domain.states import Event
from releases.models import EmergencyRelease, Rollout, User
from tests.api.conftest import World, actor_for, add_service, approved, draft, pending
from tests.fakes.telemetry import Traffic

Bearer = Callable[..., APIClient]


def overview(client: APIClient) -> dict[str, Any]:
    answer = client.get("/api/v1/overview/")
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


def test_a_service_without_a_rollout_has_its_split_and_figures(world: World, bearer: Bearer) -> None:
    body = overview(bearer(world.viewer))
    (row,) = body["services"]
    assert (row["service"]["name"], row["stable"]["name"], row["candidate"]) == ("order", "v1", None)
    assert row["traffic"]["configured"] == {"v1": 100, "v2": 0}
    assert row["metrics"]["v1"]["rps"] > 0
    assert 0.9 < row["metrics"]["v1"]["success_ratio"] < 1
    assert len(row["spark"]["v1"]) >= 10
    assert (row["rollout"], row["last_rollout"], body["attention"]) == (None, None, [])
    assert body["health"][0] == {
        "id": "database",
        "name": "Database",
        "ok": True,
        "detail": body["health"][0]["detail"],
    }


def test_a_service_without_data_has_no_figures(world: World, bearer: Bearer) -> None:
    world.telemetry.forget(Target(namespace="shop", service="product"))
    add_service("product", cluster=world.cluster, policy=world.policy)
    rows = {row["service"]["name"]: row for row in overview(bearer(world.viewer))["services"]}
    assert rows["product"]["metrics"] == {}
    assert rows["product"]["spark"] == {}
    assert rows["order"]["metrics"]


def test_prometheus_away_leaves_the_page(world: World, bearer: Bearer) -> None:
    world.telemetry.unreachable = True
    (row,) = overview(bearer(world.viewer))["services"]
    assert (row["metrics"], row["spark"]) == ({}, {})
    assert row["traffic"]["configured"] == {"v1": 100, "v2": 0}


def test_one_silent_prometheus_is_asked_once_for_all_lines(world: World, bearer: Bearer) -> None:
    for name in ("product", "payment"):
        add_service(name, cluster=world.cluster, policy=world.policy)
    world.telemetry.unreachable = True
    asked: list[Target] = []
    original = world.telemetry.series

    def counted(target: Target, **rest: Any) -> Any:
        asked.append(target)
        return original(target, **rest)

    world.telemetry.series = counted  # type: ignore[method-assign]  # counts and passes on
    overview(bearer(world.viewer))
    assert len(asked) == 1


def test_lines_are_kept_for_half_a_minute(world: World, bearer: Bearer) -> None:
    client = bearer(world.viewer)
    first = overview(client)["services"][0]["spark"]
    world.telemetry.run(
        Target(namespace="shop", service="order"),
        "v1",
        Traffic(rps=20, error_ratio=0.9),
        since=timezone.now(),
    )
    assert overview(client)["services"][0]["spark"] == first


def test_a_live_rollout_stands_in_its_row(world: World, bearer: Bearer) -> None:
    rollout = approved(world)
    (row,) = overview(bearer(world.viewer))["services"]
    assert row["rollout"]["id"] == rollout.pk
    assert row["candidate"]["name"] == "v2"


def test_a_vote_is_asked_of_those_who_may_give_it(world: World, bearer: Bearer) -> None:
    rollout = pending(world)

    def wanted(person: User) -> dict[str, Any]:
        (item,) = overview(bearer(person))["attention"]
        assert (item["kind"], item["severity"], item["rollout"]) == ("approval", "hold", rollout.pk)
        href: dict[str, Any] = item["action"]
        return href

    assert wanted(world.approver)["href"] == f"/admin/releases/rollout/{rollout.pk}/change/"
    assert wanted(world.requester)["href"] == f"/rollouts/{rollout.pk}"
    assert bearer(world.approver).get("/api/v1/me/").json()["waiting_approvals"] == 1
    assert bearer(world.requester).get("/api/v1/me/").json()["waiting_approvals"] == 0


def test_a_paused_rollout_needs_a_person(world: World, bearer: Bearer) -> None:
    rollout = approved(world)
    by = actor_for(world.operator)
    flow.perform(rollout, Event.START, by=by)
    flow.perform(rollout, Event.PAUSE, by=by, why="Lunch.")
    (item,) = overview(bearer(world.viewer))["attention"]
    assert (item["kind"], item["severity"]) == ("paused", "hold")
    assert item["title"]
    assert item["text"]


def test_what_was_rolled_back_by_itself_is_shown_for_a_day(world: World, bearer: Bearer) -> None:
    rollout = approved(world)
    by = actor_for(world.operator)
    flow.perform(rollout, Event.START, by=by)
    flow.perform(rollout, Event.ROLL_BACK, by=by, why="Drill.")
    client = bearer(world.viewer)
    assert overview(client)["attention"] == []  # by a person, who knows
    Rollout.objects.filter(pk=rollout.pk).update(reason_code=Reason.GUARD_FAILED)
    (item,) = overview(client)["attention"]
    assert (item["kind"], item["severity"], item["rollout"]) == ("failed", "fail", rollout.pk)
    assert overview(client)["services"][0]["last_rollout"]["id"] == rollout.pk
    Rollout.objects.filter(pk=rollout.pk).update(ended_at=timezone.now() - timedelta(hours=25))
    assert overview(client)["attention"] == []


def test_a_mesh_that_is_away_is_said_first(world: World, bearer: Bearer) -> None:
    pending(world)
    world.mesh.fail_next(Unreachable("The API server does not answer."), times=20)
    kinds = [(item["kind"], item["severity"]) for item in overview(bearer(world.viewer))["attention"]]
    assert kinds == [("mesh", "fail"), ("approval", "hold")]


def test_everybody_is_told_of_an_emergency_until_somebody_else_reviewed_it(
    world: World, bearer: Bearer
) -> None:
    rollout = flow.release_in_emergency(
        draft(world),
        by=actor_for(world.operator),
        why="The checkout fails for everybody.",
        incident="INC-7",
        typed_name="order",
    )

    def told(person: User) -> tuple[str, str, str]:
        (item,) = overview(bearer(person))["attention"]
        return item["kind"], item["severity"], item["action"]["href"]

    page, decision = f"/rollouts/{rollout.pk}", f"/admin/releases/rollout/{rollout.pk}/change/"
    assert told(world.viewer) == ("emergency", "fail", page)
    assert told(world.operator) == ("emergency", "fail", page), "who declared it does not review it"
    assert told(world.approver) == ("emergency", "fail", decision)
    EmergencyRelease.objects.update(due_at=timezone.now() - timedelta(minutes=1))
    assert "was due at" in overview(bearer(world.viewer))["attention"][0]["text"]
    flow.review_emergency(rollout, by=actor_for(world.approver), outcome="justified", findings="It was down.")
    assert overview(bearer(world.viewer))["attention"] == []
