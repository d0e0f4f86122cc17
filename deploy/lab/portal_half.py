"""The portal in the lab: web, worker and beat, with the environment they would get anywhere."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from typing import Any

import httpx

from deploy.lab.children import REPOSITORY, Child
from deploy.lab.errors import LabError
from deploy.lab.folder import LabFolder
from deploy.lab.mesh_half import MESH_READY
from deploy.lab.parts import Part, Step
from deploy.lab.probes import LogWatch, answers_http

PORT = "web"
_WORKER_STOP_SECONDS = 10.0


def portal_environ(folder: LabFolder, *, ports: Mapping[str, int]) -> dict[str, str]:
    """Return the environment of every portal process."""
    return {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "DATABASE_URL": f"sqlite:///{folder.root / 'weir.sqlite3'}",
        "REDIS_URL": f"redis://127.0.0.1:{ports['redis']}/0",
        "SECRET_KEY": folder.secret_key(),
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "WEIR_KUBECONFIG": str(folder.kubeconfig),
        "WEIR_PUBLIC_URL": f"http://127.0.0.1:{ports[PORT]}",
        "WEIR_LAB": "1",
        "WEIR_STATE": str(folder.root),
        "WEIR_STATIC_ROOT": str(folder.root / "static"),
        "PYTHONUNBUFFERED": "1",
    }


def portal_parts(
    folder: LabFolder, *, ports: Mapping[str, int], environ: Mapping[str, str], client: httpx.AsyncClient
) -> list[Part | Step]:
    """Return the portal's steps and parts; ``environ`` is complete: steps run outside the supervisor."""
    prometheus = f"http://127.0.0.1:{ports['prometheus']}"
    demo = (
        *("load_demo", "--prometheus", prometheus),
        *("--kubeconfig-env", "WEIR_KUBECONFIG", "--accounts", str(folder.accounts)),
    )
    return [
        _command(folder, "migrate", "migrate", "--noinput", environ=environ),
        _command(folder, "static", "collectstatic", "--noinput", "--verbosity", "0", environ=environ),
        _command(folder, "load_demo", *demo, environ=environ, after=("migrate", MESH_READY, "prometheus")),
        _web(ports=ports, environ=environ, client=client),
        _worker(folder, environ=environ),
        _beat(folder, environ=environ),
    ]


def read_accounts(folder: LabFolder) -> dict[str, Any]:
    """Return the demo accounts as ``load_demo`` wrote them: password and token by role."""
    accounts: dict[str, Any] = json.loads(folder.accounts.read_text())
    folder.accounts.chmod(0o600)
    return accounts


def _command(
    folder: LabFolder, name: str, *arguments: str, environ: Mapping[str, str], after: tuple[str, ...] = ()
) -> Step:
    async def run() -> None:
        child = Child((sys.executable, "manage.py", *arguments), environ=environ, log=folder.log(name))
        try:
            code = await child.wait()
        except asyncio.CancelledError:
            await child.end(within_seconds=1)
            raise
        if code:
            log = folder.log(name)
            lines = log.read_text(errors="replace").splitlines()[-20:]
            raise LabError(f"manage.py {name} failed. The end of {log}:\n" + "\n".join(lines))

    return Step(name=name, run=run, where=f"manage.py {arguments[0]}", after=after)


def _web(*, ports: Mapping[str, int], environ: Mapping[str, str], client: httpx.AsyncClient) -> Part:
    port = ports[PORT]
    arguments = ("--host", "127.0.0.1", "--port", str(port), "--no-access-log")
    # Live pages hold their stream open for ever: without a limit the server would wait for them at the end.
    return Part(
        name="web",
        command=(
            *(sys.executable, "-m", "uvicorn", "portal.asgi:application", *arguments),
            *("--timeout-graceful-shutdown", "2", "--no-proxy-headers"),
        ),
        environ=environ,
        ready=answers_http(f"http://127.0.0.1:{port}/healthz", client=client),
        where=f"http://127.0.0.1:{port}",
        after=("load_demo", "static", "redis"),
    )


def _worker(folder: LabFolder, *, environ: Mapping[str, str]) -> Part:
    watch = LogWatch(folder.log("worker"), text=" ready.")
    # This is the only worker at its broker: asking for others costs a second at each start.
    alone = ("--without-mingle", "--without-gossip")
    options = ("--concurrency", "2", "-Q", "rollback,celery", "-n", "worker@%h", "-l", "info", *alone)
    return Part(
        name="worker",
        command=(sys.executable, "-m", "celery", "-A", "portal", "worker", *options),
        environ=environ,
        prepare=watch.mark,
        ready=watch.probe,
        where="Celery, 2 processes",
        after=("load_demo", "redis"),
        stop_seconds=_WORKER_STOP_SECONDS,
    )


def _beat(folder: LabFolder, *, environ: Mapping[str, str]) -> Part:
    watch = LogWatch(folder.log("beat"), text="beat: Starting")
    schedule = str(folder.root / "beat-schedule")
    return Part(
        name="beat",
        command=(
            *(sys.executable, "-m", "celery", "-A", "portal", "beat", "-l", "info"),
            *("--schedule", schedule, "--pidfile", ""),
        ),
        environ=environ,
        prepare=watch.mark,
        ready=watch.probe,
        where=f"the pulse; {schedule.removeprefix(str(REPOSITORY) + '/')}",
        after=("load_demo", "redis"),
    )
