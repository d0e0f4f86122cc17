"""What reads cost with 10,000 rollouts, 1,000,000 snapshots and 1,000,000 audit events, on PostgreSQL.

``python -m tests.on_postgresql python -m tests.load.reads [SCALE]`` fills a database of its own (``SCALE`` 0.01 for a first look)
and prints Markdown: milliseconds (median, p95) and queries per page, and the plan of each page's slowest query. It ends
non-zero when a page is slower than ``P95_MS`` or reads a whole large table. Meshes and Prometheus are fakes: their answers
cost what they cost.
"""

from __future__ import annotations

import math
import os
import statistics
import sys
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
    import django

    django.setup()

from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings
from django.utils import timezone
from django.utils.http import urlencode
from rest_framework.test import APIClient

from istio.telemetry import Counts, Series, Target, Window
from portal.memory import settle
from releases import flow
from releases.models import AuditEvent, MetricSnapshot, Rollout, Verdict
from services import connections
from tests.admin import world as worlds
from tests.admin.world import World
from tests.fakes.telemetry import FakeTelemetry
from tests.load.million import Filled, fill

P95_MS = 150.0
RUNS = 20
PLAN_WIDTH = 160
"""A condition that names two hundred rows is not read to its end."""
LARGE = 20_000
"""A table with more rows is not read from end to end for one page."""


class Canned(FakeTelemetry):
    """A Prometheus whose answers cost nothing: what is measured is the portal, not the fake's arithmetic."""

    def window(self, targets: Collection[Target], *, end: datetime, seconds: float, **_given: Any) -> Window:
        return Window(
            counts={target: {"v1": COUNTS, "v2": COUNTS} for target in targets}, missing={}, queries=()
        )

    def series(
        self, target: Target, *, start: datetime, end: datetime, step_seconds: float, **_given: Any
    ) -> list[Series]:
        times = [start.timestamp() + step_seconds * number for number in range(15)]
        points = [(at, 0.999) for at in times]
        return [Series(version, "success_ratio", points) for version in ("v1", "v2")]


_server: dict[str, int] = {}
COUNTS = Counts(requests=6000, errors=6, latency_bucket={10.0: 3000, 100.0: 5990, math.inf: 6000})


@dataclass(frozen=True, slots=True)
class Page:
    """What one address cost. ``scans`` are large tables that one of its queries read from end to end."""

    name: str
    busy_median_ms: float
    busy_p95_ms: float
    wall_p95_ms: float
    queries: int
    scans: tuple[str, ...]
    slowest: str
    plan: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        return self.busy_p95_ms < P95_MS and not self.scans


def addresses(filled: Filled) -> Iterator[tuple[str, str]]:
    """Yield name and path of every read, each filter of the large lists among them."""
    one, long = f"rollouts/{filled.middle.pk}/", f"rollouts/{filled.longest.pk}/"
    then = timezone.now() - timedelta(days=365)
    for path in ("overview/", "me/", "calendar/", "services/", "versions/", "plans/", "trains/"):
        yield path, path
    for path in ("traffic-changes/", "experiments/", "proposals/", "freezes/", "release-windows/"):
        yield path, path
    yield "services/{id}/", f"services/{filled.middle.service_id}/"
    yield "services/{id}/traffic/", f"services/{filled.middle.service_id}/traffic/"
    yield "rollouts/", "rollouts/"
    yield "rollouts/, page of 200", "rollouts/?page_size=200"
    for asked in (
        "service=service-7",
        "state=rolled_back",
        "state=running&state=paused",
        "requested_by=developer-7",
        "active=true",
        "active=false",
        "ordering=state",
        "ordering=-created_at",
    ):
        yield f"rollouts/?{asked}", f"rollouts/?{asked}"
    yield "rollouts/{id}/", one
    yield "rollouts/{id}/, live", f"rollouts/{filled.live.pk}/"
    for name in ("timeline", "snapshots", "verdicts", "preview"):
        yield f"rollouts/{{id}}/{name}/", f"{one}{name}/"
    yield "snapshots of days, page of 200", f"{long}snapshots/?page_size=200"
    yield "verdicts of days", f"{long}verdicts/"
    yield "audit/", "audit/"
    yield "audit/, page of 200", "audit/?page_size=200"
    yield "audit/{seq}/", "audit/500/"
    for key, value in {
        "actor": "approver",
        "service": "service-7",
        "rollout": f"R-{filled.middle.pk}",
        "action": "approve",
        "outcome": "refused",
        "channel": "cli",
        "fingerprint": filled.middle.fingerprint[:12],
        "ip": filled.rare_address,
        "search": filled.rare_word,
        "until": then.isoformat(),
        "since": then.isoformat(),
    }.items():
        yield f"audit/?{key}=", f"audit/?{urlencode({key: value})}"
    yield "audit/?actor=&outcome=", "audit/?actor=developer-7&outcome=refused"
    yield "audit/?service=&since=", f"audit/?{urlencode({'service': 'service-7', 'since': then.isoformat()})}"
    yield "audit/?search=, a frequent word", "audit/?search=million"
    yield "audit/?search=, no such word", "audit/?search=ultramarine"


