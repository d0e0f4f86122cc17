"""The real Celery worker, ended (or stopped) at a point of its pass.

It is the portal's own application with its own settings and pools; only the seams of ``points`` are wrapped, and the metrics
come from a fake that follows the weights (``split``). FOLDER/armed holds lines ``rollout point stage
how``; a line that comes true is taken out and the whole process group gets the signal ``how``: no handler runs, no
transaction is closed.
"""

from __future__ import annotations

import fcntl
import os
import signal
from pathlib import Path

from portal.celery import app
from services import connections
from tests.faults.points import Point, watched
from tests.faults.split import Following

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
    with connections.use(telemetry=Following()), watched(armed.reached, mesh="istio.kube.KubeMesh"):
        app.worker_main(["worker", *OPTIONS, "-n", f"{os.getpid()}@faults"])
