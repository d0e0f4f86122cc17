"""What a snapshot's counts amount to, as the dashboard draws them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from istio.telemetry import Counts
from releases.domain.evidence.scrape import counts_from_json, quantile_ms


@dataclass(frozen=True, slots=True)
class Figures:
    """One version in one window. Ratios are 0-1 and null without requests; ``rps`` is requests per second."""

    requests: float
    errors: float
    error_ratio: float | None
    success_ratio: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    rps: float
    payment_success_ratio: float | None


def figures(stored: Mapping[str, Any] | None, *, seconds: float) -> Figures | None:
    """Return the figures of stored counts over a window of ``seconds``, or None where there was no sample."""
    counts = counts_from_json(stored)
    return None if counts is None else figures_of(counts, seconds=seconds)


def figures_of(counts: Counts, *, seconds: float) -> Figures:
    """Return the figures of counts over a window of ``seconds``."""
    error_ratio = counts.errors / counts.requests if counts.requests else None
    attempted, succeeded = counts.payments_attempted, counts.payments_succeeded
    return Figures(
        requests=counts.requests,
        errors=counts.errors,
        error_ratio=error_ratio,
        success_ratio=None if error_ratio is None else 1 - error_ratio,
        p50_ms=quantile_ms(counts, 0.5),
        p95_ms=quantile_ms(counts, 0.95),
        p99_ms=quantile_ms(counts, 0.99),
        rps=counts.requests / seconds if seconds else 0.0,
        payment_success_ratio=succeeded / attempted if attempted and succeeded is not None else None,
    )
