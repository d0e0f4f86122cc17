"""How long a write takes to be what Envoy does: ``python -m tests.load.shift [CHANGES]`` prints Markdown.

A lab with a real Envoy is started and everything is sent to one version and to the other in turn, each by one PUT. The clock
starts when the API server has answered; requests follow each other until the first one is answered by the new version, and
until the last one was answered by the old.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from istio.kube import KubeMesh
from istio.mesh import VIRTUAL_SERVICE, Ref
from istio.traffic import TrafficSpec, render
from tests.lab.lab import RunningLab, running_lab

CHANGES = 40
SETTLED = 20
"""So many answers of the new version in a row, and no more of the old one are expected."""
PRODUCT = Ref(VIRTUAL_SERVICE, "shop", "product")


@dataclass(frozen=True, slots=True)
class Seen:
    """Milliseconds since the API server's answer: the first answer of the new version, the last one of the old."""

    first_ms: float
    last_ms: float


def measure(lab: RunningLab, *, changes: int) -> list[Seen]:
    """Shift everything to and fro and watch each change arrive."""
    mesh = KubeMesh(kubeconfig=lab.facts["kubeconfig"], context=None, timeout_seconds=5.0)
    seen = []
    with httpx.Client(base_url=lab.facts["mesh"], headers={"host": "product"}, trust_env=False) as client:
        for number in range(changes):
            weight = 0 if number % 2 else 100
            spec = TrafficSpec(weight)
            document = render(spec, mesh.get(PRODUCT), host="product", stable="v1", candidate="v2")
            mesh.put(document)
            seen.append(_watched(client, version="v2" if weight else "v1"))
    return seen


def _watched(client: httpx.Client, *, version: str) -> Seen:
    begun = time.perf_counter()
    first, last, in_a_row = None, 0.0, 0
    while in_a_row < SETTLED:
        answered = client.get("/products").headers["x-version"]
        elapsed = 1000 * (time.perf_counter() - begun)
        if answered == version:
            first = elapsed if first is None else first
            in_a_row += 1
        else:
            last, in_a_row = elapsed, 0
        if elapsed > 30_000:
            raise RuntimeError(f"Envoy does not send everything to {version} within 30 s.")
    return Seen(first_ms=first or 0.0, last_ms=last)


def main(changes: int) -> None:
    """Start a lab without shoppers, measure, print."""
    with (
        tempfile.TemporaryDirectory(prefix="weir-shift-") as folder,
        running_lab(Path(folder), "--rps", "0") as lab,
    ):
        seen = measure(lab, changes=changes)
    print(f"{changes} changes from 0 to 100 % and back, counted from the API server's answer.\n")
    print("| milliseconds until | median | p95 | most |\n|---|---|---|---|")
    for title, values in (
        ("the first request is answered by the new version", [one.first_ms for one in seen]),
        ("the last one was answered by the old version", [one.last_ms for one in seen]),
    ):
        p95 = statistics.quantiles(values, n=20, method="inclusive")[-1]
        print(f"| {title} | {statistics.median(values):.0f} | {p95:.0f} | {max(values):.0f} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else CHANGES)
