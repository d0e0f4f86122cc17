"""Confidence sequences against the definition, solved another way, and their coverage under continuous looking."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import gamma, poisson

from releases.domain.evidence.bounds import mixture_width, rate_interval


@pytest.mark.parametrize(
    ("events", "exposure", "centre"), [(3, 1000, 0.002), (40, 9000, 0.004), (700, 20_000, 0.05)]
)
def test_both_ends_are_where_the_mixture_reaches_its_limit(
    events: int, exposure: float, centre: float
) -> None:
    found = rate_interval(events=events, exposure=exposure, centre=centre, beta=0.05)
    prior = gamma(0.5, scale=2 * centre)
    peak = events / exposure

    def mixture(q: float) -> float:
        value, _ = quad(
            lambda rate: (
                float(prior.pdf(rate))
                * math.exp(poisson.logpmf(events, rate * exposure) - poisson.logpmf(events, q * exposure))
            ),
            1e-12,
            peak * 4 + 20 / exposure,
            points=[peak],
            limit=400,
        )
        return float(value)

    assert mixture(found.low) == pytest.approx(2 / 0.05, rel=1e-3)
    assert mixture(found.high) == pytest.approx(2 / 0.05, rel=1e-3)
    assert found.low < peak < found.high


def test_nothing_seen_still_has_an_upper_end() -> None:
    found = rate_interval(events=0, exposure=1000, centre=0.002, beta=0.05)
    assert found.low == 0
    assert 0.003 < found.high < 0.01


@given(
    events=st.integers(0, 10**6),
    exposure=st.floats(1, 1e8),
    centre=st.floats(1e-6, 1.0),
    phi=st.floats(1.0, 30.0),
)
def test_an_interval_is_ordered_and_holds_the_estimate(
    events: int, exposure: float, centre: float, phi: float
) -> None:
    found = rate_interval(events=events, exposure=exposure, centre=centre, beta=0.05, phi=phi)
    assert math.isfinite(found.high)
    assert 0 <= found.low <= events / exposure * (1 + 1e-6) <= found.high * (1 + 2e-6)


def test_the_truth_is_missed_at_any_look_at_most_as_often_as_promised() -> None:
    rng, rate, missed, runs = np.random.default_rng(11), 0.01, 0, 300
    for _ in range(runs):
        events = np.cumsum(rng.poisson(rate * 200, size=120))
        missed += any(
            not _holds(int(x), 200.0 * (at + 1), rate) for at, x in enumerate(events) if at % 4 == 0
        )
    assert missed / runs <= 0.10  # 5 % per side


def _holds(events: int, exposure: float, rate: float) -> bool:
    found = rate_interval(events=events, exposure=exposure, centre=0.02, beta=0.05)
    return found.low <= rate <= found.high


def test_a_mixture_is_narrower_with_more_information() -> None:
    widths = [mixture_width(information, beta=0.05, eta=1e4) for information in (1e3, 1e4, 1e5, 1e6)]
    assert widths == sorted(widths, reverse=True)
    assert mixture_width(8e4, beta=0.05, eta=1e4) == pytest.approx(
        math.sqrt(9e4 * (2 * math.log(20) + math.log(9))) / 8e4
    )
