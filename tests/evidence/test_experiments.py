"""A/B tests: decided by the rule of the plan, void when the assignment is broken, carried out by the same engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rest_framework.test import APIClient

from releases.domain import BadPlan
from releases.domain.evidence import Moments
from releases.domain.evidence.experiment import Arm, Choice, Experiment, Rule, findings, half_width, observed
from releases.domain.evidence_policy import EvidencePolicy
from releases.domain.plan import Plan
from releases.domain.states import State
from releases.flow.recompute import Again, said_again
from releases.sentences import why
from tests.api.conftest import World, secret_of
from tests.evidence.conftest import GUARD, Begin, Story

SPLIT = [{"weight": 0, "bake_seconds": 600, "sticky": {"header": "x-user-id", "percent": 50}}]
RULE = {"kpi": "conversion", "minimum_effect": 0.0, "maximum_seconds": 900, "on_tie": "stable"}


def experiment(begin: Begin, *, rule: dict[str, Any] | None = None, **candidate: Any) -> Story:
    story = begin(steps=SPLIT, strategy="ab_test", evidence={**GUARD, "experiment": rule or RULE})
    usual: dict[str, Any] = {"error_ratio": 0.002, "conversion_share": 0.05, "dwell_share": 0.3}
    story.behave("v1", **usual)
    story.how["v2"] = story.how["v1"]
    story.behave("v2", **{**usual, **candidate})
    return story


def test_the_better_version_is_promoted(begin: Begin, world: World) -> None:
    story = experiment(begin, conversion_share=0.08)

    story.run()

    assert story.rollout.state == State.COMPLETED, why(story.rollout)
    world.service.refresh_from_db()
    assert world.service.stable == world.v2
    assert all(said_again(verdict) is Again.SAME for verdict in story.rollout.verdicts.all())


def test_the_worse_version_is_discarded(begin: Begin) -> None:
    story = experiment(begin, conversion_share=0.03)

    story.run()

    assert story.rollout.state == State.ROLLED_BACK
    assert story.rollout.reason_code == "experiment_lost"


@pytest.mark.parametrize(("on_tie", "ends"), [("stable", State.ROLLED_BACK), ("candidate", State.COMPLETED)])
def test_a_tie_is_decided_by_the_plan_at_its_time(begin: Begin, on_tie: str, ends: State) -> None:
    story = experiment(begin, rule={**RULE, "on_tie": on_tie})

    story.run()

    assert story.rollout.state == ends, why(story.rollout)


def test_a_broken_assignment_voids_the_experiment_loudly(begin: Begin) -> None:
    story = experiment(begin, conversion_share=0.08)
    story.kept = 0.7

    story.run()

    assert story.rollout.state == State.ROLLED_BACK
    failed = story.rollout.verdicts.filter(outcome="fail").latest("at")
    assert failed.reason_code == "experiment_void"
    assert "void" in why(story.rollout)
    assert said_again(failed) is Again.SAME


def test_the_api_tells_where_an_experiment_stands(begin: Begin, world: World) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret_of(world.viewer)}")
    story = experiment(begin, conversion_share=0.08)
    path = f"/api/v1/experiments/{story.rollout.pk}/"
    assert client.get(path).json()["choice"] == "open"
    story.run(until=lambda story: story.rollout.snapshots.count() == 12)

    told = client.get(path).json()

    assert told["assignment"]["is_sound"] is True
    assert told["assignment"]["declared"] == 0.5
    assert told["assignment"]["candidate"] == pytest.approx(told["assignment"]["stable"], rel=0.1)
    kpi = {kpi["name"]: kpi for kpi in told["kpis"]}["conversion"]
    assert kpi["b"] > kpi["a"]
    assert kpi["low"] < kpi["difference"] < kpi["high"]
    assert len(kpi["over_time"]) >= 10
    assert told["rule"]["kpi"] == "conversion"
    assert [row["id"] for row in client.get("/api/v1/experiments/").json()["results"]] == [story.rollout.pk]


def test_a_canary_is_no_experiment(begin: Begin, world: World) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret_of(world.viewer)}")

    assert client.get(f"/api/v1/experiments/{begin().rollout.pk}/").status_code == 404


def test_the_rule_is_part_of_what_is_approved() -> None:
    one, other = (
        Plan.from_json(
            {"strategy": "ab_test", "steps": SPLIT, "evidence": {"experiment": {**RULE, "on_tie": tie}}}
        )
        for tie in ("stable", "candidate")
    )

    assert one.as_json() != other.as_json()
    assert Plan.from_json(one.as_json()) == one
    assert "experiment" not in EvidencePolicy().as_json()


@pytest.mark.parametrize(
    "rule",
    [{"kpi": 3}, {"minimum_effect": -1}, {"maximum_seconds": 0}, {"on_tie": "both"}, {"peeking": True}],
    ids=str,
)
def test_a_rule_that_can_not_decide_is_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(BadPlan):
        EvidencePolicy.from_json({"experiment": rule})


def test_equal_arms_are_called_different_in_one_of_twenty_at_most_however_often_one_looks() -> None:
    rng = np.random.default_rng(3)
    wrong = 0
    for _ in range(200):
        running = Experiment()
        for _ in range(60):
            running = observed(running, a=arm(rng, 0.05), b=arm(rng, 0.05), seconds=60)
            if findings(running, rule=Rule(), declared=0.5).choice in {Choice.CANDIDATE, Choice.STABLE}:
                wrong += 1
                break
    assert wrong / 200 <= 0.05


def test_a_real_difference_is_found_and_its_interval_narrows() -> None:
    rng = np.random.default_rng(4)
    running = Experiment()
    widths = []
    for _ in range(150):
        running = observed(running, a=arm(rng, 0.05), b=arm(rng, 0.07), seconds=60)
        interval = findings(running, rule=Rule(), declared=0.5).kpis[0].interval
        assert interval is not None
        widths.append(interval.high - interval.low)

    found = findings(running, rule=Rule(), declared=0.5)
    assert found.choice is Choice.CANDIDATE
    assert widths[-1] < widths[20] < widths[2]
    assert half_width(variance=1, observations=100, alpha=0.05) > half_width(
        variance=1, observations=1000, alpha=0.05
    )


def test_a_share_off_by_ten_points_is_broken_and_one_of_chance_is_not() -> None:
    sound = Experiment(a=Arm(requests=10_100), b=Arm(requests=9_900))
    broken = Experiment(a=Arm(requests=12_000), b=Arm(requests=8_000))

    assert findings(sound, rule=Rule(), declared=0.5).is_sound
    assert findings(broken, rule=Rule(), declared=0.5).choice is Choice.VOID


def arm(rng: np.random.Generator, conversion: float) -> Arm:
    requests = float(rng.poisson(400))
    won = float(rng.binomial(int(requests), conversion))
    return Arm(requests=requests, kpis={"conversion": Moments(requests, won, won)})
