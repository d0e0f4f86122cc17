"""The test of means and the histogram's moments, against integrals and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from releases.domain.evidence.averaging import MeanTest, Moments, moments_of_buckets, weigh
from releases.domain.evidence.settings import DWELL, LATENCY, Settings


@pytest.mark.parametrize(("z", "variance"), [(0.0, 800.0), (150.0, 900.0), (-200.0, 4000.0)])
def test_the_e_value_is_the_half_normal_mixture(z: float, variance: float) -> None:
    eta = 1500.0
    mixed, _ = quad(
        lambda theta: 2 * norm.pdf(theta, scale=eta**-0.5) * math.exp(theta * z - theta**2 * variance / 2),
        0,
        12 * eta**-0.5,
    )
    assert math.exp(MeanTest(z=z, weights=variance).log_e(eta=eta)) == pytest.approx(mixed, rel=1e-6)


def test_one_scrape_by_hand() -> None:
    known = MeanTest(memory=Moments(count=1000.0, total=50_000.0, squares=5_000_000.0))  # mean 50, cv^2 = 1
    test = weigh(
        known, Moments(100.0, 5500.0, 0.0), Moments(400.0, 20_000.0, 0.0), rule=LATENCY, settings=Settings()
    )

    w = 1 / (2.0 * 1.0 * (1 / 100 + 1 / 400) + 0.005)
    assert test.weights == pytest.approx(w)
    assert test.z == pytest.approx(w * (0.10 - 0.03))
    assert test.memory.count == pytest.approx(1000 * 0.88 + 400)


def test_one_wild_scrape_is_clipped() -> None:
    known = MeanTest(memory=Moments(1000.0, 50_000.0, 5_000_000.0))
    test = weigh(
        known, Moments(100.0, 1e9, 0.0), Moments(400.0, 20_000.0, 0.0), rule=LATENCY, settings=Settings()
    )

    assert test.z == pytest.approx(4 * math.sqrt(test.weights))


def test_a_shorter_dwell_is_harm_and_a_longer_one_is_not() -> None:
    known = MeanTest(memory=Moments(1000.0, 40_000.0, 3_840_000.0))
    fewer = known
    longer = known
    for _ in range(60):
        fewer = weigh(
            fewer,
            Moments(500.0, 17_500.0, 0.0),
            Moments(500.0, 20_000.0, 960_000.0 * 2),
            rule=DWELL,
            settings=Settings(),
        )
        longer = weigh(
            longer,
            Moments(500.0, 22_500.0, 0.0),
            Moments(500.0, 20_000.0, 960_000.0 * 2),
            rule=DWELL,
            settings=Settings(),
        )

    assert fewer.log_e(eta=1500) > math.log(100) > 0 > longer.log_e(eta=1500)


def test_moments_of_a_histogram_are_near_those_of_the_sample() -> None:
    rng = np.random.default_rng(3)
    sample = np.exp(3.4 + 0.7 * rng.normal(size=20_000))
    edges = [5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, math.inf]
    buckets = {edge: float((sample <= edge).sum()) for edge in edges}

    moments = moments_of_buckets(buckets, total=float(sample.sum()))

    assert moments.count == 20_000
    assert moments.squares == pytest.approx(float((sample**2).sum()), rel=0.15)


def test_an_empty_histogram_has_no_moments() -> None:
    assert moments_of_buckets({5.0: 0.0, math.inf: 0.0}, total=0.0) == Moments(0.0, 0.0, 0.0)
