"""The three services in this process, behind a stand-in for the mesh that routes by Host."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from deploy.shop.order.app import build as build_order
from deploy.shop.payment.app import build as build_payment
from deploy.shop.product.app import build as build_product
from deploy.shop.settings import Settings

BUILDERS: dict[str, Callable[[Settings], Starlette]] = {
    "product": build_product,
    "order": build_order,
    "payment": build_payment,
}


@dataclass
class Shop:
    """A client of the gateway, and the knobs: restart a service as another version, switch its fault."""

    client: httpx.Client
    url: str
    services: dict[str, Starlette] = field(default_factory=dict)
    retired: list[Starlette] = field(default_factory=list)

    def start(self, service: str, version: str = "v1", *, decline_ratio: float = 0.0) -> None:
        if service in self.services:
            self.retired.append(self.services[service])
        self.services[service] = BUILDERS[service](
            Settings(
                service, version, mesh_url=self.url, seed=1, decline_ratio=decline_ratio, latency_scale=0
            )
        )

    def get(self, service: str, path: str, **headers: str) -> httpx.Response:
        return self.client.get(path, headers=_named(service, headers))

    def post(self, service: str, path: str, body: object, **headers: str) -> httpx.Response:
        return self.client.post(path, json=body, headers=_named(service, headers))

    def metrics(self, service: str) -> dict[str, float]:
        """Return every sample of a service's exposition, by its text."""
        lines = self.get(service, "/metrics").text.splitlines()
        samples = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in samples}

    async def close(self) -> None:
        """End every process ever started, as its server would: through its lifespan."""
        for service in (*self.retired, *self.services.values()):
            async with service.router.lifespan_context(service):
                pass

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Route by Host; ``fault.<service>`` reaches the service at its own address, past the mesh."""
        host = dict(scope["headers"])[b"host"].decode().split(":")[0]
        if host.startswith("fault."):
            host = host.removeprefix("fault.")
            direct = {b"host": b"127.0.0.1:80"}
            headers = [(name, direct.get(name, value)) for name, value in scope["headers"]]
            scope = {**scope, "headers": headers}
        await self.services[host](scope, receive, send)


def _named(service: str, headers: dict[str, str]) -> dict[str, str]:
    return {"host": service} | {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.fixture(scope="session")
def gateway() -> Iterator[Shop]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # so that a request waits for the server instead of being refused
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with httpx.Client(base_url=url, trust_env=False) as client:
            shop = Shop(client, url)
            server = uvicorn.Server(uvicorn.Config(shop, lifespan="off", log_level="warning"))

            async def serve() -> None:
                await server.serve([listener])
                await shop.close()

            thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
            thread.start()
            yield shop
            server.should_exit = True
            thread.join(timeout=10)


@pytest.fixture
def shop(gateway: Shop) -> Shop:
    """Everything fresh at v1, no latency, no chance."""
    for service in BUILDERS:
        gateway.start(service)
    return gateway
