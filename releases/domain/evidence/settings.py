"""The constants of the judge as values: what is tested, with which tolerance, prior and share of the error budget.

They are written for scrapes of 15 s; ``at_interval`` carries them to another length. Every verdict stores them, so that it
can be recomputed. Ratios are candidate / stable, slacks are differences of ratios (0-1), ``psi`` is a variance per scrape.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from math import ceil, log
from typing import Any, TypeVar

REFERENCE_SECONDS = 15.0
"""The interval the constants are written for."""
ALTERNATIVES = (1.1, 1.25, 1.5, 2.0, 3.0, 6.0, 15.0, 60.0)
"""How many times worse than tolerated the candidate might be: the bets are spread evenly over these."""
SLOW_SHARES = (0.30, 0.05, 0.01)
"""Three latency edges: where the stable version exceeds this share."""


class Worse(StrEnum):
    """Which direction of the figure is harm."""

    HIGHER = "higher"
    LOWER = "lower"


@dataclass(frozen=True, slots=True)
class CountRule:
    """How events in exposure are tested: ``r0`` the tolerated ratio, ``slack`` the tolerated difference on top.

    ``weight`` is the share of the error budget, ``phi`` the prior dispersion (1 = Poisson), ``psi`` the shared fate of a
    version's few pods. Metrics other than ``errors`` read ``Counts.ratios[metric]``.
    """

    metric: str
    weight: float
    r0: float
    slack: float
    phi: float
    psi: float
    worse: Worse = Worse.HIGHER
    final_margin: float | None = None

    def __post_init__(self) -> None:
        if self.weight <= 0 or self.r0 <= 0 or (self.final_margin is not None and self.final_margin <= 0):
            raise ValueError(
                f"The rule of {self.metric!r} needs a weight, a ratio and a final margin above 0."
            )


@dataclass(frozen=True, slots=True)
class MeanRule:
    """How a mean is tested: ``margin`` is the tolerated relative change, ``worse`` its harmful direction."""

    metric: str
    weight: float
    margin: float
    psi: float
    worse: Worse = Worse.HIGHER
    phi: float = 2.0
    final_margin: float = 0.10


ERRORS = CountRule("errors", 0.40, 1.10, 1e-4, 1.5, 0.10, final_margin=0.005)
SLOW = CountRule("slow", 0.15, 1.05, 5e-4, 2.0, 0.05)
PAYMENTS = CountRule("payments", 0.20, 1.02, 0.0, 1.5, 0.01, final_margin=0.01)
SHARE = CountRule("sample_ratio", 0.10, 1.25, 0.0, 3.0, 0.05)
BASELINE = CountRule("baseline", 0.05, 3.0, 0.02, 3.0, 0.10)
LATENCY = MeanRule("latency", 0.05, 0.03, 0.005)
DWELL = MeanRule("dwell", 0.05, 0.02, 0.002, worse=Worse.LOWER)


_Rule = TypeVar("_Rule", CountRule, MeanRule)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the judge takes for granted. ``alpha`` is the chance of a false rollback per release, at the tolerated edge.

    ``ratios`` are the service's count metrics, errors first; ``means`` its means. ``beta`` is the error of the interval that
    opens the gate, ``blast_seconds`` the harmed requests it may let through, in seconds of the whole service failing.
    ``hold_fraction`` is the part of the way to a rollback, in log evidence, from which on the gate stays closed.
    ``warm_up_scrapes`` and ``settle_scrapes`` are how long latency does not count after the start and after a step; pods warm up in
    seconds, however often one looks, so that it is ``warm_up_seconds`` at least.
    ``shadow`` records verdicts and does nothing by them.
    """

    ratios: tuple[CountRule, ...] = (ERRORS, PAYMENTS)
    slow: CountRule = SLOW
    share: CountRule = SHARE
    baseline: CountRule = BASELINE
    means: tuple[MeanRule, ...] = (LATENCY, DWELL)
    interval_seconds: float = REFERENCE_SECONDS
    alpha: float = 0.01
    beta: float = 0.05
    blast_seconds: float = 26.0
    hold_fraction: float = 0.5
    cap_scrapes: float = 4.0
    onset_first: float = 0.65
    onset_scrapes: float = 160.0
    warm_up_scrapes: int = 10
    warm_up_seconds: float = 60.0
    settle_scrapes: int = 5
    dispersion_weight: float = 8.0
    mean_memory: float = 0.88
    mean_eta: float = 1500.0
    shadow: bool = False

    @property
    def warm_up_looks(self) -> int:
        """The looks at a candidate in which latency does not count."""
        return max(self.warm_up_scrapes, ceil(self.warm_up_seconds / self.interval_seconds))

    def need(self, weight: float) -> float:
        """Return the log evidence one alternative of a test of this weight must gather on its own to decide."""
        return log(1 / self.alpha) + log(len(ALTERNATIVES)) + log(2) - log(weight)

    def cap(self, weight: float) -> float:
        """Return the most log evidence one scrape may bring, so that no single burst decides.

        One alternative alone then needs four scrapes; where all eight reach the cap together, three are enough.
        """
        return self.need(weight) / self.cap_scrapes

    def as_json(self) -> dict[str, Any]:
        """Return plain values for a JSON column."""
        return asdict(self)

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Settings:
        """Read what ``as_json`` wrote; what is missing takes the default, what is unknown is refused (TypeError)."""
        data = dict(given)
        for name in ("slow", "share", "baseline"):
            if name in data:
                data[name] = _count_rule(data[name])
        if "ratios" in data:
            data["ratios"] = tuple(_count_rule(rule) for rule in data["ratios"])
        if "means" in data:
            data["means"] = tuple(
                MeanRule(**{**rule, "worse": Worse(rule["worse"])}) for rule in data["means"]
            )
        return cls(**data)


