"""A telemetry that remembers what it was told the versions did, request by request.

Deterministic without a seed: request number ``k`` of a version fails, is slow, pays or converts according
to the fractional part of ``k`` times an irrational number, so every ratio is met evenly and windows add up
exactly.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from istio.telemetry import (
    Counts,
    History,
    Missing,
    QueryRejected,
    Question,
    Series,
    Target,
    TelemetryError,
    TelemetryUnreachable,
    Window,
)

EDGES_MS = (0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, math.inf)
"""Istio's own bucket edges, up to a minute."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """How one version behaves while it runs. Ratios are 0-1; payments and conversions are shares of requests.

    ``payment_share``, ``conversion_share`` or ``dwell_share`` None means: the service exports no such metric.
    """

    rps: float
    error_ratio: float = 0.0
    latency_ms: float = 20.0
    payment_share: float | None = None
    payment_success_ratio: float = 0.98
    conversion_share: float | None = None
    dwell_share: float | None = None
    dwell_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class _Silence:
    since: datetime
    until: datetime | None
    target: Target | None
    version: str | None

    def covers(self, at: datetime, target: Target, version: str) -> bool:
        concerned = self.target in (None, target) and self.version in (None, version)
        return concerned and self.since <= at and (self.until is None or at < self.until)


@dataclass(slots=True)
class _History:
    """What one version did: phases of steady traffic, oldest first, and single events."""

    phases: list[tuple[datetime, Traffic]] = field(default_factory=list)
    events: list[tuple[datetime, Counts]] = field(default_factory=list)

    def begun_by(self, at: datetime) -> bool:
        return any(since <= at for since, _ in (*self.phases, *self.events))


class FakeTelemetry:
    """Implements the Telemetry port. ``windows_read`` counts the calls of ``window()``."""

    def __init__(self) -> None:
        self.unreachable = False
        self.sample_age_seconds = 0.0
        self.windows_read = 0
        self._histories: defaultdict[Target, defaultdict[str, _History]] = defaultdict(
            lambda: defaultdict(_History)
        )
        self._silences: list[_Silence] = []
        self._failures: list[TelemetryError] = []

    def run(self, target: Target, version: str, traffic: Traffic, *, since: datetime) -> None:
        """Let a version behave like this from a moment on, until the next such call; moments in order."""
        phases = self._histories[target][version].phases
        if phases and phases[-1][0] > since:
            raise ValueError("Phases are told in order.")
        phases.append((since, traffic))

    def runs(self, target: Target, version: str) -> bool:
        """Say whether a version was ever told how to behave."""
        return any(of == version and history.phases for of, history in self._versions(target))

    def serve(self, target: Target, version: str, counts: Counts, *, at: datetime) -> None:
        """Let a version do exactly this at one instant."""
        self._histories[target][version].events.append((at, counts))

    def forget(self, target: Target) -> None:
        """Drop all that a service did."""
        self._histories.pop(target, None)

    def silence(
        self,
        *,
        since: datetime,
        until: datetime | None = None,
        target: Target | None = None,
        version: str | None = None,
    ) -> None:
        """Take no samples for a while: of everything, of one service, or of one version."""
        self._silences.append(_Silence(since, until, target, version))

    def end_silence(self, *, at: datetime) -> None:
        """Take samples again of everything that is silent now."""
        self._silences = [
            replace(silence, until=at) if silence.until is None else silence for silence in self._silences
        ]

    def fail_next(self, error: TelemetryError) -> None:
        """Raise the error at the next call, whatever it asks."""
        self._failures.append(error)

    def window(
        self,
        targets: Collection[Target],
        *,
        end: datetime,
        seconds: float,
        questions: Collection[Question] = (),
    ) -> Window:
        self._answer_or_raise()
        self.windows_read += 1
        counts: defaultdict[Target, dict[str, Counts]] = defaultdict(dict)
        missing: defaultdict[Target, dict[str, Missing]] = defaultdict(dict)
        start = end - timedelta(seconds=seconds)
        told = [(target, *item) for target in targets for item in self._versions(target)]
        for target, version, history in told:
            if not history.begun_by(end):
                continue
            if self._is_silent(target, version, start=start, end=end):
                missing[target][version] = Missing.STALE
                continue
            found = _counted(history, start=start, end=end)
            custom = {question.name: _answer_to(question, found) for question in questions}
            counts[target][version] = replace(found, custom=custom)
        return Window(counts=dict(counts), missing=dict(missing), queries=("fake",))

    def history(
        self,
        target: Target,
        *,
        start: datetime,
        end: datetime,
        step_seconds: float,
        questions: Collection[Question] = (),
    ) -> History:
        self._answer_or_raise()
        first = math.floor(start.timestamp() / step_seconds) + 1
        last = math.floor(end.timestamp() / step_seconds)
        windows: defaultdict[float, dict[str, Counts]] = defaultdict(dict)
        missing: defaultdict[float, dict[str, Missing]] = defaultdict(dict)
        for at in (tick * step_seconds for tick in range(first, last + 1)):
            moment = datetime.fromtimestamp(at, tz=UTC)
            begin = moment - timedelta(seconds=step_seconds)
            for version, history in self._versions(target):
                if not history.begun_by(moment):
                    continue
                if self._is_silent(target, version, start=begin, end=moment):
                    missing[at][version] = Missing.STALE
                else:
                    found = _counted(history, start=begin, end=moment)
                    custom = {question.name: _answer_to(question, found) for question in questions}
                    windows[at][version] = replace(found, custom=custom)
        return History(dict(windows), dict(missing), queries=(f"history of {target}",))

    def check(self, query: str) -> Collection[frozenset[str]]:
        self._answer_or_raise()
        if query.count("(") != query.count(")"):
            raise QueryRejected("Prometheus refused the query with 400: parse error: unclosed parenthesis")
        return [
            frozenset(label.strip() for label in labels.split(","))
            for labels in re.findall(r"by \(([^)]*)\)", query)
        ]

    def _versions(self, target: Target) -> Collection[tuple[str, _History]]:
        return self._histories.get(target, {}).items()

    def _is_silent(self, target: Target, version: str, *, start: datetime, end: datetime) -> bool:
        return any(
            silence.covers(moment, target, version) for silence in self._silences for moment in (start, end)
        )

    def series(
        self,
        target: Target,
        *,
        start: datetime,
        end: datetime,
        step_seconds: float,
        questions: Collection[Question] = (),
    ) -> Sequence[Series]:
        self._answer_or_raise()
        first = math.ceil(start.timestamp() / step_seconds)
        last = math.floor(end.timestamp() / step_seconds)
        lines: defaultdict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
        for tick in range(first, last + 1):
            at = tick * step_seconds
            moment = datetime.fromtimestamp(at, tz=UTC)
            for version, history in self._versions(target):
                silent = any(silence.covers(moment, target, version) for silence in self._silences)
                if silent or not history.begun_by(moment):
                    continue
                counts = _counted(history, start=moment - timedelta(seconds=step_seconds), end=moment)
                figures = _own_figures(counts, questions, seconds=step_seconds)
                for figure, value in (figures | _figures(counts, seconds=step_seconds)).items():
                    lines[figure, version].append((at, value))
        return [Series(figure, version, tuple(points)) for (figure, version), points in lines.items()]

    def ping(self) -> float:
        self._answer_or_raise()
        return self.sample_age_seconds

    def _answer_or_raise(self) -> None:
        if self._failures:
            raise self._failures.pop(0)
        if self.unreachable:
            raise TelemetryUnreachable("Prometheus did not answer: switched off.")


def _counted(history: _History, *, start: datetime, end: datetime) -> Counts:
    parts = [counts for at, counts in history.events if start < at <= end]
    for index, (since, traffic) in enumerate(history.phases):
        until = history.phases[index + 1][0] if index + 1 < len(history.phases) else end
        first = math.floor(max((start - since).total_seconds(), 0.0) * traffic.rps)
        last = math.floor((min(until, end) - since).total_seconds() * traffic.rps)
        parts.append(_requests(traffic, np.arange(first, max(first, last))))
    return _sum(parts)


def _answer_to(question: Question, counts: Counts) -> tuple[float, float | None]:
    """Answer a template that names the shop's counters of payments; anything else counts requests."""

    def value(template: str) -> float:
        if "payments_succeeded" in template:
            return counts.payments_succeeded or 0.0
        return (counts.payments_attempted or 0.0) if "payments_attempted" in template else counts.requests

    return value(question.numerator), value(question.denominator) if question.denominator else None


