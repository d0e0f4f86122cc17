"""The test of counts against values computed another way: by SciPy's binomial, and by playing the bets one by one."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from releases.domain.evidence.counting import Background, CountTest, Pair, bet, learn
from releases.domain.evidence.dispersion import Contrast, Dispersion, learn_pair
from releases.domain.evidence.settings import ALTERNATIVES, CountRule, Settings, Worse

PLAIN = CountRule("errors", weight=0.4, r0=1.0, slack=0.0, phi=1.0, psi=0.0)
UNCAPPED = Settings(cap_scrapes=1e-9, onset_first=1.0, dispersion_weight=1e12)
"""A cap out of reach, everything bet at once, and no clumps learned: the bare likelihood ratio."""
counts = st.integers(min_value=0, max_value=400)


def test_one_scrape_is_the_binomial_likelihood_ratio() -> None:
    pair = Pair(x_c=9, a_c=100, x_s=12, a_s=900)

    test = bet(CountTest(), pair, rule=PLAIN, settings=UNCAPPED)

    fair = 100 / 1000
    ratios = [binom.pmf(9, 21, 100 * m / (100 * m + 900)) / binom.pmf(9, 21, fair) for m in ALTERNATIVES]
    assert math.exp(test.log_e) == pytest.approx(np.mean(ratios), rel=1e-9)


def test_tolerance_moves_the_fair_share_by_ratio_and_slack() -> None:
    rule = CountRule("errors", weight=0.4, r0=1.1, slack=1e-4, phi=1.0, psi=0.0)
    known = CountTest(background=Background(events=19.5, exposure=9999.0))
    pair = Pair(x_c=5, a_c=200, x_s=10, a_s=1800)

    test = bet(known, pair, rule=rule, settings=UNCAPPED)

    rho = 1.1 + 1e-4 / (20 / 10_000)
    fair = 200 * rho / (200 * rho + 1800)
    ratios = [
        binom.pmf(5, 15, 200 * rho * m / (200 * rho * m + 1800)) / binom.pmf(5, 15, fair)
        for m in ALTERNATIVES
    ]
    assert math.exp(test.log_e) == pytest.approx(np.mean(ratios), rel=1e-9)


def test_fewer_than_tolerated_is_the_mirror_image_of_more() -> None:
    lower = CountRule("share", weight=0.05, r0=1 / 1.25, slack=0.0, phi=1.0, psi=0.0, worse=Worse.LOWER)
    upper = CountRule("share", weight=0.05, r0=1.25, slack=0.0, phi=1.0, psi=0.0)

    missing = bet(CountTest(), Pair(0, 50, 40, 50), rule=lower, settings=UNCAPPED)
    doubled = bet(CountTest(), Pair(40, 50, 0, 50), rule=upper, settings=UNCAPPED)

    assert missing.log_e == pytest.approx(doubled.log_e, rel=1e-12)


def test_clumps_and_shared_fate_temper_the_evidence() -> None:
    pair = Pair(x_c=9, a_c=100, x_s=12, a_s=900)
    rule = CountRule("errors", weight=0.4, r0=1.0, slack=0.0, phi=2.0, psi=0.1)

    test = bet(CountTest(), pair, rule=rule, settings=UNCAPPED)

    phi = 2.0 + 0.1 * 21 * 0.1 * 0.9
    bare = bet(CountTest(), pair, rule=PLAIN, settings=UNCAPPED)
    assert test.bets == pytest.approx([held / phi for held in bare.bets], rel=1e-9)


def test_one_scrape_brings_at_most_a_quarter_of_what_decides() -> None:
    settings = Settings()
    rule = settings.ratios[0]
    test = bet(CountTest(), Pair(x_c=1000, a_c=1000, x_s=0, a_s=9000), rule=rule, settings=settings)

    need = math.log(100) + math.log(8) + math.log(2) - math.log(0.4)
    assert max(test.bets) == pytest.approx(math.log(0.65) + need / 4)


def test_bets_that_begin_later_are_played_like_separate_ones() -> None:
    settings = Settings(cap_scrapes=1e-9, dispersion_weight=1e12)
    pairs = [Pair(1, 100, 10, 900), Pair(0, 100, 9, 900), Pair(6, 100, 8, 900)]
    test = CountTest()
    for pair in pairs:
        test = bet(test, pair, rule=PLAIN, settings=settings)

    def gain(m: float, pair: Pair) -> float:
        x = int(pair.x_c + pair.x_s)
        return float(binom.pmf(pair.x_c, x, 100 * m / (100 * m + 900)) / binom.pmf(pair.x_c, x, 0.1))

    onsets = [0.65, 0.35 * 160 / (160 * 161), 0.35 * 160 / (161 * 162)]
    wealth = (
        1
        - sum(onsets)
        + np.mean(
            [
                sum(w * math.prod(gain(m, pair) for pair in pairs[begin:]) for begin, w in enumerate(onsets))
                for m in ALTERNATIVES
            ]
        )
    )
    assert math.exp(test.log_e) == pytest.approx(wealth, rel=1e-9)


def test_onset_weights_sum_to_one_and_never_run_out() -> None:
    test, settings = CountTest(), Settings()
    for _ in range(5000):
        test = bet(test, Pair(1, 100, 9, 900), rule=PLAIN, settings=settings)

    assert 0 < test.unspent < 0.02
    assert test.unspent == pytest.approx(0.35 * 160 / (159 + 5000), rel=1e-6)


@given(x_c=counts, x_s=counts, more=st.integers(min_value=1, max_value=50))
def test_more_harm_is_never_less_evidence(x_c: int, x_s: int, more: int) -> None:
    settings = Settings()
    rule = settings.ratios[0]
    start = CountTest(background=Background(100.0, 50_000.0))

    less = bet(start, Pair(x_c, 500, x_s, 4500), rule=rule, settings=settings)
    worse = bet(start, Pair(x_c + more, 500, x_s, 4500), rule=rule, settings=settings)

    # Tempering weighs a larger scrape's evidence less, which may only pull a loss towards zero, never turn a gain.
    assert worse.log_e >= less.log_e - 1e-9


@given(pairs=st.lists(st.tuples(counts, counts), max_size=30))
def test_evidence_is_always_a_number(pairs: list[tuple[int, int]]) -> None:
    settings, test = Settings(), CountTest()
    for x_c, x_s in pairs:
        test = bet(test, Pair(x_c, 400, x_s, 400), rule=settings.ratios[0], settings=settings)
        assert math.isfinite(test.log_e)


@given(order=st.permutations([(3, 20), (0, 31), (5, 18), (1, 25)]))
def test_the_order_of_scrapes_does_not_matter_to_a_single_bet(order: list[tuple[int, int]]) -> None:
    """With everything bet at the start and nothing learned on the way, a sum is a sum."""
    test = CountTest()
    for x_c, x_s in order:
        test = bet(test, Pair(x_c, 100, x_s, 900), rule=PLAIN, settings=UNCAPPED)

    at_once = bet(CountTest(), Pair(9, 100, 94, 900), rule=PLAIN, settings=UNCAPPED)
    assert test.log_e == pytest.approx(at_once.log_e, rel=1e-9)


def test_dispersion_finds_clumps_and_forgives_drift() -> None:
    rng = np.random.default_rng(5)
    calm, clumped, drifting = Background(), Background(), Background()
    for at in range(400):
        calm = learn(calm, x=float(rng.poisson(10)), a=5000)
        clumped = learn(clumped, x=float(4 * rng.poisson(2.5)), a=5000)
        drifting = learn(drifting, x=float(rng.poisson(5 + at / 40)), a=5000)

    def phi(known: Background) -> float:
        return known.dispersion.phi(prior=1.5, prior_weight=8)

    assert phi(calm) == pytest.approx(1.0, abs=0.15)
    assert phi(clumped) == pytest.approx(4.0, abs=0.8)
    assert phi(drifting) < 1.6


def test_large_clumps_are_seen_where_the_service_always_had_them() -> None:
    """Clumps of ten are no outage of a service that has them every few minutes; a limit in numbers would halve them."""
    rng, known = np.random.default_rng(7), Background()
    for _ in range(2000):
        groups = int(rng.poisson(2))
        errors = float(groups + rng.negative_binomial(groups, 0.1)) if groups else 0.0
        known = learn(known, x=errors, a=5000)

    # Geometric clumps of mean k have a dispersion of 2 k - 1; that no scrape weighs more than four events costs a fifth of it.
    assert 14.0 < known.dispersion.phi(prior=1.5, prior_weight=8) < 20.0


def test_one_outage_neither_blinds_the_judge_nor_makes_the_next_one_ordinary() -> None:
    calm = Background()
    rng = np.random.default_rng(8)
    for _ in range(20):
        calm = learn(calm, x=float(rng.poisson(10)), a=5000)
    test = CountTest(background=calm)
    for errors in (3.0, 3.0, 900.0, 3.0, 900.0, 3.0):
        test = bet(test, Pair(errors, 500, 9, 4500), rule=Settings().ratios[0], settings=Settings())

    assert test.background.dispersion.largest == calm.dispersion.largest < 25
    assert test.phi(Settings().ratios[0], settings=Settings()) < 25


def test_dispersion_is_the_prior_until_something_is_seen_and_never_below_poisson() -> None:
    assert Dispersion().phi(prior=1.5, prior_weight=8) == 1.5
    assert Dispersion(squares=1.0, weight=1000.0).phi(prior=1.5, prior_weight=8) == 1.0
    believed = Dispersion(squares=300.0, weight=100.0, last=Contrast(0.1, 1.0, 10.0)).at_start(weight=8)
    assert (believed.squares, believed.weight) == pytest.approx((24.0, 8.0))
    assert believed.last is None


def test_dispersion_of_two_versions_is_blind_to_a_fault_that_lasts_and_to_a_shock_of_both() -> None:
    rng, faulty, shocked = np.random.default_rng(11), Dispersion(), Dispersion()
    for at in range(600):
        factor = 8 if at // 10 % 2 else 1
        faulty = learn_pair(faulty, x_c=float(rng.poisson(30)), a_c=1000, x_s=float(rng.poisson(6)), a_s=1000)
        shocked = learn_pair(
            shocked, x_c=float(rng.poisson(3 * factor)), a_c=500, x_s=float(rng.poisson(6 * factor)), a_s=1000
        )

    assert faulty.phi(prior=1.0, prior_weight=1) == pytest.approx(1.0, abs=0.15)
    assert shocked.phi(prior=1.0, prior_weight=1) == pytest.approx(1.0, abs=0.25)


def test_clumps_are_seen_although_all_of_them_fall_on_one_version() -> None:
    """Scrapes without events tell them from a rate: twelve errors in every third scrape are no four in each."""
    seen = Dispersion()
    for at in range(30):
        seen = learn_pair(seen, x_c=12.0 if at % 3 == 0 else 0.0, a_c=1000, x_s=0.0, a_s=1000)

    assert seen.phi(prior=1.5, prior_weight=8) > 6


@given(
    parts=st.lists(st.integers(min_value=1, max_value=30), min_size=1, max_size=4),
    weight=st.sampled_from([1.0, 20.0, 50.0, 95.0]),
)
def test_a_scrape_of_one_clump_or_fewer_is_a_fair_bet_whatever_the_clumps(
    parts: list[int], weight: float
) -> None:
    """Each clump falls on the candidate with the fair chance: over all ways to fall, the evidence is 1 in the mean."""
    rule = CountRule("errors", weight=0.4, r0=1.0, slack=0.0, phi=1e6, psi=0.0)
    fair, mean = weight / 100, 0.0
    for falls in itertools.product((0, 1), repeat=len(parts)):
        chance = math.prod(fair if fell else 1 - fair for fell in falls)
        mine = float(sum(part for part, fell in zip(parts, falls, strict=True) if fell))
        pair = Pair(x_c=mine, a_c=weight, x_s=sum(parts) - mine, a_s=100 - weight)
        mean += chance * math.exp(bet(CountTest(), pair, rule=rule, settings=UNCAPPED).log_e)

    assert mean == pytest.approx(1.0, rel=1e-9)
