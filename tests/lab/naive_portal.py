"""A portal without judgement: it speaks the few paths the story asks for, and moves weights as told.

The story is tested against it: a good one must be believed, one that errs or lies must be found out.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.lab.lab import RunningLab

HOLD_SECONDS = 3.0


@dataclass
class NaivePortal:
    """Walks every rollout through ``weights``, ends it as ``outcome`` and writes ``final`` into the mesh."""

    lab: RunningLab
    weights: Sequence[int]
    outcome: str
    final: int
    service: str = ""
    state: str = "draft"
    step: int = -1
    since: float = field(default_factory=time.monotonic)
    url: str = ""
    registered: dict[str, str] = field(default_factory=dict)

    def answer(self, method: str, path: str, body: dict[str, Any]) -> Any:
        """Return the JSON for one request."""
        match method, path.partition("?")[0]:
            case "GET", "/api/v1/rollouts/":
                return {"results": []}
            case "GET", "/api/v1/services/":
                return {"results": [{"stable": {"name": "v1"}}]}
            case "GET", "/api/v1/versions/":
                return {"results": [{"name": "v2"}] if "v2" in self.registered else []}
            case "POST", "/api/v1/versions/":
                self.registered[body["name"]] = body["image"]
                return body
            case "POST", "/api/v1/rollouts/":
                self.service = body["service"]
            case "POST", "/api/v1/rollouts/7/submit/":
                self.state = "pending"
            case "POST", "/api/v1/rollouts/7/approve/":
                assert body["fingerprint"] == "f" * 64
                self.state = "running"
                self._next()
            case "GET", "/api/v1/rollouts/7/":
                if self.state == "running" and time.monotonic() - self.since > HOLD_SECONDS:
                    self._next()
            case "GET", "/api/v1/rollouts/7/timeline/":
                return [{"action": "roll_back", "sentence": "Weir rolled back.", "reason": "Errors."}]
        return self._rollout()

    def _next(self) -> None:
        self.step, self.since = self.step + 1, time.monotonic()
        ended = self.step == len(self.weights)
        weight = self.final if ended else self.weights[self.step]
        change = [
            {"op": "replace", "path": f"/spec/http/0/route/{index}/weight", "value": value}
            for index, value in enumerate((100 - weight, weight))
        ]
        self.lab.kubectl("patch", "virtualservice", self.service, "--type", "json", "-p", json.dumps(change))
        if ended:
            self.state = self.outcome

    def _rollout(self) -> dict[str, Any]:
        running = self.state == "running"
        return {
            "id": 7,
            "number": "R-7",
            "state": self.state,
            "state_label": self.state,
            "why": "Because.",
            "reason_code": "",
            "fingerprint": "f" * 64,
            "weights": list(self.weights),
            "current_step": self.step,
            "steps": [{"outcome": "baking", "written": self.weights[self.step]}] if running else [],
        }


@contextmanager
def serving(portal: NaivePortal) -> Iterator[NaivePortal]:
    """Serve it on a free port for the time of a ``with`` block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def _answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("content-length", "0")))
            content = json.dumps(
                portal.answer(self.command, self.path, json.loads(sent) if sent else {})
            ).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    portal.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield portal
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
