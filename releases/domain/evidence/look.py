"""What the judge is shown: one look at both versions, over one scrape interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite

from istio.telemetry import Counts
from releases.domain.evidence.averaging import Moments, moments_of_buckets


@dataclass(frozen=True, slots=True)
class Tally:
    """What one version did in one interval: counts of the interval, not running totals.

    ``buckets`` maps an upper edge in ms (``inf`` last) to the requests at or below it. ``ratios`` maps a metric to (events,
    exposure), the event being what the metric counts (failed payments of attempted ones); ``means`` to its moments.
    A metric that is absent was not measured in this interval; a metric that is measured and zero is there.
    """

    requests: float
    errors: float = 0.0
    buckets: Mapping[float, float] = field(default_factory=dict)
    latency_sum_ms: float = 0.0
    ratios: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    means: Mapping[str, Moments] = field(default_factory=dict)

    @property
    def is_sound(self) -> bool:
        """Whether every number is finite and not negative; else the whole tally is no data."""
        numbers = [self.requests, self.errors, self.latency_sum_ms, *self.buckets.values()]
        numbers += [number for pair in self.ratios.values() for number in pair]
        numbers += [number for m in self.means.values() for number in (m.count, m.squares)]
        return all(isfinite(number) and number >= 0 for number in numbers) and all(
            isfinite(m.total) for m in self.means.values()
        )

    def ratio(self, metric: str) -> tuple[float, float] | None:
        """Return (events, exposure) of a count metric; ``errors`` are of requests."""
        return (self.errors, self.requests) if metric == "errors" else self.ratios.get(metric)

    def mean(self, metric: str) -> Moments | None:
        """Return the moments of a mean metric; ``latency`` comes from the histogram."""
        if metric != "latency":
            return self.means.get(metric)
        return moments_of_buckets(self.buckets, total=self.latency_sum_ms) if self.buckets else None


NOTHING = Tally(requests=0.0)
"""A version that was looked for and got no request."""


@dataclass(frozen=True, slots=True)
class Look:
    """Both versions over the interval of ``seconds`` that just ended, while ``weight`` percent were declared.

    ``step`` counts from 0 and is None before the candidate's first traffic. A version that could not be measured (no
    answer, stale, not a number) is None and ``problem`` says why; a version without requests is ``NOTHING``.
    """

    seconds: float
    weight: float
    step: int | None
    stable: Tally | None
    candidate: Tally | None
    problem: str = ""


def tally_of(counts: Counts) -> Tally:
    """Return what the judge reads of the telemetry's counts: failed payments of attempted ones, dwell as a mean."""
    ratios: dict[str, tuple[float, float]] = {}
    means: dict[str, Moments] = {}
    if counts.payments_attempted is not None and counts.payments_succeeded is not None:
        failed = max(counts.payments_attempted - counts.payments_succeeded, 0.0)
        ratios["payments"] = (failed, counts.payments_attempted)
    if counts.dwell_count is not None and counts.dwell_sum is not None and counts.dwell_sum_sq is not None:
        means["dwell"] = Moments(counts.dwell_count, counts.dwell_sum, counts.dwell_sum_sq)
    return Tally(
        requests=counts.requests,
        errors=counts.errors,
        buckets=counts.latency_bucket,
        latency_sum_ms=counts.latency_sum_ms,
        ratios=ratios,
        means=means,
    )
