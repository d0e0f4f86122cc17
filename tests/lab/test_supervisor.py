"""The supervisor with small processes: the order of starts and ends, and what it says when one fails."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from deploy.lab.children import started_at
from deploy.lab.errors import LabError
from deploy.lab.folder import LabFolder
from deploy.lab.parts import Part, Step
from deploy.lab.supervisor import Supervisor
from tests.lab.lab import until

SLEEPS = "import time; print('up', flush=True); time.sleep(60)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS}"
HAS_A_CHILD = (
    "import subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    "print(child.pid, flush=True)\n"
    "time.sleep(60)"
)


@pytest.fixture
def folder(tmp_path: Path) -> LabFolder:
    made = LabFolder(tmp_path / "lab")
    made.make()
    return made


def part(folder: LabFolder, name: str, *, script: str = SLEEPS, **fields: Any) -> Part:
    """Return a process that is ready when it has written a line."""

    async def ready() -> bool:
        log = folder.log(name)
        return log.exists() and log.read_text().endswith("\n")

    return Part(name=name, command=(sys.executable, "-c", script), ready=ready, where="", **fields)


def play(
    folder: LabFolder, *parts: Part | Step, scene: Callable[[Supervisor], Coroutine[Any, Any, None]]
) -> list[str]:
    """Start the parts, play a scene, end them; return the names in the order in which they were ready."""
    said: list[str] = []

    async def run() -> None:
        supervisor = Supervisor(folder, parts=parts, environ=dict(os.environ), say=said.append)
        try:
            await supervisor.start()
            await scene(supervisor)
        finally:
            await supervisor.stop()

    asyncio.run(run())
    return [line.split()[2] for line in said]


async def nothing(_supervisor: Supervisor) -> None:
    return


def test_a_part_starts_when_what_it_needs_is_ready(folder: LabFolder) -> None:
    done: list[str] = []

    async def step() -> None:
        assert folder.log("base").exists()
        done.append("step")

    parts = (
        part(folder, "top", after=("step",)),
        Step(name="step", run=step, where="", after=("base",)),
        part(folder, "base"),
    )
    assert play(folder, *parts, scene=nothing) == ["base", "step", "top"]
    assert done == ["step"]


def test_parts_end_before_what_they_need_or_use(folder: LabFolder) -> None:
    notes = folder.root / "ended"
    script = (
        "import signal, sys, time\n"
        "def end(*_):\n"
        f"    with open({str(notes)!r}, 'a') as notes: notes.write(sys.argv[1] + ' ')\n"
        "    exit(0)\n"
        "signal.signal(signal.SIGTERM, end); print('up', flush=True); time.sleep(60)"
    )
    parts = []
    for name, after, uses in (("base", (), ()), ("top", ("middle",), ()), ("middle", (), ("base",))):
        made = part(folder, name, after=after, uses=uses)
        parts.append(
            Part(
                name=name,
                command=(sys.executable, "-c", script, name),
                ready=made.ready,
                where="",
                after=after,
                uses=uses,
            )
        )

    play(folder, *parts, scene=nothing)

    assert notes.read_text().split() == ["top", "middle", "base"]
    assert not folder.children.exists()


def test_a_part_that_ignores_the_request_to_end_is_killed(folder: LabFolder) -> None:
    pids: dict[str, int] = {}

    async def look(supervisor: Supervisor) -> None:
        pids.update(supervisor.pids())

    play(folder, part(folder, "deaf", script=DEAF, stop_seconds=0.2), scene=look)
    assert started_at(pids["deaf"]) is None


def test_what_a_part_started_ends_with_it(folder: LabFolder) -> None:
    async def look(_supervisor: Supervisor) -> None:
        assert started_at(int(folder.log("parent").read_text())) is not None

    play(folder, part(folder, "parent", script=HAS_A_CHILD), scene=look)
    until(lambda: started_at(int(folder.log("parent").read_text())) is None, what="the child has ended")


def test_a_part_that_ends_while_starting_stops_the_lab_and_shows_its_log(folder: LabFolder) -> None:
    parts = (
        part(folder, "fine"),
        part(
            folder,
            "broken",
            script="import sys; sys.exit(print('no such luck', end='') or 1)",
            after=("fine",),
        ),
    )
    with pytest.raises(LabError, match=r"broken ended \(exit code 1\)[\s\S]*no such luck"):
        play(folder, *parts, scene=nothing)


def test_a_killed_part_stays_dead_until_it_is_restarted(folder: LabFolder) -> None:
    async def kill(supervisor: Supervisor) -> None:
        before = supervisor.pids()["one"]
        os.kill(before, 9)
        await asyncio.to_thread(until, lambda: supervisor.states()["one"] != "running", what="it has ended")
        assert supervisor.states() == {"one": "ended (signal 9)"}
        assert supervisor.pids() == {"one": before}

        after = await supervisor.restart("one")
        assert after != before
        assert supervisor.states() == {"one": "running"}
        with pytest.raises(LabError, match=r"There is no process 'two' here\. There are: one"):
            await supervisor.restart("two")

    play(folder, part(folder, "one"), scene=kill)
