"""Each strategy through the same engine, and the plans and objects that are refused before anybody votes."""

from __future__ import annotations

from typing import Any

import pytest

from istio.mesh import DESTINATION_RULE, Manifest, Ref
from releases.domain import BadPlan, Blocked, DomainError, IllegalMove
from releases.domain.plan import Plan
from releases.domain.states import Event, State
from releases.sentences import why
from tests.factories import Scene

TESTERS = [{"header": "x-weir-test", "exact": "v2", "to": "candidate"}]
STICKY = {"header": "x-user-id", "percent": 50}


def routes(document: Manifest) -> list[str]:
    return [route.get("name", "") for route in document["spec"]["http"]]


@pytest.mark.django_db
def test_blue_green_lets_testers_in_first_and_everybody_at_once(scene: Scene) -> None:
    steps: list[dict[str, Any]] = [
        {"weight": 0, "bake_seconds": 10, "rules": TESTERS},
        {"weight": 100, "bake_seconds": 10, "gate": "manual"},
    ]
    plan = scene.plan(steps, strategy="blue_green", evidence={"wait_limit_seconds": 0})
    rollout = scene.rollout(at=State.RUNNING, plan=plan)
    assert routes(scene.live(rollout.service))[0].startswith("weir-")
    assert why(rollout).startswith("Step 1 sends the candidate only what its rules say until ")
    rollout = scene.until(rollout, State.PAUSED)
    while rollout.state == State.PAUSED and rollout.reason_code != "waiting_for_person":
        # No tester has come: the evidence is unclear, and a person says to go on.
        scene.telemetry.run(rollout.service.target, "v2", scene.testers(), since=scene.now)
        rollout = scene.pulse(scene.by_hand(rollout, Event.RESUME), times=4)
    assert scene.weight(rollout) == 0
    rollout = scene.until(scene.by_hand(rollout, Event.RESUME), State.COMPLETED)
    weights = {scene.split(write.manifest).get("v2", 0) for write in scene.writes(rollout)}
    assert weights == {0, 100}
    assert routes(scene.live(rollout.service)) == ["primary"]


@pytest.mark.django_db
def test_testers_keep_the_candidate_while_the_canary_goes_up(scene: Scene) -> None:
    steps: list[dict[str, Any]] = [
        {"weight": 0, "bake_seconds": 10, "rules": TESTERS},
        {"weight": 20, "bake_seconds": 600},
    ]
    rollout = scene.rollout(at=State.RUNNING, plan=scene.plan(steps))
    scene.telemetry.run(rollout.service.target, "v2", scene.testers(), since=scene.now)
    for _ in range(30):
        if scene.weight(rollout) == 20:
            break
        rollout = scene.pulse(rollout)
    assert scene.weight(rollout) == 20
    testers = scene.live(rollout.service)["spec"]["http"][0]
    assert testers["match"] == [{"headers": {"x-weir-test": {"exact": "v2"}}}]
    assert [entry["destination"]["subset"] for entry in testers["route"]] == ["v2"]


@pytest.mark.django_db
def test_an_a_b_test_splits_by_user_and_ends_by_a_person_s_choice(scene: Scene) -> None:
    plan = scene.plan([{"weight": 0, "bake_seconds": 10, "sticky": STICKY}], strategy="ab_test")
    rollout = scene.rollout(at=State.RUNNING, plan=plan)
    sticky = scene.live(rollout.service)["spec"]["http"][0]
    assert sticky["route"][0]["destination"]["subset"] == "v2"
    assert sticky["match"][0]["headers"]["x-user-id"]["regex"]
    assert why(rollout).startswith("Step 1 shows the candidate to 50 % of the users until ")
    # Half of the users: as many requests as the stable version is told to get beside them.
    scene.telemetry.run(rollout.service.target, "v2", scene.testers(share=1), since=scene.now)
    rollout = scene.pulse(rollout, times=6)
    assert (rollout.state, rollout.reason_code) == (State.RUNNING, "waiting_for_choice")
    rollout = scene.until(scene.by_hand(rollout, Event.PROMOTE), State.COMPLETED)
    assert routes(scene.live(rollout.service)) == ["primary"]


@pytest.mark.django_db
def test_a_mirror_copies_first_and_is_taken_out_again(scene: Scene) -> None:
    steps: list[dict[str, Any]] = [
        {"weight": 0, "bake_seconds": 10, "mirror": {"percent": 50}},
        {"weight": 50, "bake_seconds": 10},
    ]
    rollout = scene.rollout(at=State.RUNNING, plan=scene.plan(steps, strategy="mirror"))
    assert scene.live(rollout.service)["spec"]["http"][0]["mirrors"][0]["percentage"] == {"value": 50}
    assert why(rollout).startswith("Step 1 sends the candidate copies of 50 % of the requests until ")
    assert scene.weight(rollout) == 0
    scene.telemetry.run(rollout.service.target, "v2", scene.testers(), since=scene.now)
    while rollout.current_step == 0:
        rollout = scene.pulse(rollout)
        assert rollout.state == State.RUNNING
    assert "mirrors" not in scene.live(rollout.service)["spec"]["http"][0]
    assert scene.weight(rollout) == 50


