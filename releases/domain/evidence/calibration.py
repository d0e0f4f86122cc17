"""A service's own noise: how far two equally good versions of it drift apart, learnt from releases that ended well.

Over a release the candidate's events deviate from their part by D = sum of (x_c - x share), with binomial variance V = sum of
x share (1 - share). If each scrape had only clumps, E[D^2] = phi V; what is above is the shared fate of a version's few pods, which the
judge spreads over the scrapes as psi x share (1 - share): E[D^2] = phi V + psi Q with Q = sum of (x share (1 - share))^2. So psi is the
excess of the squared deviations over the sum of Q, over all releases. The default counts as some releases of its own, and is the floor.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from releases.domain.evidence.settings import REFERENCE_SECONDS

PRIOR_RELEASES = 4.0


@dataclass(frozen=True, slots=True)
class Sums:
    """What the releases so far add up to: squared deviations beyond clumps, the squares they are measured in, and how many."""

    excess: float = 0.0
    squares: float = 0.0
    releases: int = 0

    def as_json(self) -> dict[str, float]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class PairOf:
    """Events and exposure of both versions in one scrape."""

    x_c: float
    a_c: float
    x_s: float
    a_s: float


def with_release(sums: Sums, pairs: Iterable[PairOf], *, phi: float, seconds: float) -> Sums:
    """Take one release that ended well into the sums; ``seconds`` is the length of its scrapes."""
    deviation, variance, squares = 0.0, 0.0, 0.0
    for pair in pairs:
        exposure = pair.a_c + pair.a_s
        if pair.a_c <= 0 or pair.a_s <= 0:
            continue
        share, x = pair.a_c / exposure, pair.x_c + pair.x_s
        spread = x * share * (1 - share)
        deviation += pair.x_c - x * share
        variance += spread
        squares += spread * spread
    if squares <= 0:
        return sums
    # psi is stored for scrapes of 15 s: shorter ones share their fate with more neighbours.
    scale = seconds / REFERENCE_SECONDS
    return replace(
        sums,
        excess=sums.excess + (deviation * deviation - phi * variance) * scale,
        squares=sums.squares + squares,
        releases=sums.releases + 1,
    )


def calibrated_psi(sums: Sums, *, default: float) -> float:
    """Return psi for scrapes of 15 s, never below the default; few releases say little, so the default counts as four."""
    if sums.releases == 0 or sums.squares <= 0:
        return default
    prior = PRIOR_RELEASES * sums.squares / sums.releases
    return max(default, (default * prior + sums.excess) / (prior + sums.squares))
