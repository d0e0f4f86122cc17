"""The judge as the engine uses it: look by look, stored in between, on good and bad data."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from releases.domain.evidence import (
    NOTHING,
    Decision,
    Judge,
    Judgement,
    Look,
    MeanRule,
    PlannedStep,
    Settings,
    State,
    Tally,
    Worse,
    at_interval,
    with_metrics,
)
from releases.domain.evidence.judge import combined
from releases.domain.evidence.replay import looks_of
from releases.domain.evidence.settings import PAYMENTS
from tests.simulated import FAULTS, HEALTHY, WORLDS, simulate

STEPS = [PlannedStep(5, 600), PlannedStep(50, 600), PlannedStep(100, 600)]
ERRORS_ONLY = with_metrics(Settings())
FAULT = {fault.name: fault for fault in FAULTS}


def tally(requests: float, errors: float) -> Tally:
    buckets = {10.0: requests / 2, 100.0: requests * 0.98, math.inf: requests}
    return Tally(requests, errors, buckets=buckets, latency_sum_ms=requests * 30)


def look(
    weight: float = 5,
    *,
    step: int | None = 0,
    errors: tuple[float, float] = (1, 19),
    requests: float = 10_000,
    problem: str = "",
) -> Look:
    mine = requests * weight / 100
    return Look(15, weight, step, tally(requests - mine, errors[1]), tally(mine, errors[0]), problem)


def before(number: int = 20) -> list[Look]:
    return [Look(15, 0, None, tally(10_000, 20), None) for _ in range(number)]


def play(looks: Sequence[Look], *, rules: Settings = ERRORS_ONLY) -> list[Judgement]:
    judge = Judge(rules)
    state, told = judge.start(STEPS), []
    for one in looks:
        state, judgement = judge.observe(state, one)
        told.append(judgement)
    return told


def test_equal_versions_go_on_once_the_blast_budget_is_proven() -> None:
    told = play([*before(), *[look()] * 12])

    assert told[19].decision is Decision.NO_DATA
    assert told[-1].decision is Decision.GO_ON
    errors = told[-1].metrics[0]
    assert errors.limit == pytest.approx(26 / (0.5 * 600))
    assert errors.interval is not None
    assert errors.interval.high < 26 / (0.5 * 600)


def test_many_errors_roll_back_after_a_few_scrapes_and_stay_rolled_back() -> None:
    told = play([*before(), *[look(errors=(250, 19))] * 4, look()])
    decisions = [judgement.decision for judgement in told[20:]]

    assert Decision.ROLL_BACK not in decisions[:2]
    assert decisions[3:] == [Decision.ROLL_BACK, Decision.ROLL_BACK]
    assert told[-1].because == "errors"
    assert told[23].log_e > math.log(100)


@pytest.mark.parametrize("quiet", [0, 1, 30])
def test_no_single_burst_decides_however_large(quiet: int) -> None:
    told = play([*before(), *[look()] * quiet, *[look(errors=(500, 0))] * 2, *[look()] * 20])
    assert all(judgement.decision is not Decision.ROLL_BACK for judgement in told)


def test_the_gate_stays_closed_while_evidence_against_the_candidate_builds() -> None:
    """Half of the way to a rollback, in log evidence, holds a step whose blast budget is long proven; fading lets it go."""
    worse = [look(errors=(8, 19))] * 5
    told = play([*before(), *[look()] * 40, *worse, *[look(errors=(0, 19))] * 30])
    quiet, rising, after = told[59], told[64], told[-1]

    assert quiet.decision is Decision.GO_ON
    assert rising.log_e > math.log(100) / 2
    assert (rising.decision, rising.because, rising.suspected) == (
        Decision.INCONCLUSIVE,
        "errors",
        True,
    )
    assert rising.requests_needed is None
    assert all(metric.satisfies for metric in rising.metrics)
    assert after.log_e < math.log(100) / 2
    assert (after.decision, after.suspected) == (Decision.GO_ON, False)
    free = play([*before(), *[look()] * 40, *worse], rules=replace(ERRORS_ONLY, hold_fraction=1.0))
    assert free[-1].decision is Decision.GO_ON


def test_a_brown_out_of_both_versions_rolls_nothing_back() -> None:
    told = play([*before(), *[look(errors=(150, 2850))] * 40])
    assert all(judgement.decision is not Decision.ROLL_BACK for judgement in told)


def test_too_little_traffic_waits_then_is_inconclusive_and_says_how_much_is_missing() -> None:
    few = [look(requests=10, errors=(0, 0.02)) for _ in range(41)]
    told = play([*[replace(one, stable=tally(10, 0.02)) for one in before()], *few])

    assert told[25].decision is Decision.WAIT
    assert told[-1].decision is Decision.INCONCLUSIVE
    assert told[-1].because == "errors"
    assert told[-1].requests == 20.5
    assert told[-1].requests_needed is not None
    assert told[-1].requests_needed > 20.5
    assert told[-1].minutes_to_go == pytest.approx((told[-1].requests_needed - 20.5) / 2, rel=1e-6)


def test_the_foretold_requests_open_the_gate() -> None:
    """What the sentence promises holds, within the rounding of its search."""
    rare = [look(requests=40, errors=(0.004, 0.076)) for _ in range(400)]
    told = play([*[replace(one, stable=tally(40, 0.08)) for one in before()], *rare])
    asked = told[24].requests_needed
    opened = next(judgement.requests for judgement in told if judgement.decision is Decision.GO_ON)

    assert asked is not None
    assert opened / asked == pytest.approx(1.0, abs=0.35)


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (replace(look(), stable=Tally(math.nan, 1)), "not_a_number"),
        (replace(look(), candidate=Tally(500, -1)), "not_a_number"),
        (replace(look(), candidate=Tally(500, 1, buckets={5.0: math.inf})), "not_a_number"),
        (replace(look(), problem="stale"), "stale"),
        (replace(look(), candidate=None), "no_candidate_data"),
        (replace(look(), stable=None), "no_stable_data"),
    ],
)
def test_what_cannot_be_measured_is_no_data_and_changes_no_evidence(broken: Look, problem: str) -> None:
    told = play([*before(), look(), look(), broken, broken])

    assert (told[-1].decision, told[-1].problem, told[-1].blanks) == (Decision.NO_DATA, problem, 2)
    assert told[-1].metrics[0].log_e == told[21].metrics[0].log_e
    assert play([*before(), look(), broken, look()])[-1].blanks == 0


def test_no_data_never_passes_and_never_fails_however_long() -> None:
    told = play([*before(), *[replace(look(), problem="unreachable")] * 500])
    assert {judgement.decision for judgement in told} == {Decision.NO_DATA}


def test_a_candidate_that_gets_nothing_is_found_by_the_sample_ratio() -> None:
    told = play([*before(), *[replace(look(), candidate=NOTHING)] * 40])
    absent = play([*before(), *[replace(look(), candidate=None)] * 40])

    assert (told[-1].decision, told[-1].because) == (Decision.ROLL_BACK, "sample_ratio_low")
    assert absent[-1].decision is Decision.ROLL_BACK


def test_header_rules_leave_no_sample_ratio_to_test() -> None:
    judge = Judge(ERRORS_ONLY)
    state = judge.start([PlannedStep(5, 600, splits=False)])
    for one in [*before(), *[replace(look(), candidate=NOTHING)] * 60]:
        state, judgement = judge.observe(state, one)
    assert judgement.decision is not Decision.ROLL_BACK


def test_at_one_hundred_percent_the_frozen_rate_stands_in() -> None:
    whole = [look(100, step=2, errors=(1500, 0))] * 20
    told = play([*before(), *[look()] * 10, *whole])
    slightly = play([*before(), *[look()] * 40, *[look(100, step=2, errors=(60, 0))] * 40])

    assert (told[-1].decision, told[-1].because) == (Decision.ROLL_BACK, "baseline")
    assert slightly[-1].decision is Decision.PROMOTE


def test_promotion_asks_the_final_margins() -> None:
    judge = Judge(ERRORS_ONLY)
    state = judge.start([PlannedStep(50, 600)])
    answers = []
    for one in [*before(), *[look(50, errors=(13, 10))] * 3, *[look(50, errors=(13, 10))] * 60]:
        state, judgement = judge.observe(state, one)
        answers.append(judgement)

    first, last = answers[20], answers[-1]
    assert first.decision is Decision.WAIT
    assert last.decision is Decision.PROMOTE
    assert last.metrics[0].limit == 0.005


def test_shadow_mode_says_it_and_does_not_act() -> None:
    bad = [*before(), *[look(errors=(250, 19))] * 6]
    real, shadow = play(bad)[-1], play(bad, rules=replace(ERRORS_ONLY, shadow=True))[-1]

    assert (real.decision, real.acts) == (Decision.ROLL_BACK, True)
    assert (shadow.decision, shadow.acts, shadow.shadow) == (Decision.ROLL_BACK, False, True)


def test_the_combination_is_the_weighted_mean_of_the_e_values() -> None:
    metrics = play([*before(), *[look(errors=(8, 19))] * 3])[-1].metrics
    log_e, strongest = combined(metrics)

    assert math.exp(log_e) == pytest.approx(sum(m.weight * math.exp(m.log_e) for m in metrics))
    assert sum(m.weight for m in metrics) == pytest.approx(1.0)
    assert strongest == "errors"


@pytest.mark.parametrize("name", ["healthy", "errors_half_point", "slowest_10_percent_x1.5"])
def test_stored_and_read_back_between_looks_it_says_the_same(name: str) -> None:
    trace = simulate(WORLDS[1], FAULT.get(name, HEALTHY), rps=200, seed=3)
    judge = Judge()
    kept = stored = judge.start([PlannedStep(100 * w, s) for w, s in trace["plan"]])
    for _t, one in looks_of(trace):
        kept, said = judge.observe(kept, one)
        stored, said_again = judge.observe(State.from_json(json.loads(json.dumps(stored.as_json()))), one)
        assert said == said_again
    assert kept == stored


fractions = st.integers(0, 100).map(lambda percent: percent / 100)
counts = st.integers(0, 10**9).map(lambda thousandths: thousandths / 1000) | st.sampled_from(
    [math.nan, math.inf, -1.0]
)
tallies = st.none() | st.builds(
    lambda n, share, slow: Tally(
        n,
        n * share,
        buckets={10.0: n * slow, 100.0: n * (1 - (1 - slow) / 4), math.inf: n},
        latency_sum_ms=n * 30,
    ),
    counts,
    fractions,
    fractions,
)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.builds(
            lambda weight, step, stable, candidate: Look(15, weight, step, stable, candidate),
            st.sampled_from([0.0, 1.0, 50.0, 100.0]),
            st.sampled_from([None, 0, 1, 2]),
            tallies,
            tallies,
        ),
        max_size=25,
    )
)
def test_whatever_is_shown_the_answer_is_a_number_and_can_be_stored(looks: list[Look]) -> None:
    for judgement in play(looks, rules=Settings()):
        text = json.dumps(judgement.as_json(), allow_nan=False)
        assert judgement.decision.value in text


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 60), st.integers(1, 60), st.integers(5, 25))
def test_more_harm_is_never_less_evidence(errors: int, more: int, number: int) -> None:
    less = play([*before(), *[look(errors=(errors, 19))] * number])[-1]
    worse = play([*before(), *[look(errors=(errors, 19))] * (number - 1), look(errors=(errors + more, 19))])[
        -1
    ]

    assert worse.log_e >= less.log_e - 1e-9


def test_settings_are_stored_and_read_back() -> None:
    rules = at_interval(replace(Settings(), shadow=True), seconds=2)
    assert Settings.from_json(json.loads(json.dumps(rules.as_json()))) == rules


def test_a_shorter_interval_has_more_noise_of_its_own() -> None:
    """psi x 15 / D: the shared fate of pods belongs to time, not to the number of looks."""
    fast = at_interval(Settings(), seconds=2)
    assert fast.ratios[0].psi == pytest.approx(0.10 * 7.5)
    assert fast.means[0].psi == pytest.approx(0.005 * 7.5)
    assert at_interval(fast, seconds=15).ratios[0].psi == pytest.approx(0.10)


def test_a_service_s_metrics_share_the_weight_of_the_budget() -> None:
    two = with_metrics(
        Settings(),
        ratios=[PAYMENTS, replace(PAYMENTS, metric="refunds")],
        means=[MeanRule("basket", 0.05, 0.02, 0.002, worse=Worse.LOWER)],
    )
    assert [rule.weight for rule in two.ratios] == pytest.approx([0.40, 0.10, 0.10])
    none = with_metrics(Settings())
    singles = [none.slow.weight, none.share.weight, none.baseline.weight]
    many = [rule.weight for rule in none.ratios] + [rule.weight for rule in none.means]
    assert sum(singles) + sum(many) == pytest.approx(1.0)
    assert none.ratios[0].weight == pytest.approx(0.40 / 0.75)


@pytest.mark.parametrize(("splits", "is_asked"), [(True, True), (False, False)])
def test_silence_of_a_candidate_is_evidence_only_where_requests_are_split_at_random(
    splits: bool, is_asked: bool
) -> None:
    """Where rules or user ids choose, it may be that nobody whom they choose came by."""
    judge = Judge(ERRORS_ONLY)
    state = judge.start([replace(step, splits=splits) for step in STEPS])
    for one in [*before(), *[replace(look(), candidate=None)] * 40]:
        state, judgement = judge.observe(state, one)

    share = next(metric for metric in judgement.metrics if metric.metric == "sample_ratio_low")
    assert (share.log_e > math.log(100)) == is_asked
    assert (judgement.decision is Decision.ROLL_BACK) == is_asked
