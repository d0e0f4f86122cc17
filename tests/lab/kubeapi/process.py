"""The lab's API endpoint as a process of its own, for tests that talk to it with real clients."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[3]
KUBECTL = Path(sys.executable).with_name("kubectl")
DEADLINE_SECONDS = 20.0


PLURALS = {
    "Namespace": "namespaces",
    "VirtualService": "virtualservices",
    "DestinationRule": "destinationrules",
    "Gateway": "gateways",
    "Service": "services",
    "Deployment": "deployments",
    "ConfigMap": "configmaps",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A raw answer; the names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: Any


class KubeApi:
    """One running endpoint. ``state`` survives ``kill`` and ``start``; the port is kept over a restart."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.kubeconfig = str(state / "kubeconfig")
        self._process: subprocess.Popen[bytes] | None = None
        self._ports = ["--port", "0", "--log-port", "0"]
        self._window = ""
        self.server = ""

    def start(self) -> None:
        """Start the process and wait until it accepts requests."""
        ready = self.state / "kubeapi.port"
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "deploy.lab.kubeapi", *self._ports, "--state", str(self.state)]
        self._process = subprocess.Popen(command, cwd=REPOSITORY)
        until(ready.exists, what="the API endpoint is ready")
        facts = json.loads((self.state / "kubeapi.json").read_text())
        self.server, self._window = facts["api_server"], facts["writes"].removesuffix("/lab/requests")
        self._ports = ["--port", _port(self.server), "--log-port", _port(self._window)]

    def stop(self) -> int:
        """End the process politely and return its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(DEADLINE_SECONDS)

    def kill(self) -> None:
        """End the process as a crash would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(DEADLINE_SECONDS)

    @property
    def running(self) -> bool:
        """Say whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def requests(self, query: str = "") -> list[dict[str, Any]]:
        """Return records of the request log, oldest first."""
        found: list[dict[str, Any]] = self.window("GET", f"/lab/requests?{query}").body
        return found

    def last_seq(self) -> int:
        """Return the number of the newest record."""
        records = self.requests()
        return records[-1]["seq"] if records else 0

    def provoke(self, **fault: Any) -> None:
        """Let the next matching requests fail."""
        answer = self.window("POST", "/lab/faults", fault)
        assert answer.status == 201, answer.body

    def forgive(self) -> None:
        """Forget every waiting fault."""
        self.window("DELETE", "/lab/faults")

    def window(self, method: str, path: str, body: Any = None) -> Answer:
        """Send one request to the lab's own window."""
        return _sent(urllib.request.Request(self._window + path, data=_encoded(body), method=method))

    def api(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        media_type: str = "application/json",
        authorization: str | None = None,
    ) -> Answer:
        """Send one raw request, with the lab's token unless told otherwise; refusals are answers, too."""
        request = urllib.request.Request(self.server + path, data=_encoded(body), method=method)
        bearer = f"Bearer {(self.state / 'kubeapi.token').read_text()}"
        request.add_header("Authorization", bearer if authorization is None else authorization)
        if body is not None:
            request.add_header("Content-Type", media_type)
        return _sent(request, ssl.create_default_context(cafile=str(self.state / "tls" / "ca.crt")))

    def create(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """Create an object and return it as stored."""
        answer = self.api("POST", collection(manifest), manifest)
        assert answer.status == 201, answer.body
        stored: dict[str, Any] = answer.body
        return stored

    def kubectl(
        self, *arguments: str, stdin: str = "", check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run the real kubectl; with ``check`` a failure is an AssertionError that shows what it said."""
        done = subprocess.run(
            [str(KUBECTL), "--kubeconfig", self.kubeconfig, *arguments],
            check=False,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            env={"PATH": os.environ["PATH"], "HOME": str(self.state)},
        )
        assert not check or done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done


@contextmanager
def running_kubeapi(state: Path) -> Iterator[KubeApi]:
    """Run an endpoint for the time of a ``with`` block."""
    kubeapi = KubeApi(state)
    kubeapi.start()
    try:
        yield kubeapi
    finally:
        if kubeapi.running:
            kubeapi.kill()


def until(condition: Any, *, what: str) -> None:
    """Poll a condition until it holds. Raises AssertionError after the deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited {DEADLINE_SECONDS:g} s in vain: {what}"
        time.sleep(0.01)


def collection(manifest: dict[str, Any]) -> str:
    """Return the path under which an object is created."""
    version, namespace = manifest["apiVersion"], manifest["metadata"].get("namespace")
    place = f"/namespaces/{namespace}" if namespace else ""
    return f"/{'apis' if '/' in version else 'api'}/{version}{place}/{PLURALS[manifest['kind']]}"


def _encoded(body: Any) -> bytes | None:
    return None if body is None else json.dumps(body).encode()


def _sent(request: urllib.request.Request, trust: ssl.SSLContext | None = None) -> Answer:
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS, context=trust) as answer:
            return _answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as refusal:
        with refusal:
            return _answer(refusal.code, refusal.headers, refusal.read())


def _answer(status: int, headers: Message, content: bytes) -> Answer:
    named = {name.lower(): value for name, value in headers.items()}
    return Answer(status, named, json.loads(content) if content else None)


def _port(url: str) -> str:
    return url.rsplit(":", 1)[1]
