"""What reads cost with 10,000 rollouts, 1,000,000 snapshots and 1,000,000 audit events, on PostgreSQL.

``python -m tests.on_postgresql python -m tests.load.reads [SCALE]`` fills a database of its own (``SCALE`` 0.01 for a first look)
and prints one JSON object: milliseconds (median, p95) and queries per page, and the plan of each page's slowest query. The audit
chain is a valid one; its guards are off while it is copied in, since they ask for the present time.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
    import django

    django.setup()

from django.core.management import call_command
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings
from rest_framework.test import APIClient

from releases.domain.fingerprint import canonical
from releases.domain.states import State
from releases.domain.verifier import GENESIS, digest_of, link
from releases.flow.record import contents
from releases.models import AuditEvent, MetricSnapshot, Rollout, StepRun, guards
from services import connections
from tests.admin import world as worlds
from tests.admin.world import World

ROLLOUTS, SNAPSHOTS, EVENTS = 10_000, 1_000_000, 1_000_000
SERVICES = 50
RUNS = 20
ACTIONS = ("create", "submit", "approve", "start", "mesh_write", "complete")
COUNTS = {"requests": 1000.0, "errors": 1.0}


def fill(world: World, *, scale: float) -> list[Rollout]:
    """Copy rows in, oldest first; return the rollouts."""
    guards.remove(connection)
    rollouts = _rollouts(world, count=max(int(ROLLOUTS * scale), SERVICES))
    head = AuditEvent.objects.order_by("-seq").values_list("seq", "hash").first() or (0, GENESIS)
    _copy(MetricSnapshot, _snapshots(rollouts, count=int(SNAPSHOTS * scale)))
    _copy(AuditEvent, _events(rollouts, world=world, head=head, count=int(EVENTS * scale)))
    with connection.cursor() as cursor:
        for table in ("releases_auditevent", "releases_metricsnapshot"):
            cursor.execute(f"SELECT setval('{table}_id_seq', (SELECT MAX(id) FROM {table}))")
        cursor.execute("ANALYZE")
    guards.install(connection)
    return rollouts


def _rollouts(world: World, *, count: int) -> list[Rollout]:
    services = [world.service(f"service-{number}") for number in range(SERVICES)]
    pairs = [tuple(service.versions.order_by("name")[:2]) for service in services]
    made = [pairs[number % SERVICES] for number in range(count)]
    rows = [
        Rollout(
            service=services[number % SERVICES],
            stable=stable,
            candidate=candidate,
            plan=world.plan,
            plan_name=world.plan.name,
            frozen_plan=world.plan.frozen().as_json(),
            state=State.COMPLETED.value if number % 3 else State.ROLLED_BACK.value,
            requested_by=world.requester,
            reason="A release among many.",
            impact="-",
            test_evidence="-",
            rollback_note="-",
            fingerprint=f"{number:064x}",
        )
        for number, (stable, candidate) in enumerate(made)
    ]
    rollouts = Rollout.objects.bulk_create(rows, batch_size=1000)
    step = world.plan.frozen().as_json()["steps"][0]
    StepRun.objects.bulk_create(
        [StepRun(rollout=rollout, position=0, planned=step, desired=5, written=5) for rollout in rollouts],
        batch_size=1000,
    )
    return rollouts


def _snapshots(rollouts: list[Rollout], *, count: int) -> Iterator[models.Model]:
    for number in range(count):
        rollout = rollouts[number % len(rollouts)]
        at = rollout.created_at + timedelta(seconds=5 * (number // len(rollouts)))
        yield MetricSnapshot(
            id=number + 1,
            rollout=rollout,
            step=0,
            at=at,
            window_seconds=5,
            weight=5,
            stable=COUNTS,
            candidate=COUNTS,
        )


def _events(
    rollouts: list[Rollout], *, world: World, head: tuple[int, str], count: int
) -> Iterator[models.Model]:
    seq, prev = head  # nothing may be asked while the copy has the connection
    people = [world.requester, world.approver, world.operator]
    for number in range(count):
        rollout, person = rollouts[number % len(rollouts)], people[number % len(people)]
        seq += 1
        event = AuditEvent(
            id=seq + 1_000,
            seq=seq,
            at=rollout.created_at + timedelta(milliseconds=number),
            actor=person.username,
            user=person,
            channel="api",
            ip="10.0.0.7",
            action=ACTIONS[number % len(ACTIONS)],
            object_type="rollout",
            object_id=str(rollout.pk),
            service_id=rollout.service_id,
            rollout=rollout,
            outcome="done",
            reason="One act among a million.",
            fingerprint=rollout.fingerprint,
            after={"state": "running", "number": number},
            prev=prev,
        )
        event.text = canonical(contents(event))
        event.hash = prev = link(prev=prev, digest=digest_of(event.text))
        yield event


def _copy(model: type[models.Model], rows: Iterator[models.Model]) -> None:
    """Send rows by COPY, the one way that brings a million in within a minute."""
    fields = model._meta.concrete_fields
    columns = ", ".join(f'"{field.column}"' for field in fields)
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {model._meta.db_table} ({columns}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row([_column(row, field) for field in fields])


def _column(row: models.Model, field: models.Field[Any, Any]) -> Any:
    value = field.value_from_object(row)
    return json.dumps(value) if isinstance(field, models.JSONField) and value is not None else value


def measure(world: World, *, rollouts: list[Rollout]) -> dict[str, Any]:
    """Ask each page twenty times."""
    api, admin = APIClient(), Client()
    api.force_authenticate(world.operator)
    admin.force_login(world.operator)
    middle = rollouts[len(rollouts) // 2]
    pages: dict[str, tuple[Any, str]] = {
        "overview": (api, "/api/v1/overview/"),
        "rollouts": (api, "/api/v1/rollouts/"),
        "rollout": (api, f"/api/v1/rollouts/{middle.pk}/"),
        "timeline": (api, f"/api/v1/rollouts/{middle.pk}/timeline/"),
        "snapshots": (api, f"/api/v1/rollouts/{middle.pk}/snapshots/"),
        "audit": (api, "/api/v1/audit/"),
        "audit of an actor": (api, "/api/v1/audit/?actor=approver"),
        "audit of a service": (api, "/api/v1/audit/?service=service-7"),
        "audit of a rollout": (api, f"/api/v1/audit/?rollout={middle.pk}"),
        "audit of a fingerprint": (api, f"/api/v1/audit/?fingerprint={middle.fingerprint}"),
        "admin, audit": (admin, "/admin/releases/auditevent/"),
    }
    return {name: _page(client, url) for name, (client, url) in pages.items()}


def _page(client: Any, url: str) -> dict[str, Any]:
    took = []
    for _run in range(RUNS):
        begun = time.perf_counter()
        answer = client.get(url)
        took.append((time.perf_counter() - begun) * 1000)
        if answer.status_code != 200:
            raise RuntimeError(f"{url} answered {answer.status_code}: {answer.content[:500]!r}")
    with CaptureQueriesContext(connection) as captured:
        client.get(url)
    slowest = max(captured.captured_queries, key=lambda query: float(query["time"]))
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, COSTS OFF) " + slowest["sql"].replace("%", "%%"), [])
        plan = [line for (line,) in cursor.fetchall()]
    return {
        "median_ms": round(statistics.median(took), 1),
        "p95_ms": round(statistics.quantiles(took, n=20)[-1], 1),
        "queries": len(captured.captured_queries),
        "slowest_query_plan": plan,
    }


def main(scale: float) -> dict[str, Any]:
    """Fill, measure, and return what is printed."""
    if connection.vendor != "postgresql":
        raise SystemExit("This needs PostgreSQL: python -m tests.on_postgresql python -m tests.load.reads")
    call_command("migrate", verbosity=0)
    world = worlds.build()
    begun = time.perf_counter()
    caches = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    static = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    with (
        override_settings(CACHES=caches, STORAGES=static, ALLOWED_HOSTS=["testserver"]),
        connections.use(mesh=world.mesh, telemetry=world.telemetry),
    ):
        rollouts = fill(world, scale=scale)
        filled = round(time.perf_counter() - begun)
        rows = {
            "rollouts": Rollout.objects.count(),
            "snapshots": MetricSnapshot.objects.count(),
            "audit_events": AuditEvent.objects.count(),
        }
        return {"rows": rows, "filled_in_seconds": filled, "pages": measure(world, rollouts=rollouts)}


if __name__ == "__main__":
    print(json.dumps(main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0), indent=1))