def at_interval(settings: Settings, *, seconds: float) -> Settings:
    """Return the settings for scrapes of another length: psi x 15 / D. Warm-ups are counted in scrapes and stay."""
    factor = settings.interval_seconds / seconds

    def scaled(rule: CountRule) -> CountRule:
        return replace(rule, psi=rule.psi * factor)

    return replace(
        settings,
        interval_seconds=seconds,
        ratios=tuple(scaled(rule) for rule in settings.ratios),
        slow=scaled(settings.slow),
        share=scaled(settings.share),
        baseline=scaled(settings.baseline),
        means=tuple(replace(rule, psi=rule.psi * factor) for rule in settings.means),
    )


def with_metrics(
    settings: Settings, *, ratios: Iterable[CountRule] = (), means: Iterable[MeanRule] = ()
) -> Settings:
    """Return the settings for a service that has these business metrics and no others.

    Ratios share the weight of payments, means that of dwell, in proportion to their own; what nobody uses goes to the rest
    in proportion, so that the weights still sum to one. Fixed before the candidate starts, else the mean is no e-value.
    """
    errors, latency = settings.ratios[0], settings.means[0]
    ratios, means = tuple(ratios), tuple(means)
    chosen = replace(
        settings,
        ratios=(errors, *_shared(ratios, total=PAYMENTS.weight)),
        means=(latency, *_shared(means, total=DWELL.weight)),
    )
    return _normalised(chosen)


def _normalised(settings: Settings) -> Settings:
    singles = (settings.slow, settings.share, settings.baseline)
    total = sum(rule.weight for rule in (*settings.ratios, *singles))
    total += sum(rule.weight for rule in settings.means)
    return replace(
        settings,
        ratios=_shared(settings.ratios, total=sum(rule.weight for rule in settings.ratios) / total),
        means=_shared(settings.means, total=sum(rule.weight for rule in settings.means) / total),
        slow=replace(settings.slow, weight=settings.slow.weight / total),
        share=replace(settings.share, weight=settings.share.weight / total),
        baseline=replace(settings.baseline, weight=settings.baseline.weight / total),
    )


def _shared(rules: tuple[_Rule, ...], *, total: float) -> tuple[_Rule, ...]:
    """Scale the weights of rules so that they sum to ``total``."""
    given = sum(rule.weight for rule in rules)
    return tuple(replace(rule, weight=rule.weight * total / given) for rule in rules)


def _count_rule(given: Mapping[str, Any]) -> CountRule:
    return CountRule(**{**given, "worse": Worse(given["worse"])})
