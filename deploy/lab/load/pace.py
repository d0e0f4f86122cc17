"""Spreads requests evenly over time."""

from __future__ import annotations

import asyncio

_LATE_SECONDS = 0.5


class Pace:
    """Lets through ``rps`` requests per second. What was missed during a stall is not made up for."""

    def __init__(self, rps: float) -> None:
        self._interval_seconds = 1 / rps
        self._next = 0.0

    async def turn(self, *, cost: int) -> None:
        """Wait for this request's turn; one of cost 2 takes the time of two."""
        now = asyncio.get_running_loop().time()
        begin = max(self._next, now - _LATE_SECONDS)
        self._next = begin + cost * self._interval_seconds
        if begin > now:
            await asyncio.sleep(begin - now)
