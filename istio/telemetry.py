"""The port to the mesh's telemetry: counts and series of the versions of services, in Weir's own types.

"No data" is a value and never zero: a version that the answer does not mention is absent from the mapping.
Every implementation raises this tree and nothing else::

    TelemetryError
    ├── QueryRejected       the server refused the query (a bad template, too many samples)
    └── TelemetryUnreachable    no answer, or an answer that cannot be read
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


class TelemetryError(Exception):
    """Prometheus could not say. ``str()`` is a sentence for the operator."""


class QueryRejected(TelemetryError):
    """The server understood and refused."""


class TelemetryUnreachable(TelemetryError):
    """The server did not answer in time, or answered with something that is no answer."""


@dataclass(frozen=True, slots=True)
class Target:
    """A service as Istio's standard metrics name it (``destination_service_namespace`` and ``..._name``)."""

    namespace: str
    service: str


@dataclass(frozen=True, slots=True)
class Counts:
    """What one version did in one window. All are counts of the window, not running totals.

    ``latency_bucket`` maps an upper edge in milliseconds (``inf`` last) to the number of requests at or below it;
    ``latency_sum_ms`` is their sum. Business counts are None where the service exports no such metric.
    ``dwell_*`` are number, sum and sum of squares of dwell times in seconds.
    """

    requests: float
    errors: float
    latency_bucket: Mapping[float, float] = field(default_factory=dict)
    latency_sum_ms: float = 0.0
    payments_attempted: float | None = None
    payments_succeeded: float | None = None
    conversions: float | None = None
    dwell_count: float | None = None
    dwell_sum: float | None = None
    dwell_sum_sq: float | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """One figure of one version over time. ``points`` are (epoch seconds, value), oldest first, gaps left out."""

    figure: str
    version: str
    points: Sequence[tuple[float, float]]


class Telemetry(Protocol):
    """Reads what the versions of services did. Each call takes at most the adapter's time-out."""

    def window(
        self, targets: Collection[Target], *, end: datetime, seconds: float
    ) -> Mapping[Target, Mapping[str, Counts]]:
        """Return each version's counts over ``[end - seconds, end]``, for all targets in one query per metric.

        Counter resets and series that first appear inside the window are handled; consecutive windows add up.
        A target or version without a sample at ``end`` is absent. Raises TelemetryError.
        """
        ...

    def series(
        self, target: Target, *, start: datetime, end: datetime, step_seconds: float
    ) -> Sequence[Series]:
        """Return the figures of every version of one service for charts.

        Figures: ``success_ratio``, ``error_ratio`` (0-1), ``p50_ms``, ``p95_ms``, ``p99_ms``, ``rps``, and where the
        shop's business metrics exist ``payment_success_ratio``, ``conversions_per_second``, ``dwell_mean_seconds``.
        Raises TelemetryError.
        """
        ...

    def ping(self) -> float:
        """Return the age in seconds of the newest sample (0 = fresh). Raises TelemetryError."""
        ...
