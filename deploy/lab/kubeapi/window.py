"""The lab's own window on the API endpoint, without TLS and token: the request log and the fault hooks.

It shows what was asked and can provoke failures; it cannot read or write objects.
"""

from __future__ import annotations

import json
from dataclasses import asdict

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from deploy.lab.kubeapi.bodies import read_body
from deploy.lab.kubeapi.failures import ApiFailure
from deploy.lab.kubeapi.faults import Fault, Faults
from deploy.lab.kubeapi.requestlog import RequestLog

LINES = "application/x-ndjson"


def window(log: RequestLog, faults: Faults) -> Starlette:
    """Return the application.

    ``GET /lab/requests?since=SEQ&verb=update,patch&kind=VirtualService`` lists records, oldest first, as a
    JSON list or, with ``Accept: application/x-ndjson``, as lines. ``POST``, ``GET`` and ``DELETE
    /lab/faults`` add a fault, show the waiting ones, forget them.
    """

    async def requests(request: Request) -> Response:
        query = request.query_params
        since = query.get("since", "0")
        if not since.isdigit():
            return JSONResponse({"message": "since is the seq of a record, a number"}, status_code=400)
        verbs = frozenset(verb for verb in query.get("verb", "").split(",") if verb)
        records = [asdict(r) for r in log.select(since=int(since), verbs=verbs, kind=query.get("kind", ""))]
        if LINES in request.headers.get("accept", ""):
            lines = "".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records)
            return PlainTextResponse(lines, media_type=LINES)
        return JSONResponse(records)

    async def show(_request: Request) -> Response:
        return JSONResponse([asdict(fault) for fault in faults.waiting()])

    async def add(request: Request) -> Response:
        try:
            fault = Fault.read(read_body(await request.body(), "application/json"))
        except ApiFailure as failure:
            return JSONResponse({"message": str(failure)}, status_code=failure.status)
        faults.add(fault)
        return JSONResponse(asdict(fault), status_code=201)

    async def clear(_request: Request) -> Response:
        faults.clear()
        return Response(status_code=204)

    async def ready(_request: Request) -> Response:
        return PlainTextResponse("ok")

    return Starlette(
        routes=[
            Route("/lab/requests", requests, methods=["GET"]),
            Route("/lab/faults", show, methods=["GET"]),
            Route("/lab/faults", add, methods=["POST"]),
            Route("/lab/faults", clear, methods=["DELETE"]),
            Route("/readyz", ready, methods=["GET"]),
        ]
    )
