"""The rehearsal's arithmetic: thinning is fair, equal versions raise few alarms, and what is foretold is what happens."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import median

import numpy as np
import pytest

from releases.domain.evidence import Judge, Look, Moments, PlannedStep, Settings, Tally
from releases.domain.evidence.judgement import Decision
from releases.domain.evidence.planning import Flow, seconds_to_detect, smallest_rise
from releases.domain.evidence.rehearsal import LEARNING, TooShort, rehearse, thinned

STEPS = [PlannedStep(weight=5, seconds=600), PlannedStep(weight=50, seconds=600)]


def windows(number: int, *, rps: float = 200, error_ratio: float = 0.004, seed: int = 7) -> list[Tally]:
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(number):
        requests = float(rng.poisson(rps * 15))
        slow = float(rng.binomial(int(requests), 0.05))
        found.append(
            Tally(
                requests=requests,
                errors=float(rng.binomial(int(requests), error_ratio)),
                buckets={25.0: requests * 0.6, 100.0: requests - slow, math.inf: requests},
                latency_sum_ms=requests * 30,
                means={"dwell": Moments(requests / 10, requests, requests * 20)},
            )
        )
    return found


def test_thinning_gives_each_part_its_share_and_loses_nothing() -> None:
    rng = np.random.default_rng(1)
    whole = windows(1)[0]

    parts = [thinned(whole, share=0.2, rng=rng) for _ in range(200)]

    assert all(mine.requests + rest.requests == whole.requests for mine, rest in parts)
    assert all(mine.errors + rest.errors == whole.errors for mine, rest in parts)
    assert all(mine.is_sound and rest.is_sound for mine, rest in parts)
    assert np.mean([mine.requests for mine, _ in parts]) == pytest.approx(0.2 * whole.requests, rel=0.02)
    assert np.mean([mine.errors for mine, _ in parts]) == pytest.approx(0.2 * whole.errors, rel=0.25)


def test_equal_versions_raise_no_alarm_and_each_step_says_what_it_sees() -> None:
    told: list[float] = []

    found = rehearse(windows(200), STEPS, settings=Settings(), on_progress=told.append)

    assert found.false_alarms == 0
    assert found.runs >= 3
    assert told == sorted(told)
    assert told[-1] == 1.0
    first, second = found.steps
    assert first.rps == pytest.approx(10, rel=0.05)
    assert first.smallest_rise is not None
    assert second.smallest_rise is not None
    assert second.smallest_rise < first.smallest_rise < 0.01


def test_each_metric_of_the_policy_says_what_each_step_sees_of_it() -> None:
    steps = [*STEPS, PlannedStep(weight=100, seconds=600)]

    first, second, whole = rehearse(windows(220), steps, settings=Settings()).steps

    names = {"errors", "slow_30", "sample_ratio_high", "latency", "dwell"}
    assert {metric.metric for metric in first.metrics} == names  # of its edges, one fits
    assert {metric.metric for metric in whole.metrics} == {"errors"}  # nobody runs beside the candidate
    later = {metric.metric: metric for metric in second.metrics}
    for metric in first.metrics:
        assert metric.smallest_change is not None
        again = later[metric.metric].smallest_change
        assert again is not None
        # Users who stay with their version limit what is seen of the share, not the traffic.
        if metric.metric != "sample_ratio_high":
            assert again <= metric.smallest_change
        assert metric.false_alarms == 0
    assert later["slow_30"].edge_ms == 100
    assert later["errors"].is_gated
    assert later["errors"].verdict_seconds is not None
    assert {metric.metric for metric in first.metrics if metric.is_relative} == {
        "sample_ratio_high",
        "latency",
        "dwell",
    }


def test_a_step_shorter_than_the_warm_up_sees_nothing_of_latency() -> None:
    settings = Settings()
    shorter = PlannedStep(weight=5, seconds=settings.warm_up_scrapes * settings.interval_seconds)

    seen = {
        metric.metric: metric
        for metric in rehearse(windows(200), [shorter, STEPS[1]], settings=settings).steps[0].metrics
    }

    assert seen["latency"].smallest_change is None
    assert seen["slow_30"].smallest_change is None
    assert seen["errors"].smallest_change is not None


def test_the_share_is_not_foretold_where_people_are_sent_by_rule() -> None:
    by_rule = [PlannedStep(weight=5, seconds=600, splits=False)]

    (step,) = rehearse(windows(200), by_rule, settings=Settings()).steps

    assert "sample_ratio_high" not in {metric.metric for metric in step.metrics}


@pytest.mark.parametrize("metric", ["slow_30", "sample_ratio_high", "dwell"])
def test_the_smallest_change_of_a_metric_is_found_in_about_its_bake(metric: str) -> None:
    """A release whose candidate is worse by what the step says it sees is rolled back in time as often as not."""
    past, step, found = windows(200), PlannedStep(weight=20, seconds=900), 0
    told = {one.metric: one for one in rehearse(past, [step], settings=Settings()).steps[0].metrics}[metric]
    assert told.smallest_change is not None

    for seed in range(15):
        rng, judge = np.random.default_rng([3, seed]), Judge(Settings())
        state = judge.start([step])
        for number, whole in enumerate(windows(LEARNING + 60, seed=100 + seed)):
            is_on = number >= LEARNING
            mine, rest = thinned(whole, share=0.2, rng=rng) if is_on else (None, whole)
            worse = harmed(mine, metric, by=told.smallest_change, rng=rng) if mine else None
            look = Look(
                seconds=15, weight=20 if is_on else 0, step=0 if is_on else None, stable=rest, candidate=worse
            )
            state, judgement = judge.observe(state, look)
        found += judgement.decision is Decision.ROLL_BACK

    assert found >= 3


def harmed(tally: Tally, metric: str, *, by: float, rng: np.random.Generator) -> Tally:
    """Return the candidate's window with more slow requests, more traffic than declared, or a shorter dwell time."""
    if metric == "slow_30":
        more = min(float(rng.poisson(by * tally.requests)), tally.buckets[100.0])
        return replace(tally, buckets={**tally.buckets, 100.0: tally.buckets[100.0] - more})
    if metric == "dwell":
        dwell = tally.means["dwell"]
        return replace(tally, means={"dwell": replace(dwell, total=dwell.total * (1 - by))})
    return replace(
        tally,
        requests=tally.requests * (1 + by),
        errors=tally.errors * (1 + by),
        buckets={edge: number * (1 + by) for edge, number in tally.buckets.items()},
    )


