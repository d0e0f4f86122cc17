"""From running totals to what happened in between. A total that fell was reset: what it shows now happened since."""

from __future__ import annotations

from collections.abc import Sequence


def increase(before: float, after: float) -> float:
    """Return by how much a counter grew, as Prometheus does across a reset."""
    return after - before if after >= before else after


def bucket_increases(before: Sequence[float], after: Sequence[float]) -> list[float]:
    """Return by how much each cumulative bucket grew. One reset resets them all, told by the last, which counts everything."""
    if after and before and after[-1] >= before[-1]:
        return [max(now - then, 0.0) for then, now in zip(before, after, strict=True)]
    return list(after)