ADMIN = {
    "admin, board": "/admin/",
    "admin, rollouts": "/admin/releases/rollout/",
    "admin, audit": "/admin/releases/auditevent/",
    "admin, audit of refusals": "/admin/releases/auditevent/?outcome__exact=refused",
    "admin, audit of an actor": "/admin/releases/auditevent/?q=developer-7",
    "admin, audit of an address": "/admin/releases/auditevent/?q=203.0.113.77",
    "admin, snapshots": "/admin/releases/metricsnapshot/",
    "admin, verdicts": "/admin/releases/verdict/",
}
PAGED = {"rollouts/": 20, "audit/": 20}
"""Lists of which a page far behind is read, by following so many cursors."""


def measure(world: World, *, filled: Filled) -> list[Page]:
    """Ask each page twenty times, telling how it went."""
    api, admin = APIClient(), Client()
    api.force_authenticate(world.operator)
    admin.force_login(world.operator)
    large = _large_tables()
    asked: list[tuple[str, Client, str]] = [
        (name, api, f"/api/v1/{path}") for name, path in addresses(filled)
    ]
    for path, times in PAGED.items():
        asked.append((f"{path}, page {times}", api, _far_page(api, f"/api/v1/{path}", times=times)))
    asked += [(name, admin, path) for name, path in ADMIN.items()]
    pages = []
    for name, client, url in asked:
        page = _page(name, client, url, large=large)
        pages.append(page)
        _say(f"{page.busy_p95_ms:8.1f} ms  {'' if page.is_good else '** '}{name} {' '.join(page.scans)}")
    return pages


def _far_page(client: APIClient, url: str, *, times: int) -> str:
    for _ in range(times - 1):
        url = client.get(url).json()["next"] or url
    return url


def _page(name: str, client: Any, url: str, *, large: frozenset[str]) -> Page:
    took, busy = [], []
    for _run in range(RUNS):
        begun, worked = time.perf_counter(), _busy_seconds()
        answer = client.get(url)
        took.append((time.perf_counter() - begun) * 1000)
        busy.append((_busy_seconds() - worked) * 1000)
        if answer.status_code != 200:
            raise RuntimeError(f"{url} answered {answer.status_code}: {answer.content[:500]!r}")
    with CaptureQueriesContext(connection) as captured:
        client.get(url)
    asked = [query for query in captured.captured_queries if query["sql"].startswith("SELECT")]
    slowest = max(asked, key=lambda query: float(query["time"]))["sql"]
    plans = {query["sql"]: _plan(query["sql"]) for query in asked}
    return Page(
        name=name,
        busy_median_ms=statistics.median(busy),
        busy_p95_ms=statistics.quantiles(busy, n=20)[-1],
        wall_p95_ms=statistics.quantiles(took, n=20)[-1],
        queries=len(captured.captured_queries),
        scans=tuple(sorted({table for plan in plans.values() for table in _scanned(plan) if table in large})),
        slowest=slowest,
        plan=plans[slowest],
    )


