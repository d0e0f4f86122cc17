"""The Kubernetes API as a web application: authenticate, resolve, answer, log, fail where a test wants it."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from deploy.lab.kubeapi import reads
from deploy.lab.kubeapi.bodies import read_body, read_object
from deploy.lab.kubeapi.documents import document
from deploy.lab.kubeapi.failures import ApiFailure, too_large, unknown_path
from deploy.lab.kubeapi.faults import Fault, Faults
from deploy.lab.kubeapi.kinds import Catalogue, Json
from deploy.lab.kubeapi.reads import View, Watch
from deploy.lab.kubeapi.requestlog import Record, RequestLog
from deploy.lab.kubeapi.routing import Call, resolve
from deploy.lab.kubeapi.store import Store
from deploy.lab.kubeapi.targets import Outcome, Target, WriteOptions
from deploy.lab.kubeapi.writes import Writes

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
BODY_BYTES = 3 * 2**20  # the API server's own limit
OPEN_PATHS = frozenset({"/healthz", "/livez", "/readyz"})
SWAGGER_2 = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, and the resourceVersions the log shall name."""

    response: Response
    before: str | None = None
    after: str | None = None


class KubernetesApi:
    """Answers Kubernetes requests."""

    def __init__(
        self, *, catalogue: Catalogue, store: Store, log: RequestLog, faults: Faults, token: str
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._writes = Writes(store, catalogue)
        self._log = log
        self._faults = faults
        self._bearer = f"Bearer {token}"
        self.application = Starlette(
            routes=[Route("/{path:path}", self.serve, methods=METHODS)],
            exception_handlers={Exception: _internal_error},
        )

    async def serve(self, request: Request) -> Response:
        """Answer one request. Its body is read first: between reading and writing the store none awaits."""
        began = time.perf_counter()
        content = await request.body()
        call: Call | None = None
        fault: Fault | None = None
        answer: Answer | None = None
        try:
            if len(content) > BODY_BYTES:
                raise too_large(f"Request entity too large: limit is {BODY_BYTES}")
            self._authenticate(request)
            call = self._call(request)
            verb = call.verb if call else "get"
            fault = self._faults.take(verb=verb, method=request.method, path=request.url.path)
            await _provoke(request, fault, when="before")
            answer = (
                self._answer(call, request, content) if call else Answer(self._document(request.url.path))
            )
            await _provoke(request, fault, when="after")
        except ApiFailure as failure:
            # A provoked failure may come after the write: the log then tells what was stored all the same.
            answer = Answer(
                _refusal(failure), answer.before if answer else None, answer.after if answer else None
            )
        self._note(request, call, content=content, answer=answer, fault=fault, began=began)
        return answer.response

    def _authenticate(self, request: Request) -> None:
        given = request.headers.get("authorization", "")
        if request.url.path not in OPEN_PATHS and not hmac.compare_digest(
            given.encode(), self._bearer.encode()
        ):
            raise ApiFailure(401, "Unauthorized", "Unauthorized")

    def _call(self, request: Request) -> Call | None:
        """Return what is asked of objects, or None for a document about the API."""
        parts = [part for part in request.url.path.split("/") if part]
        about_objects = (parts[:1] == ["api"] and len(parts) > 2) or (
            parts[:1] == ["apis"] and len(parts) > 3
        )
        if not about_objects and request.method == "GET":
            return None
        return resolve(self._catalogue, request.method, request.url.path, request.query_params)

    def _document(self, path: str) -> Response:
        if path in OPEN_PATHS:
            return PlainTextResponse("ok")
        if path == "/openapi/v2":
            return Response(b"", media_type=SWAGGER_2)
        found = document(self._catalogue, [part for part in path.split("/") if part])
        if found is None:
            raise unknown_path()
        return JSONResponse(found)

    def _answer(self, call: Call, request: Request, content: bytes) -> Answer:
        target, query = call.target, request.query_params
        view = View.of(target, query, request.headers.get("accept", ""))
        if call.verb == "get":
            return Answer(JSONResponse(reads.get(self._store, view)))
        if call.verb == "list":
            return Answer(JSONResponse(reads.listing(self._store, view)))
        if call.verb == "watch":
            return Answer(_WatchResponse(Watch(self._store, view, query)))
        options = _options(query, request.headers.get("user-agent", ""))
        outcome = self._write(call, request, content, options)
        response = JSONResponse(outcome.object, status_code=outcome.status)
        for warning in outcome.warnings:
            # A field's name may hold anything; as JSON text it cannot end the header.
            response.headers.append("Warning", f"299 - {json.dumps(warning)}")
        return Answer(response, outcome.before, outcome.after)

    def _write(self, call: Call, request: Request, content: bytes, options: WriteOptions) -> Outcome:
        target, media_type = call.target, _media_type(request)
        if call.verb == "patch":
            return self._writes.patch(target, media_type, read_body(content, media_type), options)
        body = read_object(content, media_type)
        if call.verb == "create":
            return (
                _reviewed(target, body) if target.kind.virtual else self._writes.create(target, body, options)
            )
        if call.verb == "update":
            return self._writes.replace(target, body, options)
        if call.verb == "delete":
            return self._writes.delete(target, body, options)
        view = View.of(target, request.query_params, "")
        listed = reads.listing(self._store, view)
        for obj in listed["items"]:
            metadata = obj["metadata"]
            one = Target(target.kind, target.version, metadata.get("namespace", ""), metadata["name"])
            self._writes.delete(one, body, options)
        return Outcome(listed)

    def _note(
        self,
        request: Request,
        call: Call | None,
        *,
        content: bytes,
        answer: Answer,
        fault: Fault | None,
        began: float,
    ) -> None:
        target = call.target if call else None
        self._log.add(
            Record(
                seq=self._log.next_seq(),
                time=datetime.now(UTC).isoformat(timespec="microseconds"),
                verb=call.verb if call else request.method.lower(),
                method=request.method,
                path=request.url.path,
                query=request.url.query,
                user_agent=request.headers.get("user-agent", ""),
                status=answer.response.status_code,
                milliseconds=round((time.perf_counter() - began) * 1000, 3),
                kind=target.kind.name if target else "",
                namespace=target.namespace if target else "",
                name=target.name if target else "",
                before=answer.before,
                after=answer.after,
                dry_run="dryRun" in request.query_params,
                fault=fault is not None,
                content_type=_media_type(request),
                body=_logged(
                    content, _media_type(request), secret=target is not None and target.kind.name == "Secret"
                ),
            )
        )


class _WatchResponse(StreamingResponse):
    """A watch that is released even if the client is gone before its first event."""

    def __init__(self, watch: Watch) -> None:
        super().__init__(watch.events(), media_type="application/json")
        self._watch = watch

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._watch.close()


async def _internal_error(_request: Request, error: Exception) -> Response:
    """Answer for a fault of the lab's own as the server does for its own; the traceback goes to stderr."""
    return _refusal(ApiFailure(500, "InternalError", f"Internal error occurred: {error}"))


async def _provoke(request: Request, fault: Fault | None, *, when: str) -> None:
    """Delay, cut the connection, or refuse, as a fault for this moment says."""
    if fault is None or fault.when != when:
        return
    if fault.delay_seconds:
        await asyncio.sleep(fault.delay_seconds)
    if fault.drop:
        request.scope["extensions"]["lab.abort"]["cut"]()
        raise ApiFailure(499, "Dropped", "the connection was cut by the lab's fault hook")
    failure = fault.failure()
    if failure is not None:
        raise failure


def _refusal(failure: ApiFailure) -> Response:
    response = JSONResponse(failure.as_json(), status_code=failure.status)
    retry_after = (failure.details or {}).get("retryAfterSeconds")
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


def _options(query: Mapping[str, str], user_agent: str) -> WriteOptions:
    manager = query.get("fieldManager") or user_agent.partition("/")[0] or "unknown"
    return WriteOptions(
        manager=manager,
        dry_run=query.get("dryRun") == "All",
        force=query.get("force") in {"true", "1"},
        validation=query.get("fieldValidation") or "Warn",
    )


def _reviewed(target: Target, body: Json) -> Outcome:
    """Answer an access review: whoever has the lab's token may do everything."""
    if target.kind.name == "SelfSubjectRulesReview":
        everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
        anywhere = {"verbs": ["*"], "nonResourceURLs": ["*"]}
        status: Json = {"resourceRules": [everything], "nonResourceRules": [anywhere], "incomplete": False}
    else:
        status = {"allowed": True, "reason": "the lab allows everything"}
    return Outcome({"metadata": {}, "spec": {}, **body, "status": status}, 201)


def _logged(content: bytes, media_type: str, *, secret: bool) -> Any:
    """Return the body for the log: parsed where possible; the content of Secrets is left out."""
    if not content or secret:
        return None
    try:
        return read_body(content, media_type)
    except ApiFailure:
        return content.decode(errors="replace")
