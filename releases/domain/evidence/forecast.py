"""What each metric of the judge can see in a step of a plan, foretold from a service's recorded past.

For every test that will count: the smallest harm it is expected to find within the step's bake, when its gate opened in the rehearsed
runs, and how often it cried wolf. A test that compares nothing in a step (no stable traffic, users sent by rule) is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from releases.domain.evidence.averaging import Moments, cv2_of
from releases.domain.evidence.counting import Background, learn
from releases.domain.evidence.look import Tally
from releases.domain.evidence.planning import Flow, MeanFlow, smallest_change, smallest_rise
from releases.domain.evidence.settings import SLOW_SHARES, CountRule, Settings
from releases.domain.evidence.slowness import edges_of, learn_latency, slow_of
from releases.domain.evidence.state import PlannedStep
from releases.domain.evidence.weighing import SHARE_TESTS, WHOLE, count_rules, slow_name

_FULL = 0.1
"""Requests as events need an exposure of which they are a part: ten times as much, of which only the split matters."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the past says of one metric: exposure per second of the whole service, events in it, and how clumped these are.

    For a mean ``exposure_rps`` are observations and ``spread`` their squared coefficient of variation; ``edge_ms`` is what a slow
    request is slower than.
    """

    exposure_rps: float
    ratio: float = 0.0
    clumps: float = 1.0
    spread: float = 0.0
    edge_ms: float | None = None


@dataclass(frozen=True, slots=True)
class MetricForecast:
    """What a step can count on of one metric.

    ``smallest_change`` is what is expected to be found within the bake, None: nothing. It is a difference of ratios (0-1), and where
    ``is_relative`` a part of the stable version's figure. ``verdict_seconds`` is the median time until the gate had heard enough of
    this metric, None where it asks nothing of it or did not in time; ``is_gated`` tells the two apart.
    """

    metric: str
    edge_ms: float | None
    is_relative: bool
    smallest_change: float | None
    is_gated: bool
    verdict_seconds: float | None
    false_alarms: int


def known_of(past: Sequence[Tally], *, settings: Settings) -> dict[str, Known]:
    """Read what the recorded windows say of every metric that the judge will test."""
    seconds = len(past) * settings.interval_seconds
    known = {
        rule.metric: found
        for rule in settings.ratios
        if (found := _counted((tally.ratio(rule.metric) for tally in past), seconds=seconds))
    }
    latency: Mapping[float, Background] = {}
    for tally in past:
        latency = learn_latency(latency, tally)
    for share, edge in zip(SLOW_SHARES, edges_of(latency), strict=False):
        pairs = (slow_of(tally, edge=edge) for tally in past)
        if found := _counted(pairs, seconds=seconds, edge_ms=edge):
            known[slow_name(share)] = found
    requests = sum(tally.requests for tally in past)
    known[SHARE_TESTS[0]] = Known(exposure_rps=requests / _FULL / seconds, ratio=_FULL)
    for rule in settings.means:
        moments = [mean for tally in past if (mean := tally.mean(rule.metric)) is not None]
        whole = reduce(_plus, moments, Moments(0.0, 0.0, 0.0))
        if whole.count > 0:
            known[rule.metric] = Known(exposure_rps=whole.count / seconds, spread=cv2_of(whole))
    return known


def smallest_of(
    known: Mapping[str, Known], step: PlannedStep, *, is_first: bool, settings: Settings
) -> Iterator[tuple[str, bool, float | None]]:
    """Yield (metric, is it relative, the smallest change that the step sees) of every metric that counts in it."""
    rules, means = count_rules(settings), {rule.metric: rule for rule in settings.means}
    share = step.weight / WHOLE
    for metric, found in known.items():
        if metric in SHARE_TESTS and not step.splits:
            continue
        if not 0 < share < 1 and metric != "errors":
            continue
        mine, theirs = found.exposure_rps * share, found.exposure_rps * (1 - share)
        within = (
            step.seconds - _waits(metric, is_first=is_first, settings=settings) * settings.interval_seconds
        )
        if (mean := means.get(metric)) is not None:
            flow = MeanFlow(candidate_rps=mine, stable_rps=theirs, cv2=found.spread)
            yield (
                metric,
                True,
                smallest_change(within_seconds=within, flow=flow, rule=mean, settings=settings),
            )
            continue
        rule = _rule(rules, metric, share=share)
        counted = Flow(candidate_rps=mine, stable_rps=theirs, error_ratio=found.ratio, clumps=found.clumps)
        rise = smallest_rise(within_seconds=within, flow=counted, settings=settings, rule=rule)
        if metric in SHARE_TESTS:
            yield metric, True, None if rise is None else rise / found.ratio
        else:
            yield metric, False, rise


def _rule(rules: Mapping[str, CountRule], metric: str, *, share: float) -> CountRule | None:
    """Return the rule of a metric; None leaves errors at 100 % to the frozen baseline."""
    return None if metric == "errors" and share >= 1 else rules[metric]


def _waits(metric: str, *, is_first: bool, settings: Settings) -> int:
    """Return how many looks of a step do not count: latency while the candidate is cold and a share settles, the split's first."""
    if metric == "latency" or metric.startswith("slow_"):
        return max(settings.warm_up_looks if is_first else 0, settings.settle_scrapes)
    return 1 if metric in SHARE_TESTS else 0


def _counted(
    pairs: Iterable[tuple[float, float] | None], *, seconds: float, edge_ms: float | None = None
) -> Known | None:
    seen = Background()
    for pair in pairs:
        if pair is not None:
            seen = learn(seen, x=pair[0], a=pair[1])
    if seen.exposure <= 0:
        return None
    clumps = seen.dispersion.phi(prior=1.0, prior_weight=1.0)
    return Known(exposure_rps=seen.exposure / seconds, ratio=seen.rate, clumps=clumps, edge_ms=edge_ms)


def _plus(a: Moments, b: Moments) -> Moments:
    return Moments(a.count + b.count, a.total + b.total, a.squares + b.squares)