def _busy_seconds() -> float:
    """Return for how long processors have worked for us: this process, and PostgreSQL's for our connection."""
    if "pid" not in _server:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            _server["pid"] = cursor.fetchone()[0]
    nanoseconds = int(Path(f"/proc/{_server['pid']}/schedstat").read_text().split()[0])
    return time.process_time() + nanoseconds / 1e9


def _plan(sql: str) -> tuple[str, ...]:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, COSTS OFF, SUMMARY OFF) " + sql.replace("%", "%%"), [])
        return tuple(line for (line,) in cursor.fetchall())


def _scanned(plan: tuple[str, ...]) -> Iterator[str]:
    for line in plan:
        if "Seq Scan on " in line:
            yield line.partition("Seq Scan on ")[2].split()[0]


def _large_tables() -> frozenset[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples > %s AND relname LIKE 'releases_%%'",
            [LARGE],
        )
        return frozenset(name for (name,) in cursor.fetchall())


def told(pages: list[Page], *, rows: str, seconds: float, chain: str) -> str:
    """Write it down as Markdown."""
    head = (
        f"{rows}, filled in {seconds:.0f} s. {chain} *ms* is the time that processors worked for a page, the portal's and"
        f" PostgreSQL's together: what it takes on a machine that does nothing else; *wall* is what it took beside whatever else"
        f" ran. The limit is {P95_MS:.0f} ms for p95; no page may read a table of more than {LARGE:,} rows from end to end.\n"
    )
    lines = [
        head,
        "| page | median ms | p95 ms | wall p95 ms | queries | whole tables read |",
        "|---|---|---|---|---|---|",
        *(
            f"| `{page.name}` | {page.busy_median_ms:.0f} | {page.busy_p95_ms:.0f} | {page.wall_p95_ms:.0f} | {page.queries} |"
            f" {', '.join(page.scans) or 'none'} |"
            for page in pages
        ),
        "\n### Plans of each page's slowest query\n",
    ]
    for page in pages:
        lines += [f"`{page.name}`\n", "```", *(line[:PLAN_WIDTH] for line in page.plan), "```\n"]
    return "\n".join(lines)


def main(scale: float) -> int:
    """Fill, measure, print; answer how many pages are too slow."""
    if connection.vendor != "postgresql":
        raise SystemExit("This needs PostgreSQL: python -m tests.on_postgresql python -m tests.load.reads")
    call_command("migrate", verbosity=0)
    world = worlds.build()
    world.telemetry = Canned()
    begun = time.perf_counter()
    caches = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    static = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    hosts = ["testserver"]
    with (
        override_settings(CACHES=caches, STORAGES=static, ALLOWED_HOSTS=hosts),
        connections.use(mesh=world.mesh, telemetry=world.telemetry),
    ):
        filled = fill(world, scale=scale, say=_say)
        seconds = time.perf_counter() - begun
        counts = {
            model: model._default_manager.count() for model in (Rollout, MetricSnapshot, Verdict, AuditEvent)
        }
        rows = ", ".join(f"{count:,} {model._meta.verbose_name_plural}" for model, count in counts.items())
        settle()
        pages = measure(world, filled=filled)
        print(told(pages, rows=rows, seconds=seconds, chain=_chain()))
    return sum(not page.is_good for page in pages)


def _chain() -> str:
    """Verify the whole trail as an auditor does, and say how fast that went. Raises RuntimeError when it is not sound."""
    begun = time.perf_counter()
    report = flow.verify_chain()
    if not report.is_sound:
        raise RuntimeError(report.problem)
    rate = report.events / (time.perf_counter() - begun)
    return f"The audit chain is genuine: all {report.events:,} events verify, {rate:,.0f} a second."


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(1 if main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0) else 0)
