"""One child process: has its own session, ends with everything it started, is recognised after a crash."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
_POLL_SECONDS = 0.02


class Child:
    """A running process and its group. Ends nothing but what it started."""

    def __init__(self, command: Sequence[str], *, environ: Mapping[str, str], log: Path) -> None:
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=REPOSITORY,
                env=dict(environ),
                start_new_session=True,  # Ctrl-C goes to the supervisor alone, which ends the parts in order
            )
        self.identity = Identity(pid=self._process.pid, started=started_at(self._process.pid) or "")

    @property
    def pid(self) -> int:
        return self._process.pid

    def exit_code(self) -> int | None:
        """Return the exit code, or ``None`` while it runs.

        What the process leaves behind is killed with it, like the other processes of a container: until
        it is waited for, its number still names its group and nobody else's.
        """
        if self._process.returncode is None and os.waitid(
            os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT
        ):
            self._kill_group()
            self._process.wait()
        return self._process.returncode

    async def wait(self) -> int:
        """Wait until it ends by itself."""
        while (code := self.exit_code()) is None:  # noqa: ASYNC110  no event is set when a child ends
            await asyncio.sleep(_POLL_SECONDS)
        return code

    async def end(self, *, within_seconds: float) -> None:
        """Ask it to end, then kill its group."""
        if self.exit_code() is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self.wait(), within_seconds)
        except TimeoutError:
            self._kill_group()
            await self.wait()

    def _kill_group(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return  # nobody is left but the process itself, which has ended


@dataclass(frozen=True, slots=True)
class Identity:
    """A process id and the moment it started, in the kernel's ticks: together they name one process."""

    pid: int
    started: str

    def is_alive(self) -> bool:
        return bool(self.started) and started_at(self.pid) == self.started


def started_at(pid: int) -> str | None:
    """Return when a process started, as the kernel counts; ``None`` if there is none any more."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    state, started = after_name[0], after_name[19]
    return None if state == "Z" else started


def read_identities(path: Path) -> dict[str, Identity]:
    """Return what ``write_identities`` wrote, by name; empty if nothing was."""
    if not path.exists():
        return {}
    return {name: Identity(**fields) for name, fields in json.loads(path.read_text()).items()}


def kill_leftovers(identities: Mapping[str, Identity]) -> list[str]:
    """Kill the groups of those processes that are still the ones that were started; return their names."""
    alive = [name for name, identity in identities.items() if identity.is_alive()]
    for name in reversed(alive):
        try:
            os.killpg(identities[name].pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return alive
