"""The bad release: it breaks after its first step, and nobody is there to pull it back."""

from __future__ import annotations

import asyncio
import time

from deploy.lab.story.api import Json, StoryError
from deploy.lab.story.outside import live_weight
from deploy.lab.story.rollout import Cast, Release, approved_rollout, follow, next_release
from deploy.lab.verbs import Fault, switch_fault

SERVICE = "order"
ERROR_RATIO = 0.20
_SECONDS = 120.0
BACK_SECONDS = 30.0
"""So long after the fault the mesh may still send the candidate anything; more is a failure."""
_POLL_SECONDS = 0.1


async def bad_release(cast: Cast) -> None:
    """Play it and end the fault. Raises StoryError if the traffic does not come back by itself."""
    release = await next_release(cast, service=SERVICE)
    cast.say(f"A bad release: {SERVICE} {release.candidate} will break after its first step.")
    try:
        await _play(cast, release)
    finally:
        await switch_fault(cast.folder, service=SERVICE, version=release.candidate, wanted=Fault())
        cast.say(f"  {SERVICE} {release.candidate} is healthy again.")


async def _play(cast: Cast, release: Release) -> None:
    rollout = await approved_rollout(cast, release, reason=f"{release.candidate} looked fine in the tests.")
    broken_at: float | None = None
    back: asyncio.Task[float] | None = None
    state = ""
    async for now in follow(cast, rollout, seconds=_SECONDS):
        state = now["state"]
        if back is None and _bakes(now):
            wanted = Fault(error_ratio=ERROR_RATIO)
            await switch_fault(cast.folder, service=SERVICE, version=release.candidate, wanted=wanted)
            broken_at = time.monotonic()
            cast.say(
                f"  {SERVICE} {release.candidate} breaks now: {ERROR_RATIO:.0%} of its answers are errors"
            )
            back = asyncio.create_task(_weight_is_back(cast, subset=release.candidate))
    if back is None or broken_at is None:
        raise StoryError(f"The bad release of {SERVICE} ended {state} before its first step was held.")
    if state != "rolled_back":
        back.cancel()
        raise StoryError(f"The bad release of {SERVICE} ended {state}; it should have been rolled back.")
    seconds = await back - broken_at
    check_in_time(seconds)
    cast.say(f"rolled back by itself: weight 0 in the mesh {seconds:.1f} s after the fault")
    cast.say(f"the audit trail says: {await _audited(cast, rollout)}")


def check_in_time(seconds: float) -> None:
    """Raise StoryError if the traffic was back later than so many seconds after the fault."""
    if seconds > BACK_SECONDS:
        raise StoryError(
            f"Weight 0 was in the mesh {seconds:.1f} s after the fault; {BACK_SECONDS:.0f} s are allowed."
        )


def _bakes(rollout: Json) -> bool:
    """Say whether a step is written and being watched."""
    return any(step["outcome"] == "baking" and step["written"] for step in rollout["steps"])


async def _weight_is_back(cast: Cast, *, subset: str) -> float:
    """Return when the live object gave the candidate nothing, by the monotonic clock. Raises StoryError."""
    deadline = time.monotonic() + BACK_SECONDS
    while await live_weight(cast.api, service=SERVICE, subset=subset):
        if time.monotonic() > deadline:
            raise StoryError(f"{SERVICE} {subset} still had traffic {BACK_SECONDS:.0f} s after it broke.")
        await asyncio.sleep(_POLL_SECONDS)
    return time.monotonic()


async def _audited(cast: Cast, rollout: int) -> str:
    """Return the sentence of the audit event that took the traffic back. Raises StoryError."""
    events = await cast.requester.rows(f"rollouts/{rollout}/timeline/")
    for event in events:
        if event["action"].endswith("roll_back"):
            return " ".join(text for text in (event["sentence"], event["reason"]) if text)
    raise StoryError(f"No audit event says why {SERVICE} was rolled back.")
