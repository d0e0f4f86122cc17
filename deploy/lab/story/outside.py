"""What can be seen without asking Weir: the weight in the live VirtualService, and which version answers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from deploy.lab.kube import KubeApi, Manifest
from deploy.lab.load.survey import count_versions
from deploy.lab.shop import NAMESPACE

POINTS_ALLOWED = 3.0
"""How far a measured split may be from its weight, in percentage points."""
_DEVIATIONS = 4.0
"""So many standard deviations fit into the points allowed: chance alone exceeds them once in 16,000 measurements."""
_LEAST_REQUESTS = 400


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
        """Say whether the split is within the points allowed; at 0 and 100 % no difference is."""
        allowed = POINTS_ALLOWED if 0 < self.weight < 100 else 0.0
        return abs(self.measured - self.weight) <= allowed


def requests_for(weight: float) -> int:
    """Return the sample that tells a weight in percent to within the points allowed."""
    share = weight / 100
    return max(math.ceil(share * (1 - share) * (100 * _DEVIATIONS / POINTS_ALLOWED) ** 2), _LEAST_REQUESTS)


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
    weight = weight_in(before, subset=subset)
    counted = await count_versions(mesh, service=service, requests=requests_for(weight), path=path)
    after = await _virtual_service(api, service=service)
    if after["metadata"]["generation"] != before["metadata"]["generation"]:
        return None
    return Split(weight, candidate=counted[subset], requests=counted.total())


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
