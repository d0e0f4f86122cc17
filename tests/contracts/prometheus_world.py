"""A real Prometheus that scrapes one small endpoint whose counters a test controls."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from istio.prometheus import PrometheusTelemetry
from istio.telemetry import Counts, Target

SCRAPE = "200ms"
LOOKBACK = "1s"
"""How long Prometheus takes an old sample for the present: short, so that a test can see an absence."""
PATIENCE_SECONDS = 20.0

Labels = tuple[tuple[str, str], ...]


class Endpoint:
    """Serves counters in the text format, or 503 while it is away."""

    def __init__(self) -> None:
        self.away = False
        self._lock = threading.Lock()
        self._counters: defaultdict[tuple[str, Labels], float] = defaultdict(float)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._request_class())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.port = self._server.server_address[1]

    def add(self, additions: Mapping[tuple[str, Labels], float]) -> None:
        """Add to several counters at once: no scrape sees half of it."""
        with self._lock:
            for key, value in additions.items():
                self._counters[key] += value

    def restart(self) -> None:
        """Forget every counter, as a process that starts again does."""
        with self._lock:
            self._counters.clear()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def text(self) -> str:
        with self._lock:
            counters = list(self._counters.items())
        return "".join(f"{metric}{{{_written(labels)}}} {number}\n" for (metric, labels), number in counters)

    def _request_class(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Scrape(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = b"" if endpoint.away else endpoint.text().encode()
                self.send_response(503 if endpoint.away else 200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing: scrapes are no news."""

        return Scrape


class Server:
    """One Prometheus process over a folder; can be stopped and started on the same data."""

    def __init__(self, folder: Path, *, scraped_port: int) -> None:
        self._folder = folder
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "prometheus.yml").write_text(
            json.dumps(
                {
                    "global": {"scrape_interval": SCRAPE, "scrape_timeout": SCRAPE},
                    "scrape_configs": [
                        {"job_name": "mesh", "static_configs": [{"targets": [f"127.0.0.1:{scraped_port}"]}]}
                    ],
                }
            )
        )

    def start(self) -> None:
        binary = shutil.which("prometheus")
        assert binary, "Install Prometheus: apt-get install --no-install-recommends prometheus"
        self._process = subprocess.Popen(
            [
                binary,
                f"--config.file={self._folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={self._folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{self._port}",
                f"--query.lookback-delta={LOOKBACK}",
                "--log.level=error",
            ]
        )

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def newest_scrape(self) -> tuple[float, bool]:
        """Return the epoch seconds of the last scrape, 0.0 if there is none, and whether it succeeded."""
        query = urllib.parse.urlencode({"query": "(timestamp(up) and up == 1) or -timestamp(up)"})
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/query?{query}", timeout=5) as answer:
                rows = json.load(answer)["data"]["result"]
        except OSError:
            return 0.0, False
        signed = float(rows[0]["value"][1]) if rows else 0.0
        return abs(signed), signed > 0


class PrometheusWorld:
    """The contract's world on the real adapter."""

    def __init__(self, folder: Path) -> None:
        self._endpoint = Endpoint()
        self._server = Server(folder, scraped_port=self._endpoint.port)
        self._server.start()
        self.telemetry = PrometheusTelemetry(self._server.url, 10.0)
        self.url = self._server.url

    def close(self) -> None:
        self.telemetry.close()
        self._server.stop()
        self._endpoint.close()

    def serve(self, target: Target, version: str, counts: Counts) -> None:
        self._endpoint.add(_as_counters(target, version, counts))

    def export(self, metric: str, value: float, **labels: str) -> None:
        """Add to any counter of the endpoint."""
        self._endpoint.add({(metric, _labels(labels)): value})

    def tick(self) -> datetime:
        """Wait for a scrape that began after this call; return the moment of its samples."""
        called, deadline = time.time(), time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            at, succeeded = self._server.newest_scrape()
            if at > called and succeeded != self._endpoint.away:
                return datetime.fromtimestamp(at, tz=UTC)
            time.sleep(0.02)
        raise AssertionError("Prometheus did not scrape in time.")

    def restart(self) -> None:
        self._endpoint.restart()

    def go_silent(self) -> None:
        self._endpoint.away = True

    def speak_again(self) -> None:
        self._endpoint.away = False

    def go_away(self) -> None:
        """Kill Prometheus; the mesh goes on counting."""
        self._server.stop()
        time.sleep(1.2)  # longer than LOOKBACK: only real time makes a real sample old

    def come_back(self) -> None:
        self._server.start()

    def unreachable(self) -> PrometheusTelemetry:
        return PrometheusTelemetry(f"http://127.0.0.1:{free_port()}", 2.0)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _as_counters(target: Target, version: str, counts: Counts) -> dict[tuple[str, Labels], float]:
    """Say what Istio and the shop would export for this; the errors are 503s, the rest 200s."""
    mesh = {
        "reporter": "source",
        "destination_service_namespace": target.namespace,
        "destination_service_name": target.service,
        "destination_version": version,
    }
    found: dict[tuple[str, Labels], float] = {
        ("istio_requests_total", _labels(mesh, response_code="200")): counts.requests - counts.errors
    }
    if counts.errors:  # like Envoy: no error series before the first error
        found["istio_requests_total", _labels(mesh, response_code="503")] = counts.errors
    for edge, number in counts.latency_bucket.items():
        le = "+Inf" if edge == float("inf") else f"{edge:g}"
        found["istio_request_duration_milliseconds_bucket", _labels(mesh, le=le)] = number
    if counts.latency_bucket:
        found["istio_request_duration_milliseconds_sum", _labels(mesh)] = counts.latency_sum_ms
    own = {"service": target.service, "version": version, "namespace": target.namespace}
    # Nobody sees the payments of a service that users are split on but payment itself.
    paid = {**own, "service": "payment", "version": "v1", "variant": version}
    business = {
        "shop_payments_attempted_total": (counts.payments_attempted, paid),
        "shop_payments_succeeded_total": (counts.payments_succeeded, paid),
        "shop_conversions_total": (counts.conversions, {**paid, "service": "order"}),
        "shop_dwell_seconds_count": (counts.dwell_count, {**own, "variant": version}),
        "shop_dwell_seconds_sum": (counts.dwell_sum, {**own, "variant": version}),
        "shop_dwell_seconds_squared_total": (counts.dwell_sum_sq, {**own, "variant": version}),
    }
    for metric, (value, labels) in business.items():
        if value is not None:
            found["shop_assignments_total", _labels({**own, "variant": version})] = 0.0
            found[metric, _labels(labels)] = value
    return found


def _written(labels: Labels) -> str:
    return ",".join(f'{name}="{value}"' for name, value in labels)


def _labels(labels: Mapping[str, str], **more: str) -> Labels:
    return tuple(sorted({**labels, **more}.items()))
