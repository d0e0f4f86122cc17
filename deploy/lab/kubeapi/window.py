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


class Window:
    """``application`` serves the log and the faults.

    ``GET /lab/requests?since=SEQ&verb=update,patch&kind=VirtualService`` lists records, oldest first, as a
    JSON list or, with ``Accept: application/x-ndjson``, as lines. ``POST``, ``GET`` and ``DELETE
    /lab/faults`` add a fault, show the waiting ones, forget them.
    """

    def __init__(self, log: RequestLog, faults: Faults) -> None:
        self._log = log
        self._faults = faults
        self.application = Starlette(
            routes=[
                Route("/lab/requests", self._requests, methods=["GET"]),
                Route("/lab/faults", self._show, methods=["GET"]),
                Route("/lab/faults", self._add, methods=["POST"]),
                Route("/lab/faults", self._clear, methods=["DELETE"]),
                Route("/readyz", _ready, methods=["GET"]),
            ]
        )

    async def _requests(self, request: Request) -> Response:
        query = request.query_params
        since = query.get("since", "0")
        if not since.isdigit():
            return JSONResponse({"message": "since is the seq of a record, a number"}, status_code=400)
        verbs = frozenset(verb for verb in query.get("verb", "").split(",") if verb)
        chosen = self._log.select(since=int(since), verbs=verbs, kind=query.get("kind", ""))
        records = [asdict(record) for record in chosen]
        if LINES in request.headers.get("accept", ""):
            lines = "".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records)
            return PlainTextResponse(lines, media_type=LINES)
        return JSONResponse(records)

    async def _show(self, _request: Request) -> Response:
        return JSONResponse([asdict(fault) for fault in self._faults.waiting()])

    async def _add(self, request: Request) -> Response:
        try:
            fault = Fault.read(read_body(await request.body(), "application/json"))
        except ApiFailure as failure:
            return JSONResponse({"message": str(failure)}, status_code=failure.status)
        self._faults.add(fault)
        return JSONResponse(asdict(fault), status_code=201)

    async def _clear(self, _request: Request) -> Response:
        self._faults.clear()
        return Response(status_code=204)


async def _ready(_request: Request) -> Response:
    return PlainTextResponse("ok")
