"""When to try again what the outside did not do: later each time, and never all at once."""

from __future__ import annotations

import random

FIRST_SECONDS = 2.0
LONGEST_SECONDS = 30.0
LONGEST_URGENT_SECONDS = 4.0
LONGEST_ASKED_SECONDS = 60.0
JITTER = 0.2
"""Part of the pause by which it is made longer or shorter: workers that failed together do not come back together."""


def pause_before_retry(tries: int, *, urgent: bool = False, asked: float | None = None) -> float:
    """Return the seconds until the next try after ``tries`` failures in a row (1 or more): doubled each time, up to a bound.

    What is ``urgent`` (a rollback) is tried often however long it fails. ``asked`` is what the other side said by
    Retry-After: never sooner, a minute at most.
    """
    longest = LONGEST_URGENT_SECONDS if urgent else LONGEST_SECONDS
    grown = min(FIRST_SECONDS * 2.0 ** min(tries - 1, 10), longest)
    spread = grown * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret depends on it
    return max(spread, min(asked or 0.0, LONGEST_ASKED_SECONDS))
