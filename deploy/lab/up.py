"""``up``: start a lab, say how to use it, and end it on Ctrl-C, SIGTERM or ``down``."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import sys
from dataclasses import dataclass
from typing import Any

import httpx

from deploy.lab.binaries import Binaries, find_binaries
from deploy.lab.children import read_identities
from deploy.lab.control import Answer, control_socket
from deploy.lab.errors import LabError
from deploy.lab.folder import LabFolder, write_json, write_private
from deploy.lab.mesh_half import PORTS, environ_of, load_part, mesh_addresses, mesh_parts, write_configuration
from deploy.lab.parts import Part, Step
from deploy.lab.portal_half import PORT, portal_environ, portal_parts, read_accounts
from deploy.lab.ports import choose_ports, is_free
from deploy.lab.shop import shop_processes
from deploy.lab.supervisor import Supervisor
from deploy.lab.welcome import welcome

DEFAULT_PORT = 8000
_PASSED_ON = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "VIRTUAL_ENV", "TIME_ZONE", "LOG_LEVEL")


@dataclass(frozen=True, slots=True)
class Wish:
    """What kind of lab is asked for. ``port`` is the portal's, or the mesh's in a lab without one."""

    port: int | None
    portal: bool
    load_rps: float


def say(text: str) -> None:
    """Print one line at once: whoever waits for ``ready:`` may read through a pipe."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def up(folder: LabFolder, *, wish: Wish) -> None:
    """Run a lab until it is told to end. Raises LabError if it cannot be started."""
    folder.make()
    with folder.ownership():
        _refuse_leftovers(folder)
        binaries = find_binaries()
        ports = _ports(folder, wish=wish)
        write_configuration(folder, ports=ports, web_port=ports.get(PORT))
        asyncio.run(Lab(folder, ports=ports, wish=wish).run(binaries))


class Lab:
    """One lab in one state folder, from start to end."""

    def __init__(self, folder: LabFolder, *, ports: dict[str, int], wish: Wish) -> None:
        self._folder = folder
        self._ports = ports
        self._wish = wish
        self._end = asyncio.Event()
        self._is_ready = False

    async def run(self, binaries: Binaries) -> None:
        """Start, announce, watch, end; if a part does not start, end the others and raise LabError."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._end.set)
        environ = environ_of(os.environ, names=_PASSED_ON)
        async with httpx.AsyncClient(trust_env=False) as client:
            parts = self._parts(binaries, environ=environ, client=client)
            supervisor = Supervisor(self._folder, parts=parts, environ=environ, say=say)
            try:
                async with control_socket(self._folder, answer=functools.partial(self._answer, supervisor)):
                    await self._live(supervisor)
            finally:
                for announced in (self._folder.ready, self._folder.lab_json):
                    announced.unlink(missing_ok=True)
                say("ending ...")
                await supervisor.stop()
                say("ended.")

    def _parts(
        self, binaries: Binaries, *, environ: dict[str, str], client: httpx.AsyncClient
    ) -> list[Part | Step]:
        folder, ports = self._folder, self._ports
        parts = mesh_parts(folder, ports=ports, binaries=binaries, client=client)
        if self._wish.load_rps:
            parts.append(load_part(folder, ports=ports, rps=self._wish.load_rps))
        if self._wish.portal:
            complete = environ | portal_environ(folder, ports=ports)
            parts += portal_parts(folder, ports=ports, environ=complete, client=client)
        return parts

    async def _live(self, supervisor: Supervisor) -> None:
        ending = asyncio.create_task(self._end.wait())
        starting = asyncio.create_task(supervisor.start())
        await asyncio.wait({starting, ending}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await starting
            return
        starting.result()
        self._announce(supervisor)
        watching = asyncio.create_task(supervisor.watch())
        await ending
        watching.cancel()

    def _announce(self, supervisor: Supervisor) -> None:
        lab = self._write_lab(supervisor)
        self._is_ready = True
        line = f"ready: {lab['portal'] or lab['mesh']}"
        say(welcome(self._folder, lab=lab))
        write_private(self._folder.ready, line + "\n")
        say(line)

    def _write_lab(self, supervisor: Supervisor) -> dict[str, Any]:
        """Write lab.json and return it."""
        shop = shop_processes(self._ports)
        lab = {
            "portal": f"http://127.0.0.1:{self._ports[PORT]}" if self._wish.portal else None,
            **mesh_addresses(self._folder, ports=self._ports),
            "services": {process.name: process.url for process in shop},
            "accounts": read_accounts(self._folder) if self._wish.portal else {},
            "processes": supervisor.pids(),
            "supervisor": os.getpid(),
        }
        write_json(self._folder.lab_json, lab)
        return lab

    async def _answer(self, supervisor: Supervisor, request: dict[str, str]) -> Answer:
        """Carry out what another ``python -m deploy.lab`` asks for. Raises LabError."""
        match request:
            case {"do": "down"}:
                self._end.set()
                return {}
            case {"do": "status"}:
                return {"ready": self._is_ready, "pids": supervisor.pids(), "states": supervisor.states()}
            case {"do": "restart", "process": name} if self._is_ready:
                pid = await supervisor.restart(name)
                self._write_lab(supervisor)
                return {"pid": pid}
            case {"do": "restart"}:
                raise LabError("The lab is still starting; try again when it is ready.")
            case _:
                raise LabError(f"The lab does not understand {request}.")


def _ports(folder: LabFolder, *, wish: Wish) -> dict[str, int]:
    names = (*PORTS, PORT) if wish.portal else PORTS
    front = PORT if wish.portal else "mesh"
    port = wish.port
    if port is None and wish.portal and not folder.ports.exists() and is_free(DEFAULT_PORT):
        port = DEFAULT_PORT
    return choose_ports(names, kept=folder.ports, fixed={} if port is None else {front: port})


def _refuse_leftovers(folder: LabFolder) -> None:
    alive = [name for name, identity in read_identities(folder.children).items() if identity.is_alive()]
    if alive:
        raise LabError(
            f"A lab in {folder.root} was killed and left processes behind: {', '.join(alive)}.\n"
            f"End them with: {folder.command('down')}"
        )
