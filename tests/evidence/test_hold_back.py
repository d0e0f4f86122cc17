"""The hold-back: a gated plan keeps a part on the stable version until the promotion, and nobody else's plan changes."""

from __future__ import annotations

from typing import Any

import pytest

from releases import flow
from releases.domain import BadPlan
from releases.domain.hold_back import with_hold_back
from releases.domain.plan import Plan
from releases.domain.states import State
from releases.models import RolloutPlan
from tests.api.conftest import World, actor_for
from tests.evidence.conftest import Begin, Story

WEIGHTS = (1, 5, 20, 50, 100)
STEPS = [{"weight": weight, "bake_seconds": 60} for weight in WEIGHTS]
GATE = {"policy": "gate", "interval_seconds": 15, "wait_limit_seconds": 7200}


def saved(world: World, evidence: dict[str, Any] | None, **changes: Any) -> RolloutPlan:
    plan = flow.save_plan(
        **{"name": "held", "steps": STEPS, "evidence": evidence, "by": actor_for(world.requester), **changes}
    )
    return RolloutPlan.objects.get(pk=plan.pk)


@pytest.mark.parametrize(
    ("evidence", "last"),
    [
        (GATE, 95),
        ({**GATE, "hold_back": 0}, 100),
        ({**GATE, "hold_back": 20}, 80),
        ({"policy": "guard"}, 100),
        ({"policy": "guard", "hold_back": 5}, 95),
        (None, 100),
    ],
    ids=["gate", "gate without", "gate with more", "guard", "guard with", "says nothing"],
)
def test_a_new_plan_is_carried_out_with_its_hold_back(
    world: World, evidence: dict[str, Any] | None, last: int
) -> None:
    plan = saved(world, evidence)

    assert [step.weight for step in plan.steps.all()] == list(WEIGHTS)
    assert [step.weight for step in plan.frozen().steps] == [1, 5, 20, 50, last]
    assert plan.frozen().carried_out() == plan.frozen()
    assert Plan.from_json(plan.frozen().as_json()) == plan.frozen()


def test_a_plan_that_exists_keeps_its_end_when_it_is_edited(world: World) -> None:
    plan = saved(world, {**GATE, "hold_back": 0})
    edited = saved(world, GATE, plan=plan)

    assert edited.frozen().steps[-1].weight == 100


@pytest.mark.parametrize(
    ("strategy", "weights"),
    [
        ("blue_green", (0, 100)),
        ("canary", (100,)),
        ("canary", (0, 100)),
        ("canary", (98, 100)),
        ("canary", (5, 50)),
    ],
)
def test_where_nothing_widens_to_all_nothing_is_held_back(strategy: str, weights: tuple[int, ...]) -> None:
    assert with_hold_back(GATE, strategy=strategy, weights=weights) == GATE


@pytest.mark.parametrize("hold_back", [-1, 51, 2.5, True, "5"])
def test_a_hold_back_that_is_no_small_percentage_is_refused(world: World, hold_back: object) -> None:
    with pytest.raises(BadPlan) as refused:
        saved(world, {**GATE, "hold_back": hold_back})
    assert refused.value.field == "evidence.hold_back"


def test_a_plan_may_not_shrink_into_its_hold_back(world: World) -> None:
    steps = [{"weight": 90, "bake_seconds": 60}, {"weight": 100, "bake_seconds": 60}]
    with pytest.raises(BadPlan):
        saved(world, {**GATE, "hold_back": 20}, steps=steps)


def test_the_last_step_holds_back_and_the_promotion_writes_the_rest(begin: Begin) -> None:
    story = begin(
        steps=[{"weight": 50, "bake_seconds": 150}, {"weight": 100, "bake_seconds": 150}],
        evidence=GATE,
        rps=100,
    )
    seen: dict[int, None] = {}

    def note(story: Story) -> bool:
        seen[story.weight] = None
        return False

    story.run(until=note)

    assert story.rollout.state == State.COMPLETED
    assert [weight for weight in seen if weight > 0] == [50, 95, 100]
    last = story.rollout.verdicts.filter(step=1).order_by("-at")[0]
    assert last.reason_code == "promote"
