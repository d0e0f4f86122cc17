"""The frame all three services stand in: probes, metrics, the fault switch, and the command line."""

from __future__ import annotations

import argparse
import ipaddress
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from deploy.shop.business import Business
from deploy.shop.conduct import Behaving, Conduct, Fault, read_fault
from deploy.shop.inputs import InputError, json_object
from deploy.shop.settings import Settings, read_settings

# Above the mesh's own idle time-out: a connection that the service closes while the proxy reuses it is a 503.
KEEP_ALIVE_SECONDS = 75

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


def build_service(
    routes: Sequence[BaseRoute], *, conduct: Conduct, business: Business, lifespan: Lifespan | None = None
) -> Starlette:
    """Put a service's own routes beside ``/healthz``, ``/metrics`` and ``/admin/fault``."""

    async def healthz(_request: Request) -> Response:
        return PlainTextResponse("ok")

    async def metrics(_request: Request) -> Response:
        return Response(business.exposition(), headers={"content-type": CONTENT_TYPE_LATEST})

    async def fault(request: Request) -> Response:
        return await _switch_fault(request, conduct=conduct)

    frame = [
        Route("/healthz", healthz),
        Route("/metrics", metrics),
        Route("/admin/fault", fault, methods=["GET", "POST", "DELETE"]),
    ]
    return Starlette(
        routes=[*frame, *routes],
        middleware=[Middleware(Behaving, conduct=conduct)],
        exception_handlers={InputError: _refuse},
        lifespan=lifespan,
    )


async def _refuse(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=400)


async def _switch_fault(request: Request, *, conduct: Conduct) -> Response:
    if not _came_directly(request):
        return JSONResponse({"error": "Not reachable through the mesh."}, status_code=404)
    if request.method == "DELETE":
        conduct.fault = Fault()
    elif request.method == "POST":
        conduct.fault = read_fault(await json_object(request))
    return JSONResponse(asdict(conduct.fault))


def _came_directly(request: Request) -> bool:
    """Say whether the caller named this process by address; the mesh passes on the service's name as Host."""
    host = request.url.hostname or ""
    if host == "localhost":
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def run(service: str, *, build: Callable[[Settings], Starlette]) -> None:
    """Serve until SIGTERM or Ctrl-C: the body of every ``python -m deploy.shop.<service>``."""
    parser = argparse.ArgumentParser(
        prog=f"python -m deploy.shop.{service}", description=f"The shop's {service} service."
    )
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--host", default="127.0.0.1")
    arguments = parser.parse_args()
    try:
        settings = read_settings(service, environ=os.environ)
    except ValueError as error:
        parser.error(str(error))
    uvicorn.run(
        build(settings),
        host=arguments.host,
        port=arguments.port,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=5,
        access_log=False,
        log_level="warning",
    )
