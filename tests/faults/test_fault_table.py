"""One row per fault of the world around the engine: what it says meanwhile, and that it ends as if nothing had happened."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import OperationalError
from django.db.backends.sqlite3.base import DatabaseWrapper
from pytest_django.fixtures import Settings
from pytest_django.plugin import DjangoDbBlocker

from istio.mesh import MeshError
from istio.telemetry import TelemetryUnreachable
from releases import flow
from releases.domain.states import Event, State
from releases.models import AuditEvent, Rollout
from services import connections
from tests.admin import world as worlds
from tests.admin.world import WORKER, World, actor
from tests.faults.databases import database_in
from tests.faults.judge import check_end, stored_by_fake, weights_written
from tests.faults.split import Split
from tests.faults.test_ended_at_every_point import prepared
from tests.faults.walk import FAILURES
from tests.lab.kubeapi.process import REPOSITORY

pytestmark = [pytest.mark.faults, pytest.mark.django_db]

SAYS = {
    "409": "baking",
    "422": "mesh_refused",
    "429": "mesh_unreachable",
    "500": "mesh_unreachable",
    "timeout": "mesh_unreachable",
}


def pulse(world: World, rollout: Rollout, *, seconds: int = 10) -> str:
    """One pass; return the reason code afterwards."""
    world.now += timedelta(seconds=seconds)
    flow.advance(rollout.pk, clock=lambda: world.now, by=WORKER)
    rollout.refresh_from_db()
    Split(world, rollout).follow()
    return rollout.reason_code


def in_first_step(world: World) -> Rollout:
    rollout = prepared(world)
    for _ in range(20):
        pulse(world, rollout, seconds=2)
        if rollout.current_step == 0:
            return rollout
    pytest.fail(f"no first step: {rollout.reason_code}")


def ends(world: World, rollout: Rollout, *, state: State = State.COMPLETED) -> None:
    for _ in range(80):
        pulse(world, rollout)
        if rollout.state == state:
            break
    check_end(rollout, stored=stored_by_fake(world.mesh), state=state)


@pytest.mark.parametrize("call", ["get", "put"])
@pytest.mark.parametrize("kind", sorted(FAILURES))
def test_an_api_server_that_fails_is_named_and_asked_again(world: World, kind: str, call: str) -> None:
    rollout = in_first_step(world)
    world.mesh.fail_next(FAILURES[kind], on=call, times=2)  # type: ignore[arg-type]  # a literal by construction
    said = [pulse(world, rollout) for _ in range(8)]
    assert SAYS[kind] in said, said
    ends(world, rollout)


def test_an_answer_that_got_lost_is_not_written_twice(world: World) -> None:
    rollout = in_first_step(world)
    world.mesh.fail_next(FAILURES["timeout"], on="put", after=True)
    ends(world, rollout)


@pytest.mark.parametrize("kind", sorted(FAILURES))
def test_a_rollback_is_tried_until_the_mesh_answers(world: World, kind: str, settings: Settings) -> None:
    settings.ROLLBACK_DOOR_SECONDS = 0.0
    rollout = in_first_step(world)
    world.mesh.fail_next(FAILURES[kind], times=12)
    try:
        flow.perform(rollout, Event.ROLL_BACK, by=actor(world.operator), why="now", clock=lambda: world.now)
    except MeshError:
        pytest.fail("the door let the mesh's failure through; the worker goes on")
    ends(world, rollout, state=State.ROLLED_BACK)
    assert weights_written(rollout, stored=stored_by_fake(world.mesh)) == [5, 0]


def test_without_prometheus_nothing_goes_on_and_it_says_so(world: World) -> None:
    rollout = in_first_step(world)
    world.telemetry.unreachable = True
    said = {pulse(world, rollout) for _ in range(10)}
    assert "metrics_unreachable" in said, said
    assert weights_written(rollout, stored=stored_by_fake(world.mesh)) == [5]
    world.telemetry.unreachable = False
    ends(world, rollout)


def test_a_prometheus_without_samples_is_no_data_and_never_a_pass(world: World) -> None:
    rollout = in_first_step(world)
    world.telemetry.silence(since=world.now - timedelta(hours=1))
    said = {pulse(world, rollout) for _ in range(10)}
    assert "waiting_for_evidence" in said, said
    assert weights_written(rollout, stored=stored_by_fake(world.mesh)) == [5]


def test_one_lost_answer_of_prometheus_costs_one_look(world: World) -> None:
    rollout = in_first_step(world)
    world.telemetry.fail_next(TelemetryUnreachable("Prometheus did not answer."))
    ends(world, rollout)


def test_two_beats_and_doubled_messages_write_each_step_once(world: World) -> None:
    rollout = prepared(world)
    for _ in range(60):
        pulse(world, rollout)
        for _again in range(3):
            flow.advance(rollout.pk, clock=lambda: world.now, by=WORKER)
    check_end(rollout, stored=stored_by_fake(world.mesh), state=State.COMPLETED)


def test_the_engine_reads_no_clock_but_the_databases() -> None:
    """Two workers with skewed clocks agree because neither is asked: the clock is passed in, and doors pass the database's."""
    clocks = {"now", "utcnow", "time", "today"}
    asked = [
        f"{path.relative_to(REPOSITORY)}:{node.lineno}"
        for path in Path(REPOSITORY, "releases/flow").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in {"timezone", "datetime", "time", "date"}
        and node.func.attr in clocks
    ]
    assert not asked, f"these read the clock of their own machine: {asked}"


@pytest.fixture
def on_file(
    tmp_path: Path, settings: Settings, django_db_blocker: DjangoDbBlocker
) -> Iterator[tuple[World, DatabaseWrapper]]:
    """Return a world in a database file of its own, without a transaction around it, and the file's connection."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    with django_db_blocker.unblock(), database_in(tmp_path) as connection:
        world = worlds.build()
        with connections.use(mesh=world.mesh, telemetry=world.telemetry):
            yield world, connection


def test_a_full_disk_stops_everything_and_loses_nothing(on_file: tuple[World, DatabaseWrapper]) -> None:
    world, database = on_file
    rollout = in_first_step(world)
    events = AuditEvent.objects.count()
    with database.cursor() as cursor:
        cursor.execute("PRAGMA page_count")
        pages = cursor.fetchone()[0]
        cursor.execute(f"PRAGMA max_page_count = {pages}")
    refused = 0
    for _ in range(10):
        try:
            refused += pulse(world, rollout) == "internal_error"
        except OperationalError:  # not even the reason could be written
            refused += 1
    assert refused, "the disk was not full"
    assert AuditEvent.objects.count() >= events
    with database.cursor() as cursor:
        cursor.execute("PRAGMA max_page_count = 1000000")
    world.now += timedelta(seconds=31)
    ends(world, rollout)
