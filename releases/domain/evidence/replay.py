"""Play a recorded trace to the judge, one scrape at a time, and say what it would have decided.

A trace holds running totals of both versions at the end of each scrape (README of the trace files). Its ``truth``, if it has
one, is not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from releases.domain.evidence.averaging import Moments
from releases.domain.evidence.counters import bucket_increases, increase
from releases.domain.evidence.judge import Judge
from releases.domain.evidence.judgement import Decision
from releases.domain.evidence.look import Look, Tally
from releases.domain.evidence.settings import Settings, at_interval
from releases.domain.evidence.state import PlannedStep

_INF = float("inf")


@dataclass(frozen=True, slots=True)
class Replayed:
    """The end of a replayed release: ``t`` is seconds since the candidate's first traffic, None if it was left undecided."""

    id: str
    decision: str
    t: float | None
    because: str


def replay(trace: Mapping[str, Any], *, settings: Settings | None = None) -> Replayed:
    """Judge one trace from its first scrape to the rollback or its end; promoted is what the last look would promote."""
    judge = Judge(settings or at_interval(Settings(), seconds=trace["scrape_s"]))
    state = judge.start(
        [PlannedStep(weight=100 * share, seconds=seconds) for share, seconds in trace["plan"]]
    )
    decision, because = Decision.NO_DATA, ""
    for t, look in looks_of(trace):
        state, judgement = judge.observe(state, look)
        decision, because = judgement.decision, judgement.because
        if decision is Decision.ROLL_BACK:
            return Replayed(trace["id"], "rollback", t, because)
    if decision is Decision.PROMOTE:
        return Replayed(trace["id"], "promote", trace["t"][-1], "")
    return Replayed(trace["id"], "inconclusive", None, because)


def looks_of(trace: Mapping[str, Any]) -> Iterator[tuple[float, Look]]:
    """Yield (seconds since the candidate's first traffic, look) in order of time."""
    edges = [_INF if edge == "+Inf" else float(edge) for edge in trace["le"]]
    ends = _ends(trace["plan"])
    for at, (t, share) in enumerate(zip(trace["t"], trace["weight"], strict=True)):
        yield (
            t,
            Look(
                seconds=trace["scrape_s"],
                weight=100 * share,
                step=None if share <= 0 else sum(t > end for end in ends[:-1]),
                stable=_tally(trace["stable"], at=at, edges=edges),
                candidate=_tally(trace["canary"], at=at, edges=edges),
            ),
        )


def _ends(plan: Sequence[tuple[float, float]]) -> list[float]:
    ends, end = [], 0.0
    for _, seconds in plan:
        end += seconds
        ends.append(end)
    return ends


def _tally(totals: Mapping[str, Sequence[Any]], *, at: int, edges: Sequence[float]) -> Tally:
    """Return what one version did in the scrape that ended at index ``at``."""

    def grown(name: str) -> float:
        series = totals[name]
        return increase(series[at - 1] if at else 0.0, series[at])

    series = totals["latency_bucket"]
    buckets = bucket_increases(series[at - 1] if at else [0.0] * len(edges), series[at])
    attempted = grown("payments_attempted")
    return Tally(
        requests=grown("requests"),
        errors=grown("errors"),
        buckets=dict(zip(edges, buckets, strict=True)),
        latency_sum_ms=grown("latency_sum_ms"),
        ratios={"payments": (max(attempted - grown("payments_succeeded"), 0.0), attempted)},
        means={"dwell": Moments(grown("dwell_count"), grown("dwell_sum"), grown("dwell_sum_sq"))},
    )
