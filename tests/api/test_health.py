"""What machines ask the portal: alive, ready, figures."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from istio.mesh import Unreachable
from portal import health
from releases import selectors
from releases.heartbeat import LAST_PULSE
from releases.models import AuditEvent, Rollout, Verdict
from tests.api.conftest import World, approved, pending

KNOWN = "health_of_parts"


def figures(client: Client) -> dict[tuple[str, str], float]:
    """Name and label of each sample -> its value."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.content.decode())
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in families
        for sample in family.samples
    }


def test_a_living_process_says_so_without_touching_anything(client: Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}  # no database fixture: a query would fail


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_ready_names_each_part_the_same_in_every_language(
    world: World, client: Client, language: str
) -> None:
    cache.set(LAST_PULSE, timezone.now().timestamp())
    answer = client.get("/readyz", headers={"accept-language": language})
    parts = [part["id"] for part in answer.json()["parts"]]
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert parts == ["database", "beat", "broker", "mesh:lab", "prometheus:lab"]


def test_a_broker_that_is_away_is_told(world: World, client: Client, settings: Settings) -> None:
    cache.set(LAST_PULSE, timezone.now().timestamp())
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    answer = client.get("/readyz").json()
    assert answer["status"] == "degraded"
    assert [part["id"] for part in answer["parts"] if not part["ok"]] == ["broker"]


def test_parts_are_asked_once_in_a_few_seconds(world: World, client: Client) -> None:
    client.get("/readyz")
    world.telemetry.unreachable = True
    assert "prometheus:lab" not in away(client)
    grow_old(seconds=11)
    assert "prometheus:lab" in away(client)


def test_a_page_takes_what_is_known_and_says_when_it_is_old(
    world: World, bearer: Callable[..., APIClient]
) -> None:
    selectors.ask_parts()
    world.mesh.fail_next(Unreachable("The API server does not answer."), times=9)

    def mesh() -> tuple[bool, str]:
        shown = bearer(world.viewer).get("/api/v1/overview/").json()["health"]
        (part,) = [part for part in shown if part["id"] == "mesh:lab"]
        return part["ok"], part["detail"]

    grow_old(seconds=30)
    assert mesh()[0]
    grow_old(seconds=270)
    assert mesh() == (False, "not asked for 300 s")


def grow_old(*, seconds: float) -> None:
    asked_at, answers = cache.get(KNOWN)
    cache.set(KNOWN, (asked_at - seconds, answers))


def away(client: Client) -> list[str]:
    return [part["id"] for part in client.get("/readyz").json()["parts"] if not part["ok"]]


def test_a_mesh_that_is_away_degrades_and_does_not_lock_out(world: World, client: Client) -> None:
    world.mesh.fail_next(Unreachable("The API server does not answer."), times=9)
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"


def test_who_asks_for_all_gets_503_when_any_is_away(world: World, client: Client) -> None:
    world.telemetry.unreachable = True
    assert client.get("/readyz?all").status_code == 503


def test_without_the_database_nothing_is_ready(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(selectors, "health", refused)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")


def test_figures_are_in_prometheus_own_format(world: World, client: Client) -> None:
    approved(world)
    read = figures(client)
    assert read["weir_rollouts", "approved"] == 1
    assert read["weir_rollouts", "running"] == 0
    assert read["weir_decisions_total", "approve"] == 1
    assert read["weir_decisions_total", "reject"] == 0
    assert read["weir_audit_events_total", ""] == AuditEvent.objects.count()


def test_figures_are_read_anew_each_time(world: World, client: Client) -> None:
    before = figures(client)["weir_rollouts", "pending"]
    pending(world)
    assert figures(client)["weir_rollouts", "pending"] == before + 1


def judged(world: World, outcome: str, *, times: int) -> None:
    rollout = Rollout.objects.first() or approved(world)
    Verdict.objects.bulk_create(
        Verdict(rollout=rollout, at=timezone.now(), outcome=outcome, rule="evidence", reason_code="go_on")
        for _ in range(times)
    )


def test_verdicts_are_counted_once_and_then_only_the_newest_are_read(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_UNSETTLED_VERDICTS", 2)
    for more, passed in ((5, 5), (3, 8)):
        judged(world, "pass", times=more)
        assert figures(client)["weir_verdicts_total", "pass"] == passed
    judged(world, "fail", times=1)
    with CaptureQueriesContext(connection) as asked:
        read = figures(client)
    assert (read["weir_verdicts_total", "pass"], read["weir_verdicts_total", "fail"]) == (8, 1)
    counts = [
        query["sql"] for query in asked if "COUNT(" in query["sql"] and "releases_verdict" in query["sql"]
    ]
    assert counts, "the newest are counted"
    assert all('"id" >' in sql for sql in counts), "what was counted before is not read again"


def test_a_database_that_was_restored_is_counted_anew(world: World, client: Client) -> None:
    judged(world, "pass", times=2)
    cache.set("verdicts_by_outcome", (10**6, {"pass": 99}))
    assert figures(client)["weir_verdicts_total", "pass"] == 2


def test_the_age_of_the_last_pulse_is_told_once_there_was_one(db: None, client: Client) -> None:
    assert ("weir_last_pulse_age_seconds", "") not in figures(client)
    cache.set(LAST_PULSE, (timezone.now() - timedelta(seconds=90)).timestamp())
    assert figures(client)["weir_last_pulse_age_seconds", ""] == pytest.approx(90, abs=10)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_health_is_only_read(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405
