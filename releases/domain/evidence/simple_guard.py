"""A guard that compares error ratio and p99 of the candidate with the stable version beside it.

Errors: a one-sided binomial test against twice the stable ratio, over the last half minute and over the whole step, since a
fault that begins late must not be diluted by a healthy past. p99: the share of candidate requests above the edge that 1 %
of the stable ones exceed. Few errors or few requests are no verdict, never a pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from scipy.special import bdtrc

from istio.telemetry import Counts
from releases.domain.evidence.scrape import Outcome, Scrape, Verdict, quantile_ms, total

RULE = "simple_guard"


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """Stored with each verdict. ``alpha`` is the probability of a false alarm per look at the tolerated edge."""

    alpha: float = 1e-4
    min_errors: int = 5
    min_requests: int = 200
    recent_seconds: float = 30.0
    error_factor: float = 2.0
    error_slack: float = 0.005
    p99_factor: float = 1.25
    slow_share: float = 0.02


def judge(scrapes: Sequence[Scrape], *, step: int | None, settings: GuardSettings | None = None) -> Verdict:
    """Say whether the candidate may stay.

    Scrapes are oldest first; those of ``step`` are judged. FAIL outweighs everything; PASS needs both metrics to have enough
    requests; a step in which the candidate had no sample is NO_DATA.
    """
    limits = settings or GuardSettings()
    mine = [scrape for scrape in scrapes if scrape.step == step]
    whole = _pair(mine)
    if whole is None or whole[1].requests <= 0:
        return _verdict(Outcome.NO_DATA, "no_requests", limits, numbers={"requests": 0, "scrapes": len(mine)})
    if whole[0].requests <= 0 and mine[-1].weight < 100:
        return _verdict(
            Outcome.NO_DATA, "no_stable_requests", limits, numbers={"requests": whole[1].requests}
        )
    horizon = mine[-1].at - timedelta(seconds=limits.recent_seconds)
    recent = _pair([scrape for scrape in mine if scrape.at > horizon])
    for pair in (whole, recent):
        if pair and (failed := _errors(*pair, limits=limits)):
            return failed
    if slow := _p99(*whole, limits=limits):
        return slow
    numbers = _numbers(*whole) | {"needed": limits.min_requests}
    if whole[1].requests < limits.min_requests:
        return _verdict(Outcome.INCONCLUSIVE, "few_requests", limits, numbers=numbers)
    return _verdict(Outcome.PASS, "not_worse", limits, numbers=numbers)


def _pair(scrapes: Sequence[Scrape]) -> tuple[Counts, Counts] | None:
    candidate = total([scrape.candidate for scrape in scrapes if scrape.candidate])
    stable = total([scrape.stable for scrape in scrapes if scrape.stable]) or Counts(requests=0, errors=0)
    return (stable, candidate) if candidate else None


def _errors(stable: Counts, candidate: Counts, *, limits: GuardSettings) -> Verdict | None:
    if candidate.errors < limits.min_errors:
        return None
    base = stable.errors / stable.requests if stable.requests else 0.0
    tolerated = max(limits.error_factor * base, base + limits.error_slack)
    chance = _at_least(candidate.errors, of=candidate.requests, share=tolerated)
    if chance >= limits.alpha:
        return None
    numbers = _numbers(stable, candidate) | {"tolerated_ratio": tolerated, "chance": chance}
    return _verdict(Outcome.FAIL, "more_errors", limits, metric="error_ratio", numbers=numbers)


def _p99(stable: Counts, candidate: Counts, *, limits: GuardSettings) -> Verdict | None:
    if min(candidate.requests, stable.requests) < limits.min_requests:
        return None
    p99_stable, p99_candidate = quantile_ms(stable, 0.99), quantile_ms(candidate, 0.99)
    if p99_stable is None or p99_candidate is None or p99_candidate <= limits.p99_factor * p99_stable:
        return None
    edge = min((edge for edge in stable.latency_bucket if edge >= p99_stable), default=None)
    if edge is None or edge not in candidate.latency_bucket:
        return None
    measured = max(candidate.latency_bucket.values())
    slow = measured - candidate.latency_bucket[edge]
    tolerated = max(
        limits.slow_share, 2 * (1 - stable.latency_bucket[edge] / max(stable.latency_bucket.values()))
    )
    chance = _at_least(slow, of=measured, share=tolerated)
    if chance >= limits.alpha:
        return None
    numbers = _numbers(stable, candidate) | {
        "edge_ms": edge,
        "slow": slow,
        "tolerated_share": tolerated,
        "chance": chance,
    }
    return _verdict(Outcome.FAIL, "slower", limits, metric="p99_ms", numbers=numbers)


def _at_least(events: float, *, of: float, share: float) -> float:
    """P(X >= events) for X ~ Binomial(of, share)."""
    k, n = round(events), max(round(of), round(events))
    return float(bdtrc(k - 1, n, min(share, 1.0))) if k > 0 else 1.0


def _numbers(stable: Counts, candidate: Counts) -> dict[str, float | None]:
    return {
        "requests": candidate.requests,
        "errors": candidate.errors,
        "stable_requests": stable.requests,
        "stable_errors": stable.errors,
        "error_ratio": candidate.errors / candidate.requests if candidate.requests else None,
        "stable_error_ratio": stable.errors / stable.requests if stable.requests else None,
        "p99_ms": quantile_ms(candidate, 0.99),
        "stable_p99_ms": quantile_ms(stable, 0.99),
    }


def _verdict(
    outcome: Outcome, code: str, limits: GuardSettings, *, numbers: dict[str, float | None], metric: str = ""
) -> Verdict:
    return Verdict(
        outcome=outcome, code=code, rule=RULE, metric=metric, numbers=numbers, settings=asdict(limits)
    )
