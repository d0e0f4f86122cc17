"""What both releases have in common: who asks, who approves, and following it to its end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from deploy.lab.folder import LabFolder
from deploy.lab.kube import KubeApi, deployment
from deploy.lab.shop import NAMESPACE, VERSIONS
from deploy.lab.story.api import Json, StoryError, Weir

PLAN = "demo canary"
_POLL_SECONDS = 0.4
_MEASURED_SECONDS = 60.0
_UNMEASURED = "No guard metric"
"""How Weir's refusal begins; the client asks in English."""
_FINISHED = {"completed", "rolled_back", "rejected", "cancelled", "expired", "reverted"}


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays: the two people of a release, the mesh, and who listens."""

    folder: LabFolder
    requester: Weir
    approver: Weir
    api: KubeApi
    mesh: str
    say: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Release:
    """What is to be released: ``candidate`` is the version that is not stable."""

    service: str
    stable: str
    candidate: str


async def next_release(cast: Cast, *, service: str) -> Release:
    """Find the version that is not stable; register it if need be. Raises StoryError if a rollout is live."""
    live = await cast.requester.rows("rollouts/", service=service, active="true")
    if live:
        rollout = f"{live[0]['number']} of {service} is {live[0]['state']}"
        raise StoryError(f"{rollout}; end it in the admin, then tell the story again.")
    found = await cast.requester.rows("services/", name=service)
    if not found or not found[0]["stable"]:
        raise StoryError(f"Weir knows no stable version of {service}; look at its service list.")
    stable = found[0]["stable"]["name"]
    candidate = next(version for version in VERSIONS if version != stable)
    if not await cast.requester.rows("versions/", service=service, name=candidate):
        await _register(cast, service=service, version=candidate)
    return Release(service=service, stable=stable, candidate=candidate)


async def _register(cast: Cast, *, service: str, version: str) -> None:
    """Tell Weir of a version as a build pipeline would: with the image that its Deployment runs."""
    live = await cast.api.get(deployment(f"{service}-{version}", namespace=NAMESPACE))
    image = live["spec"]["template"]["spec"]["containers"][0]["image"]
    await cast.requester.post("versions/", service=service, name=version, image=image)
    cast.say(f"requester registers {service} {version}: {image}")


async def approved_rollout(cast: Cast, release: Release, *, reason: str, plan: str = PLAN) -> int:
    """Request, submit and approve a rollout; return its id. Raises StoryError."""
    draft = await cast.requester.post(
        "rollouts/",
        service=release.service,
        candidate=release.candidate,
        plan=plan,
        reason=reason,
        impact=f"Users of the demo shop's {release.service}.",
        test_evidence="The lab's own tests of both versions.",
        rollback_note=f"All traffic back to {release.stable}; nothing else changes.",
    )
    number = draft["id"]
    submitted = await _submitted(cast, number, reason=reason)
    steps = " -> ".join(f"{weight} %" for weight in submitted["weights"])
    versions = f"{release.stable} -> {release.candidate}"
    cast.say(f"requester asks for {draft['number']}: {release.service} {versions}, {steps}")
    fingerprint = submitted["fingerprint"]
    approved = await cast.approver.post(
        f"rollouts/{number}/approve/", reason="Read and understood.", fingerprint=fingerprint
    )
    cast.say(f"approver approves exactly {fingerprint[:12]}…; {draft['number']} is {approved['state']}")
    return int(number)


async def _submitted(cast: Cast, rollout: int, *, reason: str) -> Json:
    """Submit a draft. In a lab that has just begun Prometheus has counted nothing yet, and Weir refuses until it has."""
    deadline = time.monotonic() + _MEASURED_SECONDS
    waiting = False
    while True:
        try:
            return await cast.requester.post(f"rollouts/{rollout}/submit/", reason=reason)
        except StoryError as error:
            if _UNMEASURED not in str(error) or time.monotonic() > deadline:
                raise
        if not waiting:
            cast.say("waits until Prometheus has counted the shop's first requests")
        waiting = True
        await asyncio.sleep(_POLL_SECONDS)


async def follow(cast: Cast, rollout: int, *, seconds: float) -> AsyncIterator[Json]:
    """Yield the rollout as it goes, its end last; say why it is where it is whenever that changes.

    Raises StoryError when the time is over before the rollout is.
    """
    deadline = time.monotonic() + seconds
    said = ""
    while True:
        now: Json = await cast.requester.get(f"rollouts/{rollout}/")
        place = (now["state"], now["current_step"], now["reason_code"])
        if str(place) != said:
            said = str(place)
            cast.say(f"  {now['number']} is {now['state_label']}: {now['why']}")
        yield now
        if now["state"] in _FINISHED:
            return
        if time.monotonic() > deadline:
            raise StoryError(f"{now['number']} was still {now['state']} after {seconds:.0f} s: {now['why']}")
        await asyncio.sleep(_POLL_SECONDS)
