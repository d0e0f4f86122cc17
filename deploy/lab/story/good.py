"""The good release: step by step to 100 %, and at each weight the split that was announced."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable

from deploy.lab.story.api import StoryError
from deploy.lab.story.outside import POINTS_ALLOWED, live_weight, measure_split
from deploy.lab.story.rollout import Cast, approved_rollout, follow, next_release

SERVICE = "product"
_SECONDS = 150.0
_SETTLED_SECONDS = 10.0
_POLL_SECONDS = 0.1


async def good_release(cast: Cast) -> None:
    """Play it. Raises StoryError if it does not complete, or if a measured split contradicts its weight."""
    release = await next_release(cast, service=SERVICE)
    cast.say(f"A good release: {SERVICE} {release.candidate} behaves well.")
    rollout = await approved_rollout(cast, release, reason=f"{release.candidate} is ready for everybody.")
    measured: set[float] = set()
    state, planned = "", list[float]()
    async for now in follow(cast, rollout, seconds=_SECONDS):
        state, planned = now["state"], now["weights"]
        await _measure(cast, subset=release.candidate, measured=measured)
    if state != "completed":
        raise StoryError(f"The good release of {SERVICE} ended {state}; it should have been completed.")
    final = await live_weight(cast.api, service=SERVICE, subset=release.candidate)
    if final != 100:
        raise StoryError(f"{SERVICE} {release.candidate} has {final:g} % after its release, not 100 %.")
    deadline = time.monotonic() + _SETTLED_SECONDS
    while final not in measured:
        if time.monotonic() > deadline:
            raise StoryError(
                f"The routes of {SERVICE} were not in use {_SETTLED_SECONDS:.0f} s after its end."
            )
        await _measure(cast, subset=release.candidate, measured=measured)
        await asyncio.sleep(_POLL_SECONDS)
    check_all_measured(planned, measured=measured)
    cast.say(f"{SERVICE} {release.candidate} is the stable version now, with all the traffic.")


def check_all_measured(planned: Iterable[float], *, measured: Collection[float]) -> None:
    """Raise StoryError naming each planned weight, in percent, at which nobody could count the answers."""
    missing = [weight for weight in planned if weight and weight not in measured]
    if missing:
        weights = ", ".join(f"{weight:g} %" for weight in missing)
        raise StoryError(
            f"Nothing was measured at {weights}: the mesh never had it, or not for as long as counting takes. "
            f"A split that nobody counted is not within {POINTS_ALLOWED:g} points."
        )


async def _measure(cast: Cast, *, subset: str, measured: set[float]) -> None:
    """Measure and say the split of a weight that was not ``measured`` yet, and add it. Raises StoryError."""
    weight = await live_weight(cast.api, service=SERVICE, subset=subset)
    if weight == 0 or weight in measured:
        return
    split = await measure_split(cast.mesh, api=cast.api, service=SERVICE, subset=subset, path="/products")
    if split is None:  # it moved meanwhile: the next look will tell
        return
    counted = f"{subset} answered {split.candidate} of {split.requests} requests"
    cast.say(f"  weight {split.weight:g} %: {counted}, {split.measured:.1f} %")
    if not split.is_as_configured:
        raise StoryError(
            f"{split.measured:.1f} % measured at weight {split.weight:g} % is more than {POINTS_ALLOWED:g} points off."
        )
    measured.add(split.weight)
