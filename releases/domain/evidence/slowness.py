"""Latency as a count: edges of the histogram, fixed before the candidate is judged, above which a request is slow."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from releases.domain.evidence.counting import Background, learn
from releases.domain.evidence.look import Tally
from releases.domain.evidence.settings import SLOW_SHARES

MIN_REQUESTS = 200.0
"""Fewer requests do not say where 5 % are."""


def learn_latency(known: Mapping[float, Background], stable: Tally) -> dict[float, Background]:
    """Learn, for every edge that could be chosen, how many requests are slower and how they clump."""
    learned = dict(known)
    for edge in stable.buckets:
        if edge < inf and (pair := slow_of(stable, edge=edge)) is not None:
            learned[edge] = learn(known.get(edge, Background()), x=pair[0], a=pair[1])
    return learned


def edges_of(known: Mapping[float, Background]) -> tuple[float, ...]:
    """Return for 30 %, 5 % and 1 % the lowest edge above which some requests are, but no more than that share.

    None is taken twice, so that three tests stay three; without enough requests the answer is empty.
    """
    above = {
        edge: seen.events / seen.exposure for edge, seen in known.items() if seen.exposure >= MIN_REQUESTS
    }
    chosen: list[float] = []
    for share in SLOW_SHARES:
        fitting = [edge for edge in above if 0 < above[edge] <= share and edge not in chosen]
        if fitting:
            chosen.append(min(fitting))
    return tuple(chosen)


def slow_of(tally: Tally, *, edge: float) -> tuple[float, float] | None:
    """Return (slower than the edge, measured); None if the histogram lacks the edge."""
    if edge not in tally.buckets:
        return None
    count = max(tally.buckets.values())
    return (max(count - tally.buckets[edge], 0.0), count)
