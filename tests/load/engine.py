"""What the engine costs with 1, 100 and 1,000 live rollouts: queries, reads and writes, counted at the fakes.

``python -m tests.load.engine [COUNT ...]`` prints one JSON object. Counts do not depend on the machine; milliseconds are for
orientation only. It works in a database of its own, in memory, and needs nothing but Python.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

if __name__ == "__main__":
    os.environ.update(DATABASE_URL="sqlite://:memory:", DJANGO_SETTINGS_MODULE="portal.settings")
    import django

    django.setup()

from datetime import datetime, timedelta

from django.core.management import call_command
from django.db import connection
from django.test.utils import override_settings

from releases import flow
from releases.domain.states import Event, State
from releases.models import Rollout, StepRun
from services import connections
from services.models import Service, Version
from tests.admin import world as worlds
from tests.admin.world import WORKER, World, actor, objects_of
from tests.factories import pulse_once
from tests.fakes.mesh import FakeMesh
from tests.fakes.telemetry import Traffic

COUNTS = (1, 100, 1000)
SERVICES_IN_A_NAMESPACE = 10
INTERVAL = timedelta(seconds=15)


@dataclass
class Bench:
    """Many running rollouts in their first step, and a clock that everybody shares."""

    world: World
    mesh: FakeMesh
    rollouts: list[Rollout] = field(default_factory=list)

    def pulse(self, *, at: datetime) -> None:
        self.world.now = at
        pulse_once(self.mesh, self.world.telemetry, at)

    def cost(self, act: Callable[[], None], *, per: int) -> dict[str, Any]:
        """Do it once and return what it cost, for each of ``per`` rollouts."""
        self.mesh.calls.clear()
        windows, queries, begun = self.world.telemetry.windows_read, [0], time.perf_counter()

        def count(execute: Any, *rest: Any) -> Any:
            queries[0] += 1
            return execute(*rest)

        with connection.execute_wrapper(count):
            act()
        return {
            "queries": round(queries[0] / per, 2),
            "mesh_calls": {name: round(n / per, 3) for name, n in sorted(self.mesh.calls.items())},
            "prometheus_windows": self.world.telemetry.windows_read - windows,
            "milliseconds": round(1000 * (time.perf_counter() - begun) / per, 2),
        }


def costs_of(count: int) -> dict[str, Any]:
    """Return what a pulse, a look, a weight change and a rollback cost while ``count`` rollouts are live."""
    with bench_of(count) as bench:
        begun = bench.world.now
        bench.pulse(at=_next_due())  # the judge learns once from the past of each service
        due = _next_due()
        found = {
            "pulse_with_nothing_due": bench.cost(lambda: bench.pulse(at=due - INTERVAL), per=1),
            "look": bench.cost(lambda: bench.pulse(at=due), per=count),
        }
        StepRun.objects.update(bake_until=begun)
        Rollout.objects.filter(state=State.RUNNING).update(next_wake_up=due)
        change = bench.world.now + timedelta(seconds=1)
        found["weight_change"] = bench.cost(lambda: bench.pulse(at=change), per=count)
        found["roll_back"] = bench.cost(bench_rollback(bench), per=1)
        written = set(StepRun.objects.filter(position=1).values_list("written", flat=True))
        if written != {20}:
            raise RuntimeError(f"Not every rollout took its step: {written}.")
        return found


def bench_rollback(bench: Bench) -> Callable[[], None]:
    """Return the act of rolling one of them back by hand."""

    def act() -> None:
        who = actor(bench.world.operator)
        now = bench.world.now
        flow.perform(bench.rollouts[0], Event.ROLL_BACK, by=who, why="bench", clock=lambda: now)

    return act


@contextmanager
def bench_of(count: int) -> Iterator[Bench]:
    """Make ``count`` rollouts by the real flow, each of its own service, all in their first step."""
    world = worlds.build()
    mesh = FakeMesh()
    world.mesh = mesh
    plan = flow.save_plan(
        name="bench",
        steps=[{"weight": weight, "bake_seconds": 3600} for weight in (5, 20, 100)],
        evidence={"policy": "guard", "interval_seconds": 15},
        by=actor(world.requester),
    )
    with connections.use(mesh=mesh, telemetry=world.telemetry):
        bench = Bench(world=world, mesh=mesh)
        for number in range(count):
            service = _service(world, number=number)
            for version, share in (("v1", 95), ("v2", 5)):
                world.telemetry.run(
                    service.target, version, Traffic(rps=share / 10), since=world.now - timedelta(hours=1)
                )
            bench.rollouts.append(_running(world, service, plan=plan))
        yield bench


def _running(world: World, service: Service, *, plan: Any) -> Rollout:
    rollout = flow.create(
        service=service,
        candidate=service.versions.get(name="v2"),
        plan=plan,
        by=actor(world.requester),
        **worlds.STATEMENTS,
    )
    rollout = flow.perform(rollout, Event.SUBMIT, by=actor(world.requester))
    approved = flow.perform(rollout, Event.APPROVE, by=actor(world.approver), fingerprint=rollout.fingerprint)
    later = world.now + timedelta(seconds=60)
    flow.advance(approved.pk, clock=lambda: later, by=WORKER)
    return approved


def _service(world: World, *, number: int) -> Service:
    name, namespace = f"shop-{number}", f"team-{number // SERVICES_IN_A_NAMESPACE}"
    for manifest in objects_of(name):
        manifest["metadata"] = {**manifest["metadata"], "namespace": namespace}
        world.mesh.add(manifest)
    service = Service.objects.create(
        cluster=world.cluster,
        namespace=namespace,
        name=name,
        host=name,
        virtual_service=name,
        destination_rule=name,
        policy=world.policy,
    )
    stable, _candidate = (
        Version.objects.create(
            service=service,
            name=version,
            subset=version,
            labels={"app": name, "version": version},
            image=f"shop/{name}:{version}",
        )
        for version in ("v1", "v2")
    )
    service.stable = stable
    service.save()
    return service


def _next_due() -> datetime:
    """Return when the last of the running rollouts is due, so that one pulse looks at all of them."""
    due = Rollout.objects.filter(state=State.RUNNING).order_by("-next_wake_up").first()
    if due is None or due.next_wake_up is None:
        raise RuntimeError("No rollout is running.")
    return due.next_wake_up


def main(counts: Sequence[int]) -> dict[str, Any]:
    """Return the costs for each number of live rollouts, and how much more the most cost than the fewest.

    Each number is measured by a process of its own, with a database of its own.
    """
    found: dict[int, dict[str, Any]] = {}
    for count in counts:
        command = [sys.executable, "-m", "tests.load.engine", "--alone", str(count)]
        found[count] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    few, many = found[counts[0]], found[counts[-1]]
    return {
        "live_rollouts": found,
        "most_to_fewest": {
            "pulse_with_nothing_due_queries": _ratio(few, many, "pulse_with_nothing_due", "queries"),
            "look_queries": _ratio(few, many, "look", "queries"),
            "look_prometheus_windows": _ratio(few, many, "look", "prometheus_windows"),
        },
    }


def alone(count: int) -> dict[str, Any]:
    """Measure one number of live rollouts in this process."""
    memory = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    hashers = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    with override_settings(CACHES=memory, PASSWORD_HASHERS=hashers):
        call_command("migrate", verbosity=0)
        return costs_of(count)


def _ratio(few: dict[str, Any], many: dict[str, Any], act: str, figure: str) -> float:
    return round(float(many[act][figure]) / float(few[act][figure]), 2)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--alone"]:
        print(json.dumps(alone(int(sys.argv[2]))))
    else:
        print(json.dumps(main(tuple(int(word) for word in sys.argv[1:]) or COUNTS), indent=2))
