"""A stored verdict names the version of the judge that made it; this pins what each version makes of one table of counts.

When a formula or a constant changes, these figures change: raise ``JUDGE_VERSION`` and add what the new version says under its
number. What an older version said stays as it is, so that nobody can take the one for the other.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from typing import Any

from releases.domain.evidence import (
    JUDGE_VERSION,
    NOTHING,
    Judge,
    Look,
    MeanRule,
    Moments,
    PlannedStep,
    Settings,
    Tally,
    Worse,
    at_interval,
    with_metrics,
)
from releases.domain.evidence.experiment import Arm, Experiment, Rule, findings, observed
from releases.domain.evidence.settings import DWELL, PAYMENTS

STEPS = [PlannedStep(5, 300), PlannedStep(50, 300), PlannedStep(100, 300)]
OWN = with_metrics(
    Settings(),
    ratios=[PAYMENTS, replace(PAYMENTS, metric="refunds", slack=0.01)],
    means=[DWELL, MeanRule("basket", 0.05, 0.03, 0.002, worse=Worse.LOWER)],
)
_DIGITS = 9
"""Enough to see any other formula, few enough for the last bits of another machine."""
_LEARNING = 12

# Requests of both versions together, then per version: errors per thousand, slow share, failed payments per thousand, seconds stayed.
Row = tuple[float, tuple[float, float, float, float], tuple[float, float, float, float]]
GOOD = (2.0, 0.03, 20.0, 40.0)
TABLE: Mapping[str, Sequence[Row]] = {
    "alike": [(9000.0 + 40 * (n % 7), GOOD, GOOD) for n in range(60)],
    "few requests": [(30.0 + n % 5, GOOD, GOOD) for n in range(60)],
    "errors": [(9000.0, GOOD, (2.0 if n < 30 else 9.0, 0.03, 20.0, 40.0)) for n in range(60)],
    "slow": [(9000.0, GOOD, (2.0, 0.03 if n < 25 else 0.07, 20.0, 40.0)) for n in range(60)],
    "payments": [(9000.0, GOOD, (2.0, 0.03, 60.0, 40.0)) for _ in range(60)],
    "dwell": [(9000.0, GOOD, (2.0, 0.03, 20.0, 31.0)) for _ in range(60)],
    "both in trouble": [(9000.0, (150.0, 0.4, 90.0, 20.0), (155.0, 0.4, 90.0, 20.0)) for _ in range(60)],
    "clumps": [
        (
            9000.0,
            (2.0 + 9 * (n % 6 == 0), 0.03 + 0.002 * (n % 3), 20.0, 40.0 + n % 4),
            (2.0 + 12 * (n % 7 == 0), 0.03 + 0.002 * (n % 4), 20.0, 40.0 + n % 3),
        )
        for n in range(60)
    ],
}  # fmt: skip

PINNED: Mapping[int, Mapping[str, str]] = {
    1: {
        "alike": "7beb96b30924b257",
        "few requests": "844700020791e947",
        "errors": "63e219b79aefc5f8",
        "slow": "01970dae6447b5c8",
        "payments": "85c79393a9291bf1",
        "dwell": "2c0c2517f8e43e98",
        "both in trouble": "1ec8819076caeaf5",
        "clumps": "9e5e3c306d297bac",
        "own metrics": "81b137fa05fba848",
        "every two seconds": "2f00836079f76f77",
        "nothing arrives": "08c90a340fd83516",
        "double arrives": "e5aab233c4c3b942",
        "no data in between": "3484f2dea37ad3ad",
        "chosen users": "a6854133bb67246a",
        "nobody is chosen": "ed01aadc67127242",
        "nobody is heard of": "ed01aadc67127242",
        "conversion": "2642649824ea8219",
        "another measure": "005426b16c8f3327",
    },
    2: {
        "alike": "7beb96b30924b257",
        "few requests": "844700020791e947",
        "errors": "63e219b79aefc5f8",
        "slow": "01970dae6447b5c8",
        "payments": "85c79393a9291bf1",
        "dwell": "2c0c2517f8e43e98",
        "both in trouble": "1ec8819076caeaf5",
        "clumps": "9e5e3c306d297bac",
        "own metrics": "81b137fa05fba848",
        "every two seconds": "2f00836079f76f77",
        "nothing arrives": "08c90a340fd83516",
        "double arrives": "e5aab233c4c3b942",
        "no data in between": "3484f2dea37ad3ad",
        "chosen users": "a6854133bb67246a",
        "nobody is chosen": "98c8d3e67c85be70",
        "nobody is heard of": "ed01aadc67127242",
        "conversion": "2642649824ea8219",
        "another measure": "005426b16c8f3327",
    },
}


def tally(requests: float, row: tuple[float, float, float, float]) -> Tally:
    errors, slow, failed, stayed = row
    tried = requests / 10
    return Tally(
        requests=requests,
        errors=requests * errors / 1000,
        buckets={
            25.0: requests * 0.4 * (1 - slow),
            50.0: requests * 0.9 * (1 - slow),
            100.0: requests * (1 - slow),
            250.0: requests * (1 - slow / 6),
            math.inf: requests,
        },
        latency_sum_ms=requests * (30 + 100 * slow),
        ratios={"payments": (tried * failed / 1000, tried), "refunds": (tried * failed / 4000, tried)},
        means={
            "dwell": Moments(tried, tried * stayed, tried * stayed * stayed * 1.4),
            "basket": Moments(tried, tried * 2.5, tried * 9.0),
        },
    )


def looks(rows: Sequence[Row], *, seconds: float, arrives: float = 1.0) -> list[Look]:
    """Three steps of equal length after some looks at the stable version alone; ``arrives`` of the declared share does."""
    told = [Look(seconds, 0, None, tally(rows[0][0], GOOD), None) for _ in range(_LEARNING)]
    for number, (requests, stable, candidate) in enumerate(rows):
        step = 3 * number // len(rows)
        weight = STEPS[step].weight
        mine = requests * weight / 100 * (arrives if weight < 100 else 1.0)
        told.append(
            Look(
                seconds,
                weight,
                step,
                tally(requests - mine, stable) if weight < 100 else NOTHING,
                tally(mine, candidate) if mine else NOTHING,
            )
        )
    return told


def broken(told: Sequence[Look]) -> list[Look]:
    """Every fifth look has no answer, every seventh no stable version, every eleventh a number that is none."""
    spoilt = list(told)
    for number in range(_LEARNING, len(told)):
        if number % 5 == 0:
            spoilt[number] = replace(told[number], stable=None, candidate=None, problem="unreachable")
        elif number % 7 == 0:
            spoilt[number] = replace(told[number], stable=None)
        elif number % 11 == 0:
            spoilt[number] = replace(told[number], candidate=Tally(math.nan))
    return spoilt


def judged(
    told: Sequence[Look], *, settings: Settings, steps: Sequence[PlannedStep] = STEPS
) -> list[dict[str, Any]]:
    judge = Judge(settings)
    state, said = judge.start(steps), []
    for look in told:
        state, judgement = judge.observe(state, look)
        said.append(judgement.as_json() | {"decision": judgement.decision.value})
    return said


def compared(kpi: str) -> list[dict[str, Any]]:
    """An experiment in which B converts a little better and gets a little less than its half."""
    experiment, said = Experiment(), []
    for number in range(1, 41):
        a = Arm(1000.0, {kpi: Moments(1000.0, 100.0, 100.0)})
        b = Arm(960.0, {kpi: Moments(960.0, 100.0 + number % 9, 100.0 + number % 9)})
        experiment = observed(experiment, a=a, b=b, seconds=60.0)
        said.append(findings(experiment, rule=Rule(kpi=kpi, minimum_effect=0.01), declared=0.5).as_json())
    return said


def outcomes() -> dict[str, str]:
    """Return a digest of everything that is said, look by look, for each row of the table and each way to look at it."""
    plain, own = with_metrics(Settings(), ratios=[PAYMENTS], means=[DWELL]), OWN
    said: dict[str, object] = {
        name: judged(looks(rows, seconds=15), settings=plain) for name, rows in TABLE.items()
    }
    said["own metrics"] = judged(looks(TABLE["clumps"], seconds=15), settings=own)
    said["every two seconds"] = judged(
        looks(TABLE["slow"], seconds=2), settings=at_interval(plain, seconds=2)
    )
    said["nothing arrives"] = judged(looks(TABLE["alike"], seconds=15, arrives=0.0), settings=plain)
    said["double arrives"] = judged(looks(TABLE["alike"], seconds=15, arrives=1.9), settings=plain)
    said["no data in between"] = judged(broken(looks(TABLE["alike"], seconds=15)), settings=plain)
    chosen, silent = [replace(step, splits=False) for step in STEPS], looks(TABLE["alike"], seconds=15)
    said["chosen users"] = judged(silent, settings=plain, steps=chosen)
    silent[_LEARNING:] = [replace(look, candidate=None) for look in silent[_LEARNING:]]
    said["nobody is chosen"] = judged(silent, settings=plain, steps=chosen)
    said["nobody is heard of"] = judged(silent, settings=plain)
    said["conversion"] = compared("conversion")
    said["another measure"] = compared("dwell")
    return {name: digest_of(value) for name, value in said.items()}


def digest_of(said: object) -> str:
    return sha256(json.dumps(rounded(said), sort_keys=True).encode()).hexdigest()[:16]


def rounded(value: object) -> object:
    """Keep as many digits as the formulas promise; what is nearly nothing is nothing."""
    if isinstance(value, float):
        return 0.0 if abs(value) < 10.0**-_DIGITS else float(f"{value:.{_DIGITS}g}")
    if isinstance(value, Mapping):
        return {key: rounded(inner) for key, inner in value.items()}
    return [rounded(inner) for inner in value] if isinstance(value, list | tuple) else value


def test_this_version_of_the_judge_says_what_is_pinned() -> None:
    assert outcomes() == PINNED[JUDGE_VERSION], (
        "The judge says something else than its version promises: raise JUDGE_VERSION and pin what the new one says."
    )


def test_every_version_is_pinned_and_says_something_of_its_own() -> None:
    assert sorted(PINNED) == list(range(1, JUDGE_VERSION + 1))
    assert len({json.dumps(said, sort_keys=True) for said in PINNED.values()}) == len(PINNED)


def test_the_table_makes_the_judge_decide_for_every_reason() -> None:
    """A table on which every version says the same would pin nothing."""
    plain = with_metrics(Settings(), ratios=[PAYMENTS], means=[DWELL])
    decided = {
        (one["decision"], one["because"])
        for name, rows in TABLE.items()
        for one in judged(looks(rows, seconds=15), settings=plain)
    }
    assert {"wait", "inconclusive", "go_on", "promote", "roll_back", "no_data"} <= {
        what for what, _ in decided
    }
    assert {"errors", "payments"} <= {why for what, why in decided if what == "roll_back"}
    assert any(why.startswith("slow_") for what, why in decided if what == "roll_back")


def test_another_constant_is_seen() -> None:
    plain = with_metrics(Settings(), ratios=[PAYMENTS], means=[DWELL])
    told = looks(TABLE["clumps"], seconds=15)
    usual = digest_of(judged(told, settings=plain))
    for other in (
        replace(plain, beta=0.0501),
        replace(plain, onset_first=0.66),
        replace(plain, dispersion_weight=8.1),
        replace(plain, mean_memory=0.881),
    ):
        assert digest_of(judged(told, settings=other)) != usual, asdict(other)