def _own_figures(counts: Counts, questions: Collection[Question], *, seconds: float) -> dict[str, float]:
    answers = {question.name: _answer_to(question, counts) for question in questions}
    found = {name: (above, seconds if below is None else below) for name, (above, below) in answers.items()}
    return {name: above / below for name, (above, below) in found.items() if below}


def _requests(traffic: Traffic, numbers: NDArray[np.int64]) -> Counts:
    """Count the requests with these numbers, each decided by its own number."""
    slowness = np.sort(_fractions(numbers, 3))
    # Weibull with shape 2 around the median: a hump with a short tail, none at zero.
    latencies = traffic.latency_ms * np.sqrt(-np.log2(1 - slowness))
    attempted = _share(numbers, 5, traffic.payment_share)
    paid = None if attempted is None else _fractions(attempted, 7) < traffic.payment_success_ratio
    converted = _share(numbers, 11, traffic.conversion_share)
    left = _share(numbers, 13, traffic.dwell_share)
    dwell = None if left is None else traffic.dwell_seconds * (0.5 + _fractions(left, 17))
    return Counts(
        requests=float(len(numbers)),
        errors=float((_fractions(numbers, 2) < traffic.error_ratio).sum()),
        latency_bucket={edge: float(np.searchsorted(latencies, edge, side="right")) for edge in EDGES_MS},
        latency_sum_ms=float(latencies.sum()),
        payments_attempted=None if attempted is None else float(len(attempted)),
        payments_succeeded=None if paid is None else float(paid.sum()),
        conversions=None if converted is None else float(len(converted)),
        dwell_count=None if dwell is None else float(len(dwell)),
        dwell_sum=None if dwell is None else float(dwell.sum()),
        dwell_sum_sq=None if dwell is None else float((dwell**2).sum()),
    )


