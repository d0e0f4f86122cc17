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
    """A raw answer."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any]


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
        found: list[dict[str, Any]] = self._window_json("GET", f"/lab/requests?{query}")
        return found

    def last_seq(self) -> int:
        """Return the number of the newest record."""
        records = self.requests()
        return records[-1]["seq"] if records else 0

    def provoke(self, **fault: Any) -> None:
        """Let the next matching requests fail."""
        self._window_json("POST", "/lab/faults", fault)

    def forgive(self) -> None:
        """Forget every waiting fault."""
        self._window_json("DELETE", "/lab/faults")

    def api(
        self, method: str, path: str, body: Any = None, *, media_type: str = "application/json"
    ) -> Answer:
        """Send one raw request with the lab's token; refusals are answers, too."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.server + path, data=data, method=method)
        request.add_header("Authorization", f"Bearer {(self.state / 'kubeapi.token').read_text()}")
        if data is not None:
            request.add_header("Content-Type", media_type)
        trust = ssl.create_default_context(cafile=str(self.state / "tls" / "ca.crt"))
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS, context=trust) as answer:
                return Answer(answer.status, dict(answer.headers), json.loads(answer.read()))
        except urllib.error.HTTPError as refusal:
            with refusal:
                return Answer(refusal.code, dict(refusal.headers), json.loads(refusal.read()))

    def create(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """Create an object and return it as stored."""
        answer = self.api("POST", collection(manifest), manifest)
        assert answer.status == 201, answer.body
        return answer.body

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

    def _window_json(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._window + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as answer:
            content = answer.read()
        return json.loads(content) if content else None


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


def _port(url: str) -> str:
    return url.rsplit(":", 1)[1]