@pytest.mark.parametrize(
    ("strategy", "steps"),
    [
        pytest.param("canary", [{"weight": 0, "bake_seconds": 1}], id="a canary without traffic"),
        pytest.param("ab_test", [{"weight": 50, "bake_seconds": 1}], id="an A/B test that assigns nobody"),
        pytest.param("blue_green", [{"weight": 50, "bake_seconds": 1}], id="blue-green by halves"),
        pytest.param("blue_green", [{"weight": 0, "bake_seconds": 1}], id="blue-green that stays blue"),
        pytest.param("mirror", [{"weight": 5, "bake_seconds": 1}], id="a mirror without a copy"),
        pytest.param(
            "ab_test",
            [
                {"weight": 0, "bake_seconds": 1, "sticky": STICKY},
                {"weight": 0, "bake_seconds": 1, "sticky": {**STICKY, "percent": 20}},
            ],
            id="users that are taken back",
        ),
        pytest.param(
            "canary",
            [{"weight": weight, "bake_seconds": 1} for weight in (5, 2, 50)],
            id="a plan that goes down and up",
        ),
        pytest.param("canary", [{"weight": 5, "bake_seconds": 0}], id="a bake of zero"),
        pytest.param("canary", [{"weight": 101, "bake_seconds": 1}], id="more than everything"),
        pytest.param("canary", [{"weight": 0.5, "bake_seconds": 1}], id="half a percent"),
    ],
)
def test_a_plan_that_is_not_what_it_says_is_refused(strategy: str, steps: list[dict[str, Any]]) -> None:
    with pytest.raises(BadPlan) as refused:
        Plan.from_json({"strategy": strategy, "steps": steps})
    assert refused.value.field.startswith("steps")


def _without_http(document: Manifest) -> None:
    route = document["spec"].pop("http")[0]["route"]
    document["spec"]["tcp"] = [{"route": [{"destination": {"host": "elsewhere"}}]}]
    assert route


def _twice(document: Manifest) -> None:
    route = document["spec"]["http"][0]
    document["spec"]["http"] = [{**route, "match": [{"uri": {"prefix": "/a"}}], "name": "a"}, route]


def _huge(document: Manifest) -> None:
    document["metadata"]["annotations"] = {"example.com/notes": "x" * 1_100_000}


def _candidate_has_some(document: Manifest) -> None:
    split = [{"destination": {"host": "product", "subset": name}, "weight": 50} for name in ("v1", "v2")]
    document["spec"]["http"][0]["route"] = split


@pytest.mark.django_db
@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(_without_http, id="no http section"),
        pytest.param(_twice, id="ambiguous routes"),
        pytest.param(_huge, id="an object of 1 MB"),
        pytest.param(_candidate_has_some, id="the candidate already has weight"),
    ],
)
def test_an_object_that_can_not_be_split_is_refused_when_it_is_submitted(scene: Scene, spoil: Any) -> None:
    draft = scene.rollout(at=State.DRAFT)
    scene.mesh.edit(draft.service.virtual_service_ref, spoil)
    with pytest.raises(Blocked) as refused:
        scene.by_hand(draft, Event.SUBMIT, scene.world.requester)
    assert refused.value.findings
    draft.refresh_from_db()
    assert draft.state == State.DRAFT


@pytest.mark.django_db
def test_a_subset_with_other_labels_is_refused_when_it_is_submitted(scene: Scene) -> None:
    draft = scene.rollout(at=State.DRAFT)
    wrong = {"name": "v2", "labels": {"app": "product", "version": "v1"}}
    ref = Ref(DESTINATION_RULE, "shop", "product")
    scene.mesh.edit(ref, lambda item: item["spec"]["subsets"].append(wrong))
    with pytest.raises(DomainError):
        scene.by_hand(draft, Event.SUBMIT, scene.world.requester)


def test_a_regular_expression_that_re2_refuses_is_refused_with_the_plan() -> None:
    rules = [{"header": "x-user", "regex": "(?=a)b", "to": "candidate"}]
    with pytest.raises(BadPlan, match="RE2"):
        Plan.from_json({"steps": [{"weight": 5, "bake_seconds": 10, "rules": rules}]})


@pytest.mark.django_db
def test_two_rollouts_of_a_service_are_never_live_at_once(scene: Scene) -> None:
    first = scene.rollout(at=State.PENDING)
    second = scene.rollout(at=State.DRAFT)
    with pytest.raises(IllegalMove):
        scene.by_hand(second, Event.SUBMIT, scene.world.requester)
    assert scene.pulse(first).state == State.PENDING
