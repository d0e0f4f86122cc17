"""What the gate still waits for, as the operator reads it: requests and minutes that come true."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from statistics import median

import numpy as np
import pytest

from releases.domain.evidence import (
    Decision,
    Judge,
    Judgement,
    Look,
    MeanRule,
    Moments,
    PlannedStep,
    Settings,
    Tally,
    with_metrics,
)
from releases.domain.evidence.progress import looks_needed
from releases.domain.evidence.settings import DWELL, ERRORS, LATENCY, PAYMENTS

SECONDS = 15.0
FOREVER = 10**6
STRICT_ON_ERRORS = replace(
    with_metrics(Settings()),
    ratios=(replace(ERRORS, final_margin=0.002),),
    means=(replace(LATENCY, final_margin=0.5),),
)


def tally(requests: int, *, rng: np.random.Generator, error_ratio: float = 0.002) -> Tally:
    """One window of a service with errors, payments and dwell times; latencies of about 30 ms."""
    attempted = rng.binomial(requests, 0.2)
    dwelt = rng.binomial(requests, 0.3)
    dwell = float(rng.gamma(max(dwelt, 1) / 1.4, 40 * 1.4)) if dwelt else 0.0
    fast, medium = np.sort(rng.binomial(requests, [0.5, 0.97]))
    return Tally(
        requests=float(requests),
        errors=float(rng.binomial(requests, error_ratio)),
        buckets={25.0: float(fast), 100.0: float(medium), math.inf: float(requests)},
        latency_sum_ms=requests * 30.0 + 20 * math.sqrt(requests) * rng.normal(),
        ratios={"payments": (float(rng.binomial(attempted, 0.03)), float(attempted))},
        means={"dwell": Moments(float(dwelt), dwell, dwelt * 1600 * 2.4)},
    )


def told(
    settings: Settings, *, rps: float, share: float = 0.5, seed: int = 1, looks: int = 4000
) -> Iterator[Judgement]:
    """Play the last step of a candidate that is as good as the stable version, until it is promoted."""
    rng, judge = np.random.default_rng(seed), Judge(settings)
    state = judge.start([PlannedStep(100 * share, FOREVER)])
    for _ in range(20):
        whole = tally(rng.poisson(rps * SECONDS), rng=rng)
        state, _judgement = judge.observe(state, Look(SECONDS, 0, None, whole, None))
    for _ in range(looks):
        mine, theirs = rng.poisson(rps * SECONDS * share), rng.poisson(rps * SECONDS * (1 - share))
        look = Look(SECONDS, 100 * share, 0, tally(theirs, rng=rng), tally(mine, rng=rng))
        state, judgement = judge.observe(state, look)
        yield judgement
        if judgement.decision is Decision.PROMOTE:
            return


@pytest.mark.parametrize(
    ("settings", "metric"),
    [
        (STRICT_ON_ERRORS, "errors"),
        (with_metrics(Settings(), ratios=[PAYMENTS]), "payments"),
        (with_metrics(Settings()), "latency"),
        (with_metrics(Settings(), means=[DWELL]), "dwell"),
    ],
    ids=["errors", "payments", "latency", "dwell"],
)
def test_the_promotion_is_foretold_for_counts_and_for_means(settings: Settings, metric: str) -> None:
    """What the twentieth look foretells is about right in the median of five releases; rather too long than too short.

    It is foretold for a steady difference; a real one wavers, and the first good moment opens the gate.
    """
    requests, minutes = [], []
    for seed in range(5):
        run = list(told(settings, rps=20, seed=seed))
        early, last = run[19], run[-1]
        assert last.decision is Decision.PROMOTE
        assert early.because == metric
        assert early.requests_needed is not None
        assert early.minutes_to_go is not None
        requests.append((last.requests - early.requests) / (early.requests_needed - early.requests))
        minutes.append((len(run) - 20) * SECONDS / 60 / early.minutes_to_go)

    assert 0.5 < median(requests) < 1.2
    assert median(minutes) == pytest.approx(median(requests), rel=0.1)


def test_latency_that_does_not_count_yet_is_waited_for_as_well() -> None:
    """While the candidate is cold the mean latency has not begun, and the time until it does is part of the answer."""
    settings = with_metrics(Settings())
    errors_known = replace(settings, ratios=(replace(settings.ratios[0], final_margin=None),))
    run = list(told(errors_known, rps=100))
    first = run[1]

    assert first.because == "latency"
    assert first.minutes_to_go is not None
    assert first.minutes_to_go > (errors_known.warm_up_scrapes - 2) * SECONDS / 60
    assert first.minutes_to_go == pytest.approx((len(run) - 2) * SECONDS / 60, rel=0.5)


def test_at_one_hundred_percent_nothing_is_learned_and_no_end_is_promised() -> None:
    *_rest, last = told(with_metrics(Settings()), rps=20, share=1.0, looks=30)

    assert last.decision is Decision.WAIT
    assert last.requests_needed is None
    assert last.minutes_to_go is None


def test_a_metric_nobody_has_measured_promises_nothing() -> None:
    own = MeanRule("basket", 0.05, 0.02, 0.002)
    *_rest, last = told(with_metrics(Settings(), means=[own]), rps=200, looks=400)

    assert last.because == "basket"
    assert last.requests_needed is None


@pytest.mark.parametrize("weighted", [0.0, 900.0, -900.0])
def test_so_many_looks_bring_the_bound_to_the_margin(weighted: float) -> None:
    found = looks_needed(margin=0.005, information=1e5, weighted=weighted, each=1e4, beta=0.05)
    later = looks_needed(margin=0.0025, information=1e5, weighted=weighted, each=1e4, beta=0.05)

    assert found is not None
    assert later is not None
    assert later > found
    assert looks_needed(margin=0.005, information=1e5, weighted=weighted, each=0.0, beta=0.05) is None
