"""What is measured and what would be written: traffic, figures, preview, snapshots, verdicts, timeline."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from istio.mesh import Unreachable
from istio.telemetry import Counts
from releases import flow
from releases.domain.evidence.scrape import counts_as_json
from releases.domain.states import State
from releases.models import MetricSnapshot, Rollout, StepRun, Verdict
from tests.api.conftest import World, actor_for, approved, draft
from tests.fakes.telemetry import Traffic

Bearer = Callable[..., APIClient]


def test_traffic_is_told_three_times_in_percent(world: World, bearer: Bearer) -> None:
    traffic = bearer(world.viewer).get(f"/api/v1/services/{world.service.pk}/traffic/").json()
    assert traffic["configured"] == {"v1": 100, "v2": 0}
    assert traffic["observed"] == {"v1": 100}
    assert traffic["matched"] is True
    assert traffic["problem"] == ""


@pytest.mark.parametrize(("rps_of_candidate", "matched"), [(20, True), (5, False)])
def test_users_who_always_see_the_candidate_are_part_of_what_should_arrive(
    world: World, bearer: Bearer, rps_of_candidate: float, matched: bool
) -> None:
    split = {"weight": 0, "bake_seconds": 60, "sticky": {"header": "x-user-id", "percent": 50}}
    plan = flow.save_plan(name="by user", steps=[split], by=actor_for(world.requester))
    rollout = approved(replace(world, plan=plan))
    Rollout.objects.filter(pk=rollout.pk).update(state=State.RUNNING, current_step=0)
    long_ago = timezone.now() - timedelta(hours=1)
    world.telemetry.run(world.service.target, "v2", Traffic(rps=rps_of_candidate), since=long_ago)
    traffic = bearer(world.viewer).get(f"/api/v1/services/{world.service.pk}/traffic/").json()
    assert traffic["configured"] == {"v1": 100, "v2": 0}
    assert traffic["matched"] is matched
    assert bearer(world.viewer).get(f"/api/v1/rollouts/{rollout.pk}/").json()["weights"] == [50]


def test_traffic_that_was_moved_just_now_is_counted_from_then_on(world: World, bearer: Bearer) -> None:
    rollout = approved(world)
    Rollout.objects.filter(pk=rollout.pk).update(state=State.RUNNING, current_step=0)
    planned = rollout.frozen_plan["steps"][0]
    started = timezone.now() - timedelta(seconds=12)
    StepRun.objects.create(rollout=rollout, position=0, planned=planned, written=5, started_at=started)
    path = f"/api/v1/services/{world.service.pk}/traffic/"
    assert bearer(world.viewer).get(path).json()["observed_seconds"] == 10
    StepRun.objects.update(started_at=timezone.now())
    traffic = bearer(world.viewer).get(path).json()
    assert (traffic["observed_seconds"], traffic["observed"]) == (0, None)


def test_without_data_observed_is_null_and_not_zero(world: World, bearer: Bearer) -> None:
    world.telemetry.unreachable = True
    answer = bearer(world.viewer).get(f"/api/v1/services/{world.service.pk}/traffic/")
    assert answer.status_code == 200
    assert answer.json()["observed"] is None
    assert answer.json()["configured"] == {"v1": 100, "v2": 0}


def test_a_mesh_that_is_away_is_a_problem_and_no_crash(world: World, bearer: Bearer) -> None:
    world.mesh.fail_next(Unreachable("The API server does not answer."), times=9)
    answer = bearer(world.viewer).get(f"/api/v1/services/{world.service.pk}/traffic/")
    assert answer.status_code == 200
    assert answer.json()["configured"] is None
    assert "does not answer" in answer.json()["problem"]


def test_figures_come_per_version_oldest_first(world: World, bearer: Bearer) -> None:
    answer = bearer(world.viewer).get(f"/api/v1/services/{world.service.pk}/metrics/?seconds=300&step=60")
    lines = answer.json()["versions"]["v1"]
    assert answer.json()["step"] == 60
    assert {"success_ratio", "error_ratio", "p50_ms", "p95_ms", "p99_ms", "rps"} <= set(lines)
    times = [at for at, _ in lines["rps"]]
    assert {later - earlier for earlier, later in pairwise(times)} == {60}
    assert all(value == pytest.approx(20, rel=0.1) for _, value in lines["rps"])


@pytest.mark.parametrize(
    "query",
    [
        "seconds=0",
        "until=9999999999",
        "until=yesterday",
        "until=1",
        "seconds=ten",
        "seconds=99999999",
        "step=0",
        "seconds=604800&step=1",
    ],
)
def test_a_range_has_limits(world: World, bearer: Bearer, query: str) -> None:
    answer = bearer(world.viewer).get(f"/api/v1/services/{world.service.pk}/metrics/?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] in {"seconds", "step", "until"}


def test_figures_of_a_time_past_end_there(world: World, bearer: Bearer) -> None:
    until = int(time.time()) - 120
    query = f"seconds=120&step=60&until={until}"
    answer = bearer(world.viewer).get(f"/api/v1/services/{world.service.pk}/metrics/?{query}")
    times = [at for at, _ in answer.json()["versions"]["v1"]["rps"]]
    assert until - 180 <= times[0] < times[-1] <= until


def test_prometheus_away_is_502_for_figures(world: World, bearer: Bearer) -> None:
    world.telemetry.unreachable = True
    answer = bearer(world.viewer).get(f"/api/v1/services/{world.service.pk}/metrics/")
    assert (answer.status_code, answer.json()["code"]) == (502, "metrics_unreachable")


def test_a_preview_shows_each_step_before_anybody_is_asked(world: World, bearer: Bearer) -> None:
    rollout = draft(world)
    preview = bearer(world.requester).get(f"/api/v1/rollouts/{rollout.pk}/preview/").json()
    assert preview["baseline_from"] == "live"
    assert [(step["position"], step["weight"]) for step in preview["steps"]] == [(0, 5), (1, 50)]
    assert preview["steps"][0]["effective"] == {"v1": 95, "v2": 5}
    assert "weight: 5" in preview["steps"][0]["difference"]
    assert preview["steps"][0]["objects"][0]["kind"] == "VirtualService"
    assert preview["rollback_command"].startswith("kubectl")


def test_the_preview_of_a_request_has_the_fingerprint_to_approve(world: World, bearer: Bearer) -> None:
    rollout = approved(world)
    preview = bearer(world.viewer).get(f"/api/v1/rollouts/{rollout.pk}/preview/").json()
    assert preview["baseline_from"] == "stored"
    assert preview["fingerprint"] == rollout.fingerprint


def test_snapshots_are_figures_of_both_versions_oldest_first(world: World, bearer: Bearer) -> None:
    rollout = draft(world)
    now = timezone.now()
    counts = Counts(
        requests=200,
        errors=10,
        latency_bucket={50: 100, 100: 190, float("inf"): 200},
        payments_attempted=40,
        payments_succeeded=38,
    )
    for minutes in (1, 2):
        MetricSnapshot.objects.create(
            rollout=rollout,
            step=0,
            at=now - timedelta(minutes=minutes),
            window_seconds=20,
            weight=5,
            stable=counts_as_json(counts),
            candidate=None,
        )
    rows = bearer(world.viewer).get(f"/api/v1/rollouts/{rollout.pk}/snapshots/").json()["results"]
    assert rows[0]["at"] < rows[1]["at"]
    assert rows[0]["candidate"] is None
    assert rows[0]["stable"] == {
        "requests": 200,
        "errors": 10,
        "error_ratio": 0.05,
        "success_ratio": 0.95,
        "p50_ms": 50,
        "p95_ms": 100,
        "p99_ms": 100,
        "rps": 10,
        "payment_success_ratio": 0.95,
    }


def test_a_version_without_requests_has_no_ratio(world: World, bearer: Bearer) -> None:
    rollout = draft(world)
    nothing = counts_as_json(Counts(requests=0, errors=0))
    MetricSnapshot.objects.create(
        rollout=rollout, at=timezone.now(), window_seconds=15, weight=5, stable=nothing, candidate=nothing
    )
    (row,) = bearer(world.viewer).get(f"/api/v1/rollouts/{rollout.pk}/snapshots/").json()["results"]
    assert row["stable"]["error_ratio"] is None
    assert row["stable"]["success_ratio"] is None
    assert row["stable"]["p95_ms"] is None
    assert row["stable"]["rps"] == 0


def test_verdicts_come_newest_first_with_their_sentence(world: World, bearer: Bearer) -> None:
    rollout = draft(world)
    now = timezone.now()
    for seconds, requests in ((30, 10), (15, 120)):
        Verdict.objects.create(
            rollout=rollout,
            step=0,
            at=now - timedelta(seconds=seconds),
            outcome="inconclusive",
            rule="evidence",
            reason_code="wait",
            numbers={"requests": requests, "requests_needed": 200},
        )
    client = bearer(world.viewer)
    rows = client.get(f"/api/v1/rollouts/{rollout.pk}/verdicts/").json()["results"]
    assert [row["numbers"]["requests"] for row in rows] == [120, 10]
    assert "120" in rows[0]["sentence"]
    latest = client.get(f"/api/v1/rollouts/{rollout.pk}/").json()["latest_verdict"]
    assert latest == rows[0]


def test_a_timeline_is_everything_about_one_rollout_oldest_first(world: World, bearer: Bearer) -> None:
    rollout = approved(world)
    draft(world)
    rows = bearer(world.viewer).get(f"/api/v1/rollouts/{rollout.pk}/timeline/").json()["results"]
    assert [row["action"] for row in rows] == ["create", "submit", "approve"]
    assert [row["actor"] for row in rows] == ["requester", "requester", "approver"]
    assert all(row["sentence"] for row in rows)
    assert {row["ip"] for row in rows} == {None}


def test_lists_of_one_rollout_are_paged(world: World, bearer: Bearer) -> None:
    rollout = approved(world)
    client = bearer(world.viewer)
    first = client.get(f"/api/v1/rollouts/{rollout.pk}/timeline/?page_size=2").json()
    second = client.get(first["next"]).json()
    assert [row["action"] for row in first["results"] + second["results"]] == ["create", "submit", "approve"]
    assert second["next"] is None


@pytest.mark.parametrize("part", ["preview", "snapshots", "verdicts", "timeline"])
def test_parts_of_a_rollout_that_is_not_there_are_404(world: World, bearer: Bearer, part: str) -> None:
    assert not Rollout.objects.exists()
    assert bearer(world.viewer).get(f"/api/v1/rollouts/7/{part}/").status_code == 404
