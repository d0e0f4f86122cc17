"""The test of means: is the candidate's mean worse than the stable one's by more than a margin?

Each scrape's relative difference, less the margin, is weighted by what its size and clumps make of it; the weighted sum is
judged by a half-normal mixture, which is an e-value at every look. The scale and the weights come from earlier scrapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isinf, log, sqrt

from scipy.special import log_ndtr

from releases.domain.evidence.settings import MeanRule, Settings, Worse

_CLIP = 4.0
_SMALLEST_CV2 = 0.05


@dataclass(frozen=True, slots=True)
class Moments:
    """Number, sum and sum of squares of a quantity in one scrape."""

    count: float
    total: float
    squares: float


@dataclass(frozen=True, slots=True)
class MeanTest:
    """``z`` over ``sqrt(variance)`` is the running statistic; ``memory`` the fading moments of the stable version."""

    z: float = 0.0
    weights: float = 0.0
    squares: float = 0.0
    memory: Moments = Moments(0.0, 0.0, 0.0)
    candidate: Moments = Moments(0.0, 0.0, 0.0)
    beside: Moments = Moments(0.0, 0.0, 0.0)
    difference: float = 0.0

    def log_e(self, *, eta: float) -> float:
        """Return the log of the e-value."""
        variance = max(self.weights, self.squares)
        if variance <= 0:
            return 0.0
        spread = variance + eta
        scaled = self.z / sqrt(spread)
        return float(log(2) + 0.5 * log(eta / spread) + scaled * scaled / 2 + log_ndtr(scaled))


def remember(test: MeanTest, stable: Moments, *, settings: Settings) -> MeanTest:
    """Let the memory of the stable version fade by one scrape and take this one in."""
    keep, old = settings.mean_memory, test.memory
    faded = Moments(
        old.count * keep + stable.count,
        old.total * keep + stable.total,
        old.squares * keep + stable.squares,
    )
    return replace(test, memory=faded)


def weigh(
    test: MeanTest, candidate: Moments, stable: Moments, *, rule: MeanRule, settings: Settings
) -> MeanTest:
    """Take one scrape of both versions into the evidence. Scale and spread are those known before it."""
    scale = mean_of(test.memory)
    if scale <= 0 or candidate.count <= 0 or stable.count <= 0:
        return remember(test, stable, settings=settings)
    sign = 1.0 if rule.worse is Worse.HIGHER else -1.0
    difference = sign * (mean_of(candidate) - mean_of(stable)) / scale
    clumps = rule.phi * cv2_of(test.memory) * (1 / candidate.count + 1 / stable.count)
    w = 1 / (clumps + rule.psi)
    z = w * (difference - rule.margin)
    limit = _CLIP * sqrt(w)
    z = max(-limit, min(limit, z))
    return remember(
        replace(
            test,
            z=test.z + z,
            weights=test.weights + w,
            squares=test.squares + z * z,
            difference=test.difference + w * difference,
            candidate=_plus(test.candidate, candidate),
            beside=_plus(test.beside, stable),
        ),
        stable,
        settings=settings,
    )


def mean_of(moments: Moments) -> float:
    """Return the mean, 0 without observations."""
    return moments.total / moments.count if moments.count > 0 else 0.0


def cv2_of(moments: Moments) -> float:
    """Return the squared coefficient of variation, never below 0.05."""
    mean = mean_of(moments)
    if mean <= 0:
        return 1.0
    return max(_SMALLEST_CV2, moments.squares / moments.count / (mean * mean) - 1)


def moments_of_buckets(buckets: Mapping[float, float], *, total: float) -> Moments:
    """Return the moments of a histogram: number and sum as measured, squares from the geometric middles of the buckets.

    ``buckets`` map an upper edge to the number at or below it, ``inf`` last. Istio exports no sum of squares.
    """
    low, below, squares = 0.0, 0.0, 0.0
    for edge, count in sorted(buckets.items()):
        upper = 2 * low if isinf(edge) else edge
        middle2 = low * upper if low > 0 else upper * upper / 4
        squares += (count - below) * middle2
        low, below = edge, count
    return Moments(below, total, squares)


def _plus(a: Moments, b: Moments) -> Moments:
    return Moments(a.count + b.count, a.total + b.total, a.squares + b.squares)
