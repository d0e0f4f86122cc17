"""The real Celery worker, ended (or stopped) at a point of its pass.

It is the portal's own application with its own settings and pools; only the seams of ``points`` are wrapped, and the metrics
come from a fake whose versions behave (but for services called ``bad...``). FOLDER/armed holds lines ``rollout point stage
how``; a line that comes true is taken out and the whole process group gets the signal ``how``: no handler runs, no
transaction is closed.
"""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path

from istio.telemetry import Question, Target, Window
from portal.celery import app
from services import connections
from tests.fakes.telemetry import FakeTelemetry, Traffic
from tests.faults.points import Point, watched

OPTIONS = (
    "--concurrency",
    "2",
    "-Q",
    "rollback,celery",
    "-l",
    "warning",
    "--without-mingle",
    "--without-gossip",
)


class Behaving(FakeTelemetry):
    """Every service that is asked for has had steady traffic for an hour; a ``bad`` one's candidate fails."""

    def window(
        self,
        targets: Collection[Target],
        *,
        end: datetime,
        seconds: float,
        questions: Collection[Question] = (),
    ) -> Window:
        since = datetime.now(UTC) - timedelta(hours=1)
        known = {target for target, _version in self._histories}
        for target in set(targets) - known:
            self.run(target, "v1", Traffic(rps=100), since=since)
            failing = 0.5 if target.service.startswith("bad") else 0.0
            self.run(target, "v2", Traffic(rps=100, error_ratio=failing), since=since)
        return super().window(targets, end=end, seconds=seconds, questions=questions)


class Armed:
    """The points at which this worker is to end."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "armed"

    def reached(self, point: Point, stage: str, rollout_id: int) -> None:
        """End the process group if a line says so."""
        with self._file.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            lines = file.read().splitlines()
            wanted = f"{rollout_id} {point.name} {stage} "
            found = next((line for line in lines if line.startswith(wanted)), None)
            if found is None:
                return
            lines.remove(found)
            file.seek(0)
            file.truncate()
            file.write("".join(f"{line}\n" for line in lines))
            file.flush()
        os.killpg(os.getpgrp(), signal.Signals[found.rsplit(" ", 1)[1]])


def run(folder: Path) -> None:
    """Run the worker until it is ended."""
    armed = Armed(folder)
    with connections.use(telemetry=Behaving()), watched(armed.reached, mesh="istio.kube.KubeMesh"):
        app.worker_main(["worker", *OPTIONS, "-n", f"{os.getpid()}@faults"])
