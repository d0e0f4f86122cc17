"""A/B experiments: users held to A (stable) or B (candidate) by their id, and which of the two does better.

The sample ratio comes first: if B did not get its part of the traffic, whoever is missing may be what makes the difference, and the
experiment is void. Then each KPI: the difference of means (a conversion is a mean of zeros and ones) with an interval that holds at every
look together (asymptotic confidence sequence, Waudby-Smith et al. 2024), so that looking early costs nothing. The rule that decides is
part of the plan, fixed before the start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from math import log, sqrt
from typing import Any

from releases.domain.evidence.averaging import Moments
from releases.domain.evidence.bounds import Interval

ALPHA = 0.05
SHARE_ALPHA = 0.001
"""A sound assignment is called broken in one experiment of a thousand at most."""
SHARE_SLACK = 0.01
"""A share this near to the declared one harms no comparison."""
_CLUMPS = 4.0
"""Users come back: this many requests tell as much as one of a stranger would."""
_KPI_CLUMPS = 1.5
_TUNED_FOR = 2000.0
"""The interval is narrowest at about so many observations per arm; elsewhere it is a little wider, never wrong."""


class Choice(StrEnum):
    """What the rule says so far."""

    CANDIDATE = "candidate"
    STABLE = "stable"
    VOID = "void"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Rule:
    """``kpi`` decides: B wins when its difference is above ``minimum_effect`` for sure, loses when it is below for sure.

    ``minimum_effect`` is relative to A's mean (0.02: two percent better). After ``maximum_seconds`` the experiment is a tie and ``on_tie``
    wins.
    """

    kpi: str = "conversion"
    minimum_effect: float = 0.0
    maximum_seconds: float = 14 * 24 * 3600
    on_tie: str = "stable"


@dataclass(frozen=True, slots=True)
class Arm:
    """What one version's users did since the experiment began; ``kpis`` maps a KPI to its moments."""

    requests: float = 0.0
    kpis: Mapping[str, Moments] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Experiment:
    """Both arms so far, and the time they ran side by side in seconds."""

    a: Arm = field(default_factory=Arm)
    b: Arm = field(default_factory=Arm)
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Experiment:
        arms = {name: _arm(given[name]) for name in ("a", "b")}
        return cls(**arms, seconds=given["seconds"])


@dataclass(frozen=True, slots=True)
class Kpi:
    """One KPI: means of both arms, the difference B - A with its interval (in the KPI's unit), None before both have data."""

    name: str
    a: float | None
    b: float | None
    count_a: float
    count_b: float
    difference: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Findings:
    """Where the experiment stands. ``share`` of B with its interval against the ``declared`` one; ``is_sound`` False voids everything."""

    choice: Choice
    share: float | None
    share_interval: Interval | None
    declared: float
    is_sound: bool
    requests_a: float
    requests_b: float
    seconds: float
    kpis: tuple[Kpi, ...]

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "choice": self.choice.value}


def observed(experiment: Experiment, *, a: Arm, b: Arm, seconds: float) -> Experiment:
    """Return the experiment after one more window of both arms."""
    return Experiment(a=_sum(experiment.a, a), b=_sum(experiment.b, b), seconds=experiment.seconds + seconds)


def findings(experiment: Experiment, *, rule: Rule, declared: float) -> Findings:
    """Say where the experiment stands; ``declared`` is B's share of the users, 0-1."""
    a, b = experiment.a, experiment.b
    share, interval = _share(a.requests, b.requests)
    is_sound = interval is None or interval.low - SHARE_SLACK <= declared <= interval.high + SHARE_SLACK
    names = sorted({*a.kpis, *b.kpis})
    kpis = tuple(_kpi(name, a.kpis.get(name), b.kpis.get(name)) for name in names)
    return Findings(
        choice=_choice(kpis, rule=rule, is_sound=is_sound, seconds=experiment.seconds),
        share=share,
        share_interval=interval,
        declared=declared,
        is_sound=is_sound,
        requests_a=a.requests,
        requests_b=b.requests,
        seconds=experiment.seconds,
        kpis=kpis,
    )


def half_width(*, variance: float, observations: float, alpha: float) -> float:
    """Return half the width of an interval of a mean that holds at every look together (two-sided).

    ``variance`` is of one observation. Waudby-Smith et al. 2024, eq. 2.4, tuned for 2,000 observations.
    """
    spread = (-2 * log(alpha) + log(-2 * log(alpha) + 1)) / _TUNED_FOR
    grown = observations * spread + 1
    return sqrt(variance * 2 * grown / (observations**2 * spread) * log(sqrt(grown) / alpha))


def _choice(kpis: Sequence[Kpi], *, rule: Rule, is_sound: bool, seconds: float) -> Choice:
    if not is_sound:
        return Choice.VOID
    kpi = next((kpi for kpi in kpis if kpi.name == rule.kpi), None)
    if kpi is not None and kpi.interval is not None and kpi.a is not None:
        least = rule.minimum_effect * kpi.a
        if kpi.interval.low > least:
            return Choice.CANDIDATE
        if kpi.interval.high < least:
            return Choice.STABLE
    if seconds >= rule.maximum_seconds:
        return Choice(rule.on_tie)
    return Choice.OPEN


def _share(a: float, b: float) -> tuple[float | None, Interval | None]:
    number = a + b
    if number <= 0:
        return None, None
    share = b / number
    variance = max(share * (1 - share), 1 / number) * _CLUMPS
    half = half_width(variance=variance, observations=number, alpha=SHARE_ALPHA)
    return share, Interval(low=max(share - half, 0.0), high=min(share + half, 1.0))


def _kpi(name: str, a: Moments | None, b: Moments | None) -> Kpi:
    count_a, count_b = (moments.count if moments else 0.0 for moments in (a, b))
    if not a or not b or count_a <= 0 or count_b <= 0:
        means = [moments.total / moments.count if moments and moments.count else None for moments in (a, b)]
        return Kpi(name, means[0], means[1], count_a, count_b, None, None)
    mean_a, mean_b = a.total / count_a, b.total / count_b
    # Two arms as one sequence of pairs: as many observations as the harmonic mean says.
    pairs = 1 / (1 / count_a + 1 / count_b)
    pooled = (_variance(a) * count_b + _variance(b) * count_a) / (count_a + count_b)
    half = half_width(variance=pooled * _KPI_CLUMPS, observations=pairs, alpha=ALPHA)
    difference = mean_b - mean_a
    return Kpi(
        name, mean_a, mean_b, count_a, count_b, difference, Interval(difference - half, difference + half)
    )


def _variance(moments: Moments) -> float:
    mean = moments.total / moments.count
    return max(moments.squares / moments.count - mean * mean, 1 / moments.count**2)


def _sum(before: Arm, more: Arm) -> Arm:
    kpis = dict(before.kpis)
    for name, moments in more.kpis.items():
        known = kpis.get(name, Moments(0.0, 0.0, 0.0))
        kpis[name] = Moments(
            known.count + moments.count, known.total + moments.total, known.squares + moments.squares
        )
    return replace(before, requests=before.requests + more.requests, kpis=kpis)


def _arm(given: Mapping[str, Any]) -> Arm:
    kpis = {name: Moments(**moments) for name, moments in given["kpis"].items()}
    return Arm(requests=given["requests"], kpis=kpis)
