"""Where one request would go in each step: computed from what would be written, nothing is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from istio.effective import Decision, RequestLike, Share, destination_of
from istio.mesh import VIRTUAL_SERVICE
from releases.models import Rollout
from releases.selectors import StepPreview

MAX_HEADERS = 20


@dataclass(frozen=True, slots=True)
class Destination:
    """What one step does with the request. ``candidate`` is percent, None where neither version answers.

    ``route`` names the route that takes the request, ``why`` says why it does.
    """

    position: int
    weight: int
    candidate: float | None
    route: str
    managed: bool
    why: str
    action: str


def read_headers(text: str) -> dict[str, str]:
    """Read ``name: value`` pairs, separated by commas or lines. What has no colon is left out."""
    lines = [line for part in text.splitlines() for line in part.split(",")]
    pairs = [line.split(":", 1) for line in lines if ":" in line]
    return {name.strip().lower(): value.strip() for name, value in pairs[:MAX_HEADERS]}


def destinations(
    rollout: Rollout, *, steps: Sequence[StepPreview], request: RequestLike
) -> list[Destination]:
    """Say for each step where the request goes. Raises TrafficError for an object that cannot be read."""
    found: list[Destination] = []
    for step in steps:
        document = next(item for item in step.objects if item["kind"] == VIRTUAL_SERVICE)
        decision = destination_of(request, document, namespace=rollout.service.namespace)
        taken = next((verdict for verdict in decision.routes if verdict.matched), None)
        found.append(
            Destination(
                position=step.position,
                weight=step.weight,
                candidate=_candidate_share(rollout, decision=decision),
                route=(taken.name or taken.path) if taken else "",
                managed=bool(taken and taken.managed),
                why=taken.why if taken else "",
                action=decision.action,
            )
        )
    return found


def _candidate_share(rollout: Rollout, *, decision: Decision) -> float | None:
    """The candidate's percent of such requests; None where they do not go to either version."""
    subsets = {rollout.stable.subset, rollout.candidate.subset}
    ours: list[Share] = [share for share in decision.shares if share.subset in subsets]
    if not ours:
        return None
    return sum(share.percent for share in ours if share.subset == rollout.candidate.subset)
