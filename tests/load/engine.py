"""What the engine costs with 1, 60 and 1,000 live rollouts: queries, reads and writes, counted at the fakes.

``python -m tests.load.engine [COUNT ...]`` prints a table and one JSON object. Counts do not depend on the machine;
milliseconds are for orientation only. It works in a database of its own, in memory, and needs nothing but Python.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
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
from tests.admin.world import actor
from tests.load.crowd import WEIGHTS, Crowd, crowd_of, not_at

COUNTS = (1, 60, 1000)
INTERVAL = timedelta(seconds=15)
ACTS = {
    "pulse_with_nothing_due": "pulse with nothing due",
    "first_weight_change": "first weight change, each",
    "look": "look, each",
    "weight_change": "next weight change, each",
    "roll_back": "rollback by hand",
}


class Meter:
    """Counts what is done to the database, the mesh and Prometheus."""

    def __init__(self, crowd: Crowd) -> None:
        self._mesh, self._telemetry = crowd.world.mesh, crowd.world.telemetry

    def cost(self, act: Callable[[], None], *, per: int) -> dict[str, Any]:
        """Do it once and return what it cost, for each of ``per`` rollouts."""
        self._mesh.calls.clear()
        windows, queries, begun = self._telemetry.windows_read, [0], time.perf_counter()

        def count(execute: Any, *rest: Any) -> Any:
            queries[0] += 1
            return execute(*rest)

        with connection.execute_wrapper(count):
            act()
        calls = sorted(self._mesh.calls.items())
        return {
            "queries": round(queries[0] / per, 2),
            "object_reads": _number(calls, "get ") / per,
            "object_writes": _number(calls, "put ") / per,
            "lists": _number(calls, "list "),
            "prometheus_windows": self._telemetry.windows_read - windows,
            "milliseconds": round(1000 * (time.perf_counter() - begun) / per, 2),
        }


def costs_of(count: int) -> dict[str, Any]:
    """Return what a pulse, the first and the next weight change, a look and a rollback cost while ``count`` are live."""
    with crowd_of(count) as crowd:
        meter, world = Meter(crowd), crowd.world
        world.now += timedelta(seconds=60)
        found = {"first_weight_change": meter.cost(crowd.pulse, per=count)}
        _check(crowd, weight=WEIGHTS[0])
        crowd.send(WEIGHTS[0])
        world.now = _next_due()
        crowd.pulse()  # the judge learns once from the past of each service
        world.now, due = _next_due() - INTERVAL / 2, _next_due()
        found["pulse_with_nothing_due"] = meter.cost(crowd.pulse, per=1)
        world.now = due
        found["look"] = meter.cost(crowd.pulse, per=count)
        StepRun.objects.update(bake_until=world.now)
        world.now += timedelta(seconds=1)
        Rollout.objects.filter(state=State.RUNNING).update(next_wake_up=world.now)
        found["weight_change"] = meter.cost(crowd.pulse, per=count)
        _check(crowd, weight=WEIGHTS[1])
        found["roll_back"] = meter.cost(lambda: _roll_back(crowd), per=1)
        return {name: found[name] for name in ACTS}


def _roll_back(crowd: Crowd) -> None:
    who, now = actor(crowd.world.operator), crowd.world.now
    flow.perform(crowd.rollouts[0], Event.ROLL_BACK, by=who, why="bench", clock=lambda: now)


def _check(crowd: Crowd, *, weight: int) -> None:
    if elsewhere := not_at(crowd, weight=weight):
        raise RuntimeError(f"Not every rollout is at {weight} %: {elsewhere}.")


def _number(calls: Sequence[tuple[str, int]], kind: str) -> int:
    return sum(number for name, number in calls if name.startswith(kind))


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


def table(found: dict[str, Any]) -> str:
    """Return the figures as Markdown, one line for each act and number of live rollouts."""
    lines = [
        "| act | live rollouts | queries | object reads | object writes | lists, all | Prometheus, all | ms |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, title in ACTS.items():
        for count, costs in found["live_rollouts"].items():
            one = costs[name]
            cells = [one[key] for key in ("queries", "object_reads", "object_writes", "lists")]
            cells += [one["prometheus_windows"], one["milliseconds"]]
            lines.append(f"| {title} | {count} | " + " | ".join(f"{cell:g}" for cell in cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--alone"]:
        print(json.dumps(alone(int(sys.argv[2]))))
    else:
        measured = main(tuple(int(word) for word in sys.argv[1:]) or COUNTS)
        print(
            table(measured), "", "```json", json.dumps(measured["most_to_fewest"], indent=2), "```", sep="\n"
        )
