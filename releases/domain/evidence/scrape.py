"""The outcomes of a judgement, and stored counts: how they are written, read, added up and summarised."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import Any

from istio.telemetry import Counts


class Outcome(StrEnum):
    """What a judgement says. No data is a class of its own: it never passes and never fails."""

    PASS = "pass"  # noqa: S105  an outcome, not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NO_DATA = "no_data"


def counts_as_json(counts: Counts | None) -> dict[str, Any] | None:
    """Write counts as JSON; the open bucket's edge becomes ``"+Inf"``."""
    if counts is None:
        return None
    data = asdict(counts)
    data["latency_bucket"] = {
        ("+Inf" if math.isinf(edge) else f"{edge:g}"): n for edge, n in counts.latency_bucket.items()
    }
    return data


def counts_from_json(data: Mapping[str, Any] | None) -> Counts | None:
    """Read what ``counts_as_json`` wrote."""
    if data is None:
        return None
    buckets = {float(edge.replace("+Inf", "inf")): n for edge, n in data["latency_bucket"].items()}
    return Counts(**{**data, "latency_bucket": buckets})


def total(parts: Sequence[Counts]) -> Counts | None:
    """Add counts of several windows. An optional count is None unless some window has it."""
    if not parts:
        return None
    buckets: dict[float, float] = {}
    for part in parts:
        for edge, n in part.latency_bucket.items():
            buckets[edge] = buckets.get(edge, 0.0) + n
    optional = {name: _sum([getattr(part, name) for part in parts]) for name in _OPTIONAL}
    return Counts(
        requests=sum(part.requests for part in parts),
        errors=sum(part.errors for part in parts),
        latency_bucket=dict(sorted(buckets.items())),
        latency_sum_ms=sum(part.latency_sum_ms for part in parts),
        custom=_own_metrics(parts),
        **optional,
    )


def quantile_ms(counts: Counts, q: float) -> float | None:
    """Return the q-quantile of the latency in ms by linear interpolation in its bucket, as Prometheus does; None without data."""
    edges = sorted(counts.latency_bucket.items())
    if not edges or edges[-1][1] <= 0:
        return None
    rank, low, below = q * edges[-1][1], 0.0, 0.0
    for edge, n in edges:
        if n >= rank:
            if math.isinf(edge):
                return low
            return low + (edge - low) * ((rank - below) / (n - below) if n > below else 1.0)
        low, below = edge, n
    return low


_OPTIONAL = (
    "payments_attempted",
    "payments_succeeded",
    "conversions",
    "dwell_count",
    "dwell_sum",
    "dwell_sum_sq",
)


def _own_metrics(parts: Sequence[Counts]) -> dict[str, list[float | None]]:
    """Add the service's own metrics: numerators and denominators apart, as ratios and means are made of both."""
    pairs: dict[str, list[Sequence[float | None]]] = {}
    for part in parts:
        for name, pair in part.custom.items():
            pairs.setdefault(name, []).append(pair)
    return {name: [_sum(side) for side in zip(*found, strict=True)] for name, found in pairs.items()}


def _sum(values: Sequence[float | None]) -> float | None:
    present = [value for value in values if value is not None]
    return sum(present) if present else None
