"""Run the endpoint: ``python -m deploy.lab.kubeapi --port 0 --state FOLDER``.

When it is ready, FOLDER holds ``kubeapi.port``, ``kubeconfig`` and ``kubeapi.json`` (the addresses and this
process's id). SIGTERM or SIGINT ends it; whatever ends it, the objects are there after the next start.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from deploy.lab.kubeapi.application import KubernetesApi
from deploy.lab.kubeapi.builtin import BUILT_IN
from deploy.lab.kubeapi.crds import istio_kinds
from deploy.lab.kubeapi.credentials import Credentials, credentials, write_kubeconfig
from deploy.lab.kubeapi.definitions import described
from deploy.lab.kubeapi.faults import Faults
from deploy.lab.kubeapi.journal import Journal
from deploy.lab.kubeapi.kinds import Catalogue
from deploy.lab.kubeapi.metadata import created
from deploy.lab.kubeapi.requestlog import RequestLog
from deploy.lab.kubeapi.store import Store
from deploy.lab.kubeapi.window import Window

NAMESPACES = ("default", "kube-system", "kube-public", "istio-system")
KEEP_ALIVE_SECONDS = 75
GRACE_SECONDS = 1


class Protocol(HttpToolsProtocol):
    """HTTP whose requests can cut their connection, for the fault hooks."""

    def on_message_begin(self) -> None:
        """Give the request a way to cut its connection."""
        super().on_message_begin()
        self.scope["extensions"] = {"lab.abort": {"cut": self.transport.abort}}


class Server(uvicorn.Server):
    """A server that leaves signals to the process, as two run in one event loop, and says when it accepts."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to accept requests."""
        await super().startup(sockets)
        self.accepting.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture nothing."""
        yield


def main() -> None:
    """Parse the command line and serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m deploy.lab.kubeapi", description=__doc__)
    parser.add_argument(
        "--host", default="127.0.0.1", choices=["127.0.0.1"], help="the lab is for this machine only"
    )
    parser.add_argument(
        "--port", type=int, default=0, help="port of the Kubernetes API (https); 0: a free one"
    )
    parser.add_argument(
        "--log-port", type=int, default=0, help="port of the request log (http); 0: a free one"
    )
    parser.add_argument("--state", type=Path, required=True, help="folder for objects, log and credentials")
    asked = parser.parse_args()
    asked.state.mkdir(parents=True, exist_ok=True)
    with _socket(asked.host, asked.port) as api, _socket(asked.host, asked.log_port) as log:
        asyncio.run(_serve(asked.state.resolve(), api, log))


def _socket(host: str, port: int) -> socket.socket:
    # asyncio switches Nagle's delay off (40 ms an answer) only where the protocol is spelled out.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host, port))
    bound.listen(128)
    return bound


async def _serve(state: Path, api: socket.socket, window_socket: socket.socket) -> None:
    catalogue = Catalogue([*described(BUILT_IN), *istio_kinds()])
    store = Store(catalogue, Journal(state / "objects.jsonl"))
    _seed(store, catalogue)
    log, faults, keys = RequestLog(state / "requests.jsonl"), Faults(), credentials(state)
    kubernetes = KubernetesApi(catalogue=catalogue, store=store, log=log, faults=faults, token=keys.token)
    tls = {"ssl_keyfile": str(keys.key), "ssl_certfile": str(keys.certificate), "http": Protocol}
    servers = [
        (_server(kubernetes.application, **tls), api),
        (_server(Window(log, faults).application), window_socket),
    ]

    def stop() -> None:
        for server, _ in servers:
            server.should_exit = True
        store.end_watches()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    serving = [asyncio.create_task(server.serve(sockets=[bound])) for server, bound in servers]
    announcing = asyncio.create_task(_announce(state, keys, servers))
    try:
        await asyncio.gather(*serving)
    finally:
        announcing.cancel()
        store.close()
        log.close()


def _server(application: Any, **settings: Any) -> Server:
    config = uvicorn.Config(
        application,
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        **settings,
    )
    return Server(config)


async def _announce(state: Path, keys: Credentials, servers: list[tuple[Server, socket.socket]]) -> None:
    """Write the addresses as soon as both servers accept requests."""
    for server, _ in servers:
        await server.accepting.wait()
    (_, api), (_, log) = servers
    url, writes = (
        f"https://127.0.0.1:{api.getsockname()[1]}",
        f"http://127.0.0.1:{log.getsockname()[1]}/lab/requests",
    )
    write_kubeconfig(state / "kubeconfig", server=url, token=keys.token, authority=keys.authority)
    facts = {
        "api_server": url,
        "writes": writes,
        "kubeconfig": str(state / "kubeconfig"),
        "pid": os.getpid(),
    }
    for name, content in (("kubeapi.json", json.dumps(facts)), ("kubeapi.port", str(api.getsockname()[1]))):
        fresh = state / f".{name}.fresh"
        fresh.write_text(content, encoding="utf-8")
        fresh.replace(state / name)


def _seed(store: Store, catalogue: Catalogue) -> None:
    """Make the namespaces that every cluster with Istio has."""
    kind = catalogue["namespaces"]
    for name in NAMESPACES:
        if store.get(kind, namespace="", name=name) is None:
            store.put(
                kind, created(kind, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
            )


if __name__ == "__main__":
    main()
