"""What can be seen without asking Weir: the weight in the live VirtualService, and which version answers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from deploy.lab.kube import KubeApi, Manifest
from deploy.lab.load.survey import count_versions
from deploy.lab.shop import NAMESPACE

REQUESTS = 640
_DEVIATIONS_ALLOWED = 5
"""A false alarm about once in two million measurements."""


@dataclass(frozen=True, slots=True)
class Split:
    """How many of so many requests the candidate answered; weights in percent."""

    weight: float
    candidate: int
    requests: int

    @property
    def measured(self) -> float:
        return 100 * self.candidate / self.requests

    @property
    def is_as_configured(self) -> bool:
        """Say whether chance alone explains the difference; at 0 and 100 % no difference is allowed."""
        share = self.weight / 100
        deviation = 100 * math.sqrt(share * (1 - share) / self.requests)
        return abs(self.measured - self.weight) <= _DEVIATIONS_ALLOWED * deviation


async def live_weight(api: KubeApi, *, service: str, subset: str) -> float:
    """Return a subset's percent in the live object. Raises LabError."""
    return weight_in(await _virtual_service(api, service=service), subset=subset)


def weight_in(virtual_service: Manifest, *, subset: str) -> float:
    """Return a subset's percent on the route that takes everybody: the last. One destination has all."""
    destinations = virtual_service["spec"]["http"][-1]["route"]
    weights = [1 if len(destinations) == 1 else one.get("weight", 0) for one in destinations]
    named = [one["destination"].get("subset") for one in destinations]
    own = sum(weight for weight, name in zip(weights, named, strict=True) if name == subset)
    return 100 * own / sum(weights)


async def measure_split(mesh: str, *, api: KubeApi, service: str, subset: str, path: str) -> Split | None:
    """Count who answers; ``None`` if these routes were not in use all the time: the count means nothing."""
    before = await _virtual_service(api, service=service)
    if not _is_in_use(before):
        return None
    counted = await count_versions(mesh, service=service, requests=REQUESTS, path=path)
    after = await _virtual_service(api, service=service)
    if after["metadata"]["generation"] != before["metadata"]["generation"]:
        return None
    return Split(weight_in(before, subset=subset), candidate=counted[subset], requests=counted.total())


async def _virtual_service(api: KubeApi, *, service: str) -> Manifest:
    asked = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"namespace": NAMESPACE, "name": service},
    }
    return await api.get(asked)


def _is_in_use(virtual_service: Manifest) -> bool:
    """Say whether Envoy follows this very generation; between the write and its answer old routes count."""
    observed = virtual_service.get("status", {}).get("observedGeneration")
    return bool(observed == virtual_service["metadata"]["generation"])
