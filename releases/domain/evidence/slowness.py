"""Latency as a count: edges of the histogram, fixed before the candidate is judged, above which a request is slow."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, log

from releases.domain.evidence.look import Tally
from releases.domain.evidence.settings import SLOW_SHARES

MIN_REQUESTS = 200.0
"""A histogram of fewer requests does not say where 5 % are."""


def add_buckets(total: Mapping[float, float], more: Mapping[float, float]) -> dict[float, float]:
    """Add two cumulative histograms edge by edge. Where edges differ, only common ones can be added."""
    if not total:
        return dict(more)
    return {edge: count + more[edge] for edge, count in total.items() if edge in more}


def edges_of(buckets: Mapping[float, float]) -> tuple[float, ...]:
    """Return for 30 %, 5 % and 1 % the edge above which the share of requests is nearest to it, on a log scale.

    None is taken twice, so that three tests stay three; without enough requests the answer is empty.
    """
    count = max(buckets.values(), default=0.0)
    if count < MIN_REQUESTS:
        return ()
    free = {edge: (count - below) / count for edge, below in buckets.items() if edge < inf and count > below}
    chosen: list[float] = []
    for share in SLOW_SHARES:
        left = {edge: above for edge, above in free.items() if edge not in chosen}
        if left:
            chosen.append(min(left, key=lambda edge: abs(log(left[edge] / share))))
    return tuple(chosen)


def slow_of(tally: Tally, *, edge: float) -> tuple[float, float] | None:
    """Return (slower than the edge, measured); None if the histogram lacks the edge."""
    if edge not in tally.buckets:
        return None
    count = max(tally.buckets.values())
    return (max(count - tally.buckets[edge], 0.0), count)
