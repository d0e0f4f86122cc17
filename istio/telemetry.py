"""The port to the mesh's telemetry: counts and series of the versions of services, in Weir's own types.

"No data" is a value and never zero. A version is counted, or missing for one of the reasons of ``Missing``, and those are
different values: nothing known, gone stale, not a number, nobody answered.
Every implementation raises this tree and nothing else::

    TelemetryError
    ├── QueryRejected       the server refused the query (a bad template, too many samples)
    └── TelemetryUnreachable    no answer, or an answer that cannot be read
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class TelemetryError(Exception):
    """Prometheus could not say. ``str()`` is a sentence for the operator."""


class QueryRejected(TelemetryError):
    """The server understood and refused."""


class TelemetryUnreachable(TelemetryError):
    """The server did not answer in time, or answered with something that is no answer."""


@dataclass(frozen=True, slots=True)
class Target:
    """A service as the metrics of its ``source`` (istio/presets.py) name it: Istio's unless it says otherwise."""

    namespace: str
    service: str
    source: str = "istio"


class Missing(StrEnum):
    """Why there are no counts of a version in a window. None of these is a zero, a pass or a failure."""

    NO_DATA = "no_data"
    STALE = "stale"
    NOT_A_NUMBER = "not_a_number"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Question:
    """A business metric by query templates (istio/templates.py): a numerator, and a denominator where it is a ratio or mean."""

    name: str
    numerator: str
    denominator: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """What one version did in one window. All are counts of the window, not running totals.

    ``latency_bucket`` maps an upper edge in milliseconds (``inf`` last) to the number of requests at or below it;
    ``latency_sum_ms`` is their sum. Business counts are None where the service exports no such metric.
    ``dwell_*`` are number, sum and sum of squares of dwell times in seconds. ``custom`` maps the name of a ``Question`` to
    (numerator, denominator); the denominator is None where the metric has none.
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
    custom: Mapping[str, Sequence[float | None]] = field(default_factory=dict)


Reading = Counts | Missing
"""What is known of one version in one window."""


@dataclass(frozen=True, slots=True)
class Window:
    """The answer about all targets over one window, with the queries that were asked.

    ``missing`` names the versions that are known but could not be counted; whoever is in neither mapping is no data.
    """

    counts: Mapping[Target, Mapping[str, Counts]]
    missing: Mapping[Target, Mapping[str, Missing]] = field(default_factory=dict)
    queries: Sequence[str] = ()

    def of(self, target: Target, *, version: str) -> Reading:
        """Return the counts of one version, or why there are none."""
        counted = self.counts.get(target, {}).get(version)
        if counted is not None:
            return counted
        return self.missing.get(target, {}).get(version, Missing.NO_DATA)


@dataclass(frozen=True, slots=True)
class History:
    """The answer about one target over consecutive windows, with the queries that were asked.

    ``windows`` maps the epoch second of a window's end to the counts of each version; what has no sample is absent. ``missing``
    names, as in ``Window``, the versions that are known there but could not be counted.
    """

    windows: Mapping[float, Mapping[str, Counts]] = field(default_factory=dict)
    missing: Mapping[float, Mapping[str, Missing]] = field(default_factory=dict)
    queries: Sequence[str] = ()

    def of(self, at: float, *, version: str) -> Reading:
        """Return the counts of one version in the window that ended then, or why there are none."""
        counted = self.windows.get(at, {}).get(version)
        return self.missing.get(at, {}).get(version, Missing.NO_DATA) if counted is None else counted


@dataclass(frozen=True, slots=True)
class Series:
    """One figure of one version over time. ``points`` are (epoch seconds, value), oldest first, gaps left out."""

    figure: str
    version: str
    points: Sequence[tuple[float, float]]


class Telemetry(Protocol):
    """Reads what the versions of services did. Each call takes at most the adapter's time-out."""

    def window(
        self,
        targets: Collection[Target],
        *,
        end: datetime,
        seconds: float,
        questions: Collection[Question] = (),
    ) -> Window:
        """Count each version over ``[end - seconds, end]``, for all targets in one query per metric.

        Counter resets and series that first appear inside the window are handled; consecutive windows add up.
        Raises TelemetryError.
        """
        ...

    def history(
        self,
        target: Target,
        *,
        start: datetime,
        end: datetime,
        step_seconds: float,
        questions: Collection[Question] = (),
    ) -> History:
        """Return the counts of consecutive windows of ``step_seconds``, oldest first, each ending at a multiple of the step.

        Raises TelemetryError.
        """
        ...

    def check(self, query: str) -> Collection[frozenset[str]]:
        """Have a query parsed and evaluated now; return the label names of each row. Raises QueryRejected, TelemetryError."""
        ...

    def series(
        self,
        target: Target,
        *,
        start: datetime,
        end: datetime,
        step_seconds: float,
        questions: Collection[Question] = (),
    ) -> Sequence[Series]:
        """Return the figures of every version of one service for charts.

        Figures: ``success_ratio``, ``error_ratio`` (0-1), ``p50_ms``, ``p95_ms``, ``p99_ms``, ``rps``, and where the
        shop's business metrics exist ``payment_success_ratio``, ``conversions_per_second``, ``dwell_mean_seconds``.
        A question is a figure by its name: numerator over denominator, or per second where it has none.
        Raises TelemetryError.
        """
        ...

    def ping(self) -> float:
        """Return the age in seconds of the newest sample (0 = fresh). Raises TelemetryError."""
        ...
