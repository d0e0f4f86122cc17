"""How far the gate is from opening: "123 of about 500 requests, about 4 minutes to go".

It is foretold for a candidate that is as good as the stable version from now on, at the traffic of the current step: every
metric the gate still waits for says how many more requests of the candidate it needs, and the slowest of them is told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, inf, log

from releases.domain.evidence.averaging import MeanTest, cv2_of, mean_of
from releases.domain.evidence.bounds import mixture_width, rate_interval
from releases.domain.evidence.counting import CountTest, Pair, inverse_variance
from releases.domain.evidence.judgement import MetricEvidence
from releases.domain.evidence.settings import MeanRule, Settings
from releases.domain.evidence.state import State
from releases.domain.evidence.weighing import count_rules

_FAR = 1e12
_FEW = 1e-6
LEAST = 0.5
"""Less exposure than half a request is what rounding leaves of none."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What the gate still waits for: the slowest metric, the candidate's requests at which it opens, minutes until then."""

    metric: str
    requests: float | None
    minutes: float | None


def opening_of(
    state: State, evidence: tuple[MetricEvidence, ...], *, settings: Settings, is_last: bool
) -> Opening:
    """Say which metric the gate waits for longest, and when it opens if the candidate is as good as the stable version."""
    slowest, most = "", -1.0
    for metric in evidence:
        if metric.satisfies or metric.limit is None:
            continue
        missing = _missing(state, metric, limit=metric.limit, settings=settings, is_last=is_last)
        if missing > most:
            slowest, most = metric.metric, missing
    if most in {inf, -1.0}:
        return Opening(slowest, None, None)
    rate = state.in_step_requests[0] / state.seconds_in_step if state.seconds_in_step > 0 else 0.0
    return Opening(slowest, state.requests[0] + most, most / rate / 60 if rate > _FEW else None)


def exposure_needed(test: CountTest, *, limit: float, phi: float, beta: float) -> float | None:
    """Return the candidate's exposure at which a step's gate opens if it is as good as the stable version; None if never in sight.

    The stable version's exposure is taken to grow in proportion.
    """
    if min(test.candidate[1], test.beside[1]) < LEAST:
        return None
    beside_each = test.beside[1] / test.candidate[1]
    rate = test.background.rate

    def opens(exposure: float) -> bool:
        beside = exposure * beside_each
        mine = rate_interval(events=rate * exposure, exposure=exposure, centre=rate, beta=beta, phi=phi)
        theirs = rate_interval(events=rate * beside, exposure=beside, centre=rate, beta=beta, phi=phi)
        return mine.high - theirs.low < limit

    return _first(opens, above=10.0)


def looks_needed(
    *, margin: float, information: float, weighted: float, each: float, beta: float
) -> float | None:
    """Return how many more looks the bound of the final margin takes to fall below it; None if never in sight.

    ``information`` and ``weighted`` (the sum of the differences so weighted) are what is known, ``each`` what a look adds
    when both versions are alike. The difference seen so far stays in the mean and fades in it.
    """
    if each <= 0:
        return None

    def opens(looks: float) -> bool:
        known = information + looks * each
        return weighted / known + mixture_width(known, beta=beta, eta=1 / (margin * margin)) < margin

    return _first(opens, above=0.01)


def _missing(
    state: State, metric: MetricEvidence, *, limit: float, settings: Settings, is_last: bool
) -> float:
    """Return how many more requests of the candidate one metric needs; inf if no end is in sight."""
    test = state.counts.get(metric.metric)
    if test is None or is_last:
        looks = _looks(state, metric, limit=limit, settings=settings)
        return inf if looks is None else looks * _per_look(state)[0]
    if test.candidate[1] < LEAST:
        return inf
    needed = exposure_needed(test, limit=limit, phi=metric.phi, beta=settings.beta)
    if needed is None:
        return inf
    return max(needed - test.candidate[1], 0.0) * state.requests[0] / test.candidate[1]


def _looks(state: State, metric: MetricEvidence, *, limit: float, settings: Settings) -> float | None:
    mine, theirs = _per_look(state)
    if min(mine, theirs) < _FEW:
        return None
    if (test := state.counts.get(metric.metric)) is not None:
        share = _each_request(metric, state)
        pair = Pair(x_c=0.0, a_c=mine * share, x_s=0.0, a_s=theirs * share)
        rule = count_rules(settings)[metric.metric]
        each = inverse_variance(test, pair, rule=rule, settings=settings) if share > 0 else 0.0
        return looks_needed(
            margin=limit,
            information=test.information,
            weighted=test.weighted,
            each=each,
            beta=settings.beta,
        )
    rule_of_mean = next(rule for rule in settings.means if rule.metric == metric.metric)
    return _looks_of_mean(state, metric, rule=rule_of_mean, limit=limit, settings=settings)


def _looks_of_mean(
    state: State, metric: MetricEvidence, *, rule: MeanRule, limit: float, settings: Settings
) -> float | None:
    """Means count their own observations; latency also waits until the candidate is warm and the step has settled."""
    test, share, wait = state.means[rule.metric], _each_request(metric, state), 0
    if rule.metric == "latency":
        share = 1.0
        wait = max(settings.warm_up_looks - state.scrapes, settings.settle_scrapes - state.in_step, 0)
    if mean_of(test.memory) <= 0 or share <= 0:
        return None
    mine, theirs = (number * share for number in _per_look(state))
    noise = _noise(test)
    clumps = rule.phi * cv2_of(test.memory) * (1 / mine + 1 / theirs)
    looks = looks_needed(
        margin=limit,
        information=test.weights / noise,
        weighted=test.difference / noise,
        each=1 / (clumps + rule.psi) / noise,
        beta=settings.beta,
    )
    return None if looks is None else looks + wait


def _noise(test: MeanTest) -> float:
    return max(1.0, test.squares / test.weights) if test.weights > 0 else 1.0


def _per_look(state: State) -> tuple[float, float]:
    """Return requests of candidate and stable version per look of this step."""
    looks = max(state.in_step, 1)
    return state.in_step_requests[0] / looks, state.in_step_requests[1] / looks


def _each_request(metric: MetricEvidence, state: State) -> float:
    """Return what a request of the stable version brings of the metric's exposure: payments attempted, dwell times counted."""
    return metric.stable[1] / state.requests[1] if state.requests[1] >= LEAST else 0.0


def _first(opens: Callable[[float], bool], *, above: float) -> float | None:
    """Return about the smallest number at which a gate opens that stays open, looking upwards; None if beyond all bounds."""
    low, high = log(above), log(2 * above)
    while not opens(exp(high)):
        low, high = high, high + log(4.0)
        if exp(high) > _FAR:
            return None
    for _ in range(6):
        middle = (low + high) / 2
        low, high = (low, middle) if opens(exp(middle)) else (middle, high)
    return exp(high)