def _fractions(numbers: NDArray[np.int64], prime: int) -> NDArray[np.float64]:
    """Return numbers spread evenly over 0-1; square roots of primes keep the decisions apart."""
    fractions: NDArray[np.float64] = np.modf((numbers + 0.5) * math.sqrt(prime))[0]
    return fractions


def _share(numbers: NDArray[np.int64], prime: int, share: float | None) -> NDArray[np.int64] | None:
    return None if share is None else numbers[_fractions(numbers, prime) < share]


def _sum(parts: Sequence[Counts]) -> Counts:
    buckets: defaultdict[float, float] = defaultdict(float)
    for part in parts:
        for edge, number in part.latency_bucket.items():
            buckets[edge] += number
    sums: dict[str, float] = {"requests": 0.0, "errors": 0.0}
    for name in (item.name for item in fields(Counts) if item.name not in {"latency_bucket", "custom"}):
        told = [value for part in parts if (value := getattr(part, name)) is not None]
        if told:
            sums[name] = sum(told)
    return Counts(latency_bucket=dict(sorted(buckets.items())), custom={}, **sums)


def _figures(counts: Counts, *, seconds: float) -> dict[str, float]:
    figures = {"rps": counts.requests / seconds}
    if counts.requests:
        figures["error_ratio"] = counts.errors / counts.requests
        figures["success_ratio"] = 1 - figures["error_ratio"]
        for percent in (50, 95, 99):
            figures[f"p{percent}_ms"] = _quantile(counts.latency_bucket, percent / 100)
    if counts.payments_attempted and counts.payments_succeeded is not None:
        figures["payment_success_ratio"] = counts.payments_succeeded / counts.payments_attempted
    if counts.conversions is not None:
        figures["conversions_per_second"] = counts.conversions / seconds
    if counts.dwell_count and counts.dwell_sum is not None:
        figures["dwell_mean_seconds"] = counts.dwell_sum / counts.dwell_count
    return {figure: value for figure, value in figures.items() if math.isfinite(value)}


def _quantile(buckets: Mapping[float, float], share: float) -> float:
    """Interpolate like Prometheus' ``histogram_quantile``: linear in the bucket, the last edge at the end."""
    wanted = share * buckets.get(math.inf, 0.0)
    lower, below = 0.0, 0.0
    for edge, number in buckets.items():
        if number >= wanted and number > below:
            return lower if math.isinf(edge) else lower + (edge - lower) * (wanted - below) / (number - below)
        lower, below = edge, number
    return math.nan