def test_a_quiet_service_s_first_step_is_blind_to_one_point() -> None:
    found = rehearse(windows(200, rps=4), [PlannedStep(1, 300), PlannedStep(50, 600)], settings=Settings())

    rise = found.steps[0].smallest_rise
    assert rise is None or rise > 0.01


def test_a_past_shorter_than_the_plan_is_played_shorter_and_says_so() -> None:
    found = rehearse(windows(LEARNING + 40), STEPS, settings=Settings())

    assert found.compressed == pytest.approx(0.5)
    with pytest.raises(TooShort):
        rehearse(windows(LEARNING + 4), STEPS, settings=Settings())


@pytest.mark.parametrize(("rise", "share"), [(0.01, 0.05), (0.02, 0.2), (0.05, 0.05)])
def test_the_foretold_time_is_near_the_simulated_one(rise: float, share: float) -> None:
    """By the whole judge, all metrics together: median of simulated over foretold time to detect near 1."""
    settings, rps, base = Settings(), 200.0, 0.004
    flow = Flow(candidate_rps=rps * share, stable_rps=rps * (1 - share), error_ratio=base)
    foretold = seconds_to_detect(rise, flow=flow, settings=settings)

    measured = [_simulated(rise, share=share, rps=rps, base=base, seed=seed) for seed in range(15)]

    assert 0.75 < median(measured) / foretold < 1.33


def test_more_time_sees_smaller_rises_and_no_traffic_sees_nothing() -> None:
    flow = Flow(candidate_rps=2, stable_rps=98, error_ratio=0.002)
    short = smallest_rise(within_seconds=120, flow=flow, settings=Settings())
    long = smallest_rise(within_seconds=86_400, flow=flow, settings=Settings())

    assert short is not None
    assert long is not None
    assert long < short
    none = Flow(candidate_rps=0, stable_rps=100, error_ratio=0.002)
    assert smallest_rise(within_seconds=3600, flow=none, settings=Settings()) is None


def _simulated(rise: float, *, share: float, rps: float, base: float, seed: int) -> float:
    judge, rng = Judge(), np.random.default_rng(seed)
    state = judge.start([PlannedStep(100 * share, 36_000), PlannedStep(100, 600)])
    for whole in windows(LEARNING, rps=rps, error_ratio=base, seed=seed):
        state, _ = judge.observe(state, Look(15, 0, None, whole, None))
    for number in range(1, 2000):
        mine, theirs = rng.poisson(rps * 15 * share), rng.poisson(rps * 15 * (1 - share))
        candidate = Tally(float(mine), float(rng.binomial(mine, base + rise)))
        stable = Tally(float(theirs), float(rng.binomial(theirs, base)))
        state, judgement = judge.observe(state, Look(15, 100 * share, 0, stable, candidate))
        if judgement.decision is Decision.ROLL_BACK:
            return number * 15.0
    return math.inf
