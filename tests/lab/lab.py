"""A lab as a process of its own, seen as its users see it: the command line, lab.json, the mesh, kubectl."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from deploy.lab.load.survey import count_versions

REPOSITORY = Path(__file__).parents[2]
KUBECTL = Path(sys.executable).with_name("kubectl")
START_SECONDS = 180.0
MEASURED_SECONDS = 20
DEADLINE_SECONDS = 15.0


class RunningLab:
    """A lab that is ready."""

    def __init__(self, state: Path, *, process: subprocess.Popen[str]) -> None:
        self.state = state
        self.process = process

    @property
    def facts(self) -> dict[str, Any]:
        """Return lab.json as it is now."""
        found: dict[str, Any] = json.loads((self.state / "lab.json").read_text())
        return found

    def run(self, *verb: str) -> subprocess.CompletedProcess[str]:
        """Run one verb of the lab's command line."""
        return subprocess.run(
            [sys.executable, "-m", "deploy.lab", "--state", str(self.state), *verb],
            cwd=REPOSITORY,
            check=False,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
        )

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a management command on the lab's own database."""
        environ = {
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "DATABASE_URL": f"sqlite:///{self.state / 'weir.sqlite3'}",
            "SECRET_KEY": (self.state / "secret-key").read_text().strip(),
            "WEIR_LAB": "1",
            "WEIR_STATE": str(self.state),
        }
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=REPOSITORY,
            check=False,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            env={**os.environ, **environ},
        )

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        """Run the real kubectl in the shop's namespace; return what it printed."""
        done = subprocess.run(
            [str(KUBECTL), "--kubeconfig", self.facts["kubeconfig"], "-n", "shop", *arguments],
            check=False,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            env={"PATH": os.environ["PATH"], "HOME": str(self.state)},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def live(self, kind: str, name: str) -> dict[str, Any]:
        """Return an object as it stands."""
        found: dict[str, Any] = json.loads(self.kubectl("get", kind, name, "-o", "json"))
        return found

    def apply(self, manifest: str) -> None:
        """Apply a VirtualService and wait until Envoy uses it."""
        self.kubectl("apply", "-f", "-", stdin=manifest)
        until(self.follows, what="Envoy uses the applied routes")

    def follows(self) -> bool:
        """Say whether Envoy uses the newest product VirtualService."""
        found = self.live("virtualservice", "product")
        status = found.get("status", {})
        return bool(
            status.get("observedGeneration") == found["metadata"]["generation"]
            and status["conditions"][0]["status"] == "True"
        )

    def get(self, path: str = "/products", **headers: str) -> httpx.Response:
        """Ask product through the mesh."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.get(self.facts["mesh"] + path, headers={"host": "product", **named}, trust_env=False)

    def split(self, requests: int, *, headers: Mapping[str, str] | None = None) -> Counter[str]:
        """Count who answers so many requests for product."""
        return asyncio.run(
            count_versions(
                self.facts["mesh"], service="product", requests=requests, path="/products", headers=headers
            )
        )

    def is_measured(self) -> bool:
        """Whether Prometheus has counted the shop's requests for a while: before that nobody may ask for a release."""
        query = {"query": f"count(istio_requests_total offset {MEASURED_SECONDS}s)"}
        answer = httpx.get(f"{self.facts['prometheus']}/api/v1/query", params=query, trust_env=False).json()
        return bool(answer["data"]["result"])

    def stop(self) -> int:
        """End the lab as Ctrl-C does and return the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(START_SECONDS)


@contextmanager
def starting_lab(state: Path, *options: str, portal: bool = False) -> Iterator[subprocess.Popen[str]]:
    """Start a lab, ready or not; it is ended after the ``with`` block."""
    command = [sys.executable, "-m", "deploy.lab", "--state", str(state), "up", *options]
    state.mkdir(parents=True, exist_ok=True)
    with (state / "up.log").open("w") as log:
        process = subprocess.Popen(
            command if portal else [*command, "--without-portal"],
            cwd=REPOSITORY,
            stdout=log,
            stderr=log,
            text=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(START_SECONDS)


@contextmanager
def running_lab(state: Path, *options: str, portal: bool = False) -> Iterator[RunningLab]:
    """Run a lab, and wait until it is ready; it is ended after the ``with`` block."""
    with starting_lab(state, *options, portal=portal) as process:
        until(
            lambda: (state / "ready").exists() or process.poll() is not None,
            what="the lab is ready",
            seconds=START_SECONDS,
        )
        assert process.poll() is None, (state / "up.log").read_text()
        yield RunningLab(state, process=process)


def until(condition: Callable[[], bool], *, what: str, seconds: float = DEADLINE_SECONDS) -> None:
    """Poll a condition until it holds. Raises AssertionError after the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain: {what}"
        time.sleep(0.05)
