"""Starts the parts of a lab side by side, in the order of their needs; watches them; ends them in reverse.

A part that dies stays dead until it is restarted by hand: a drill is no drill if somebody tidies up.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

from deploy.lab.children import Child
from deploy.lab.errors import LabError
from deploy.lab.folder import LabFolder, write_json
from deploy.lab.parts import Part, Step

READY_SECONDS = 90.0
_POLL_SECONDS = 0.03
_WATCH_SECONDS = 0.2
_LOG_LINES_SHOWN = 15

Say = Callable[[str], None]


class Supervisor:
    """Runs one lab. ``changed`` is called whenever a process id changes or a process ends."""

    def __init__(
        self, folder: LabFolder, *, parts: Sequence[Part | Step], environ: Mapping[str, str], say: Say
    ) -> None:
        self._folder = folder
        self._parts = {part.name: part for part in parts}
        self._environ = environ
        self._say = say
        self._began = time.monotonic()
        self._children: dict[str, Child] = {}
        self._done = {part.name: asyncio.Event() for part in parts}
        self._reported_dead: set[str] = set()

    def pids(self) -> dict[str, int]:
        """Return the process ids, of ended processes too: whoever killed one knows it by its number."""
        return {name: child.pid for name, child in self._children.items()}

    def states(self) -> dict[str, str]:
        """Return "running" or how the process ended, by name."""
        states = {}
        for name, child in self._children.items():
            code = child.exit_code()
            states[name] = "running" if code is None else f"ended ({_exit(code)})"
        return states

    async def start(self) -> None:
        """Start everything; return when all is ready. Raises LabError at the first part that fails."""
        try:
            async with asyncio.TaskGroup() as group:
                for part in self._parts.values():
                    group.create_task(self._bring_up(part))
        except ExceptionGroup as errors:  # one part failed and the others were cancelled
            raise errors.exceptions[0] from None

    async def watch(self) -> None:
        """Say when a part ends by itself, for ever."""
        while True:
            for name, child in self._children.items():
                code = child.exit_code()
                if code is not None and name not in self._reported_dead:
                    self._reported_dead.add(name)
                    again = self._folder.command(f"restart {name}")
                    self._say(f"{name} has ended ({_exit(code)}) and stays down; start it with: {again}")
            await asyncio.sleep(_WATCH_SECONDS)

    async def restart(self, name: str) -> int:
        """End a part if it runs, start it, wait until it is ready; return its process id. Raises LabError."""
        part = self._parts.get(name)
        if not isinstance(part, Part):
            running = ", ".join(sorted(self._children))
            raise LabError(f"There is no process {name!r} here. There are: {running}.")
        if name in self._children:
            await self._children[name].end(within_seconds=part.stop_seconds)
        await self._start_process(part)
        return self._children[name].pid

    async def stop(self) -> None:
        """End everything: each part before those it needs, parts that do not need each other at once."""
        left = set(self._children)
        while left:
            needed = {need for name in left for need in self._needs(name)}
            wave = [name for name in left if name not in needed] or list(left)
            await asyncio.gather(
                *(self._children[name].end(within_seconds=self._stop_seconds(name)) for name in wave)
            )
            left.difference_update(wave)
        self._folder.children.unlink(missing_ok=True)

    async def _bring_up(self, part: Part | Step) -> None:
        for need in part.after:
            await self._done[need].wait()
        if isinstance(part, Part):
            await self._start_process(part)
        else:
            await part.run()
        self._done[part.name].set()
        self._say(f"{time.monotonic() - self._began:6.2f} s  {part.name:<16} {part.where}")

    async def _start_process(self, part: Part) -> None:
        if part.prepare:
            await part.prepare()
        log = self._folder.log(part.name)
        child = Child(part.command, environ={**self._environ, **part.environ}, log=log)
        self._children[part.name] = child
        self._reported_dead.discard(part.name)
        self._remember()
        deadline = time.monotonic() + READY_SECONDS
        ready = False
        while not ready:
            ready = await part.ready()
            code = child.exit_code()  # asked after it: somebody else may answer at the address of a dead part
            if code is not None:
                raise LabError(f"{part.name} ended ({_exit(code)}) while starting.\n{self._tail(part.name)}")
            if time.monotonic() > deadline:
                raise LabError(
                    f"{part.name} was not ready after {READY_SECONDS:.0f} s.\n{self._tail(part.name)}"
                )
            if not ready:
                await asyncio.sleep(_POLL_SECONDS)

    def _needs(self, name: str) -> set[str]:
        """Return every part and step a part needs, the needs of its needs included."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            part = self._parts[waiting.pop()]
            for need in (*part.after, *(part.uses if isinstance(part, Part) else ())):
                if need not in found:
                    found.add(need)
                    waiting.append(need)
        return found

    def _stop_seconds(self, name: str) -> float:
        part = self._parts[name]
        return part.stop_seconds if isinstance(part, Part) else 0.0

    def _remember(self) -> None:
        rows = {
            name: {"pid": child.identity.pid, "started": child.identity.started}
            for name, child in self._children.items()
        }
        write_json(self._folder.children, rows)

    def _tail(self, name: str) -> str:
        log = self._folder.log(name)
        lines = log.read_text(errors="replace").splitlines()[-_LOG_LINES_SHOWN:]
        return f"The end of {log}:\n" + "\n".join(f"  {line}" for line in lines)


def _exit(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
