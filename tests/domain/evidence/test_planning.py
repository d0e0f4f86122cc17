"""What the plan foretells, against the tests themselves on simulated looks: the median of measured over foretold is near 1."""

from __future__ import annotations

from dataclasses import replace
from math import inf, log
from statistics import median

import numpy as np
import pytest

from releases.domain.evidence import Moments, Settings, at_interval
from releases.domain.evidence.averaging import MeanTest, remember, weigh
from releases.domain.evidence.counting import Background, CountTest, Pair, bet, learn
from releases.domain.evidence.planning import (
    LEARNING_LOOKS,
    Flow,
    MeanFlow,
    requests_to_detect,
    seconds_to_detect,
    seconds_to_see_change,
    smallest_rise,
)
from releases.domain.evidence.settings import DWELL, LATENCY, PAYMENTS, CountRule

RUNS = 21
LOOKS = 3000


@pytest.mark.parametrize(
    ("rps", "share", "base", "rise"),
    [
        (50.0, 0.01, 0.003, 0.05),
        (200.0, 0.05, 0.004, 0.01),
        (200.0, 0.20, 0.004, 0.02),
        (200.0, 0.50, 0.002, 0.002),
        (1000.0, 0.01, 0.003, 0.005),
        (1000.0, 0.05, 0.001, 0.05),
        (1000.0, 0.50, 0.005, 0.003),
    ],
)
def test_the_time_to_find_a_rise_of_errors_is_foretold(
    rps: float, share: float, base: float, rise: float
) -> None:
    flow = Flow(candidate_rps=rps * share, stable_rps=rps * (1 - share), error_ratio=base)
    settings = Settings()
    foretold = seconds_to_detect(rise, flow=flow, settings=settings)

    measured = [_counted(rise, flow=flow, settings=settings, seed=seed) for seed in range(RUNS)]

    assert 0.75 < median(measured) / foretold < 1.33


@pytest.mark.parametrize(
    ("attempted", "share", "rise"), [(10.0, 0.2, 0.03), (100.0, 0.05, 0.02), (100.0, 0.5, 0.01)]
)
def test_the_time_to_find_failing_payments_is_foretold(attempted: float, share: float, rise: float) -> None:
    flow = Flow(candidate_rps=attempted * share, stable_rps=attempted * (1 - share), error_ratio=0.03)
    settings = Settings()
    foretold = seconds_to_detect(rise, flow=flow, settings=settings, rule=PAYMENTS)

    measured = [
        _counted(rise, flow=flow, settings=settings, seed=seed, rule=PAYMENTS) for seed in range(RUNS)
    ]

    assert 0.75 < median(measured) / foretold < 1.33


@pytest.mark.parametrize(
    ("rps", "share", "change"), [(50.0, 0.2, 0.10), (200.0, 0.05, 0.10), (200.0, 0.5, 0.06)]
)
def test_the_time_to_see_a_worse_mean_is_foretold(rps: float, share: float, change: float) -> None:
    flow = MeanFlow(candidate_rps=rps * share, stable_rps=rps * (1 - share), cv2=1.4)
    settings = Settings()
    foretold = seconds_to_see_change(change, flow=flow, rule=DWELL, settings=settings)

    measured = [_averaged(change, flow=flow, settings=settings, seed=seed) for seed in range(RUNS)]

    assert 0.75 < median(measured) / foretold < 1.33


def test_looks_of_two_seconds_are_foretold_as_well() -> None:
    settings = at_interval(Settings(), seconds=2)
    flow = Flow(candidate_rps=10, stable_rps=40, error_ratio=0.004)
    foretold = seconds_to_detect(0.05, flow=flow, settings=settings)

    measured = [_counted(0.05, flow=flow, settings=settings, seed=seed) for seed in range(RUNS)]

    assert 0.75 < median(measured) / foretold < 1.33


def test_clumps_take_longer_and_what_is_tolerated_is_never_found() -> None:
    flow = Flow(candidate_rps=10, stable_rps=190, error_ratio=0.004)
    settings = Settings()

    assert seconds_to_detect(
        0.01, flow=replace(flow, clumps=5.0), settings=settings
    ) > 1.5 * seconds_to_detect(0.01, flow=flow, settings=settings)
    assert seconds_to_detect(0.0004, flow=flow, settings=settings) == inf
    assert requests_to_detect(0.01, flow=flow, settings=settings) == pytest.approx(
        10 * seconds_to_detect(0.01, flow=flow, settings=settings)
    )
    still = MeanFlow(candidate_rps=10, stable_rps=190, cv2=1.4)
    assert seconds_to_see_change(0.02, flow=still, rule=DWELL, settings=settings) == inf
    cold = seconds_to_see_change(0.2, flow=still, rule=replace(LATENCY, psi=DWELL.psi), settings=settings)
    assert cold > settings.warm_up_scrapes * 15


def test_the_smallest_rise_is_found_within_the_time_and_a_smaller_one_is_not() -> None:
    flow, settings = Flow(candidate_rps=10, stable_rps=190, error_ratio=0.004), Settings()
    rise = smallest_rise(within_seconds=1800, flow=flow, settings=settings)

    assert rise is not None
    assert seconds_to_detect(rise * 1.05, flow=flow, settings=settings) <= 1800
    assert seconds_to_detect(rise * 0.9, flow=flow, settings=settings) > 1800


def _counted(
    rise: float, *, flow: Flow, settings: Settings, seed: int, rule: CountRule | None = None
) -> float:
    """Return the seconds until one test alone rolls back a candidate whose ratio is higher by ``rise``."""
    rng, rule = np.random.default_rng(seed), rule or settings.ratios[0]
    seconds, base = settings.interval_seconds, flow.error_ratio
    whole = flow.candidate_rps + flow.stable_rps
    known = Background()
    for _ in range(LEARNING_LOOKS):
        known = learn(known, x=float(rng.poisson(whole * seconds * base)), a=whole * seconds)
    test = CountTest(background=known)
    for number in range(1, LOOKS):
        mine, theirs = flow.candidate_rps * seconds, flow.stable_rps * seconds
        pair = Pair(float(rng.poisson(mine * (base + rise))), mine, float(rng.poisson(theirs * base)), theirs)
        test = bet(test, pair, rule=rule, settings=settings)
        if log(rule.weight) + test.log_e >= -log(settings.alpha):
            return number * seconds
    return inf


def _averaged(change: float, *, flow: MeanFlow, settings: Settings, seed: int) -> float:
    """Return the seconds until dwell alone rolls back a candidate whose mean is lower by ``change``."""
    rng, seconds = np.random.default_rng(seed), settings.interval_seconds
    rule = DWELL
    test = MeanTest()
    for _ in range(LEARNING_LOOKS):
        test = remember(
            test, _dwell(rng, (flow.candidate_rps + flow.stable_rps) * seconds), settings=settings
        )
    for number in range(1, LOOKS):
        mine = _dwell(rng, flow.candidate_rps * seconds, mean=40 * (1 - change))
        theirs = _dwell(rng, flow.stable_rps * seconds)
        test = weigh(test, mine, theirs, rule=rule, settings=settings)
        if log(rule.weight) + test.log_e(eta=settings.mean_eta) >= -log(settings.alpha):
            return number * seconds
    return inf


def _dwell(rng: np.random.Generator, count: float, *, mean: float = 40.0, cv2: float = 1.4) -> Moments:
    total = float(rng.gamma(count / cv2, mean * cv2))
    return Moments(count, total, count * mean * mean * (1 + cv2))
