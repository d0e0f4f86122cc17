"""A VirtualService in which testers are pinned to the candidate: their route is left alone, and stops nothing."""

from __future__ import annotations

from typing import Any

import pytest

from istio.mesh import Manifest, Ref
from releases import flow, selectors
from releases.domain import Blocked
from releases.domain.states import Event, State
from releases.domain.traffic_change import ChangeEvent
from tests.admin.world import actor
from tests.factories import Scene

TESTERS = {
    "name": "testers",
    "match": [{"headers": {"x-tester": {"exact": "1"}}}],
    "route": [{"destination": {"host": "product", "subset": "v2"}}],
}
pytestmark = pytest.mark.django_db


@pytest.fixture
def pinned(scene: Scene) -> Scene:
    """Return a scene in which the testers' route stands first."""

    def add_route(document: Manifest) -> None:
        document["spec"]["http"].insert(0, TESTERS)

    def add_subset(document: Manifest) -> None:
        document["spec"]["subsets"].append({"name": "v2", "labels": {"app": "product", "version": "v2"}})

    scene.world.service("product")
    scene.mesh.edit(Ref("VirtualService", "shop", "product"), add_route)
    scene.mesh.edit(Ref("DestinationRule", "shop", "product"), add_subset)
    return scene


def test_a_service_with_a_testers_route_is_released(pinned: Scene) -> None:
    rollout = pinned.rollout(at=State.RUNNING, step=1)
    http = pinned.live(rollout.service)["spec"]["http"]
    assert http[0] == TESTERS
    assert [entry["weight"] for entry in http[1]["route"]] == [80, 20]
    told = [
        selectors.audit_sentence(event)
        for event in rollout.audit_events.filter(action="mesh_write").order_by("seq")
    ]
    assert told[-1] == "Wrote v1 80 %, v2 20 % to the mesh"
    assert selectors.traffic(rollout.service).configured == {"v1": 80.0, "v2": 20.0}


def test_drift_beside_a_testers_route_can_be_adopted(pinned: Scene) -> None:
    rollout = pinned.rollout(at=State.RUNNING, step=0)

    def shift(document: Manifest) -> None:
        for entry, weight in zip(document["spec"]["http"][1]["route"], (60, 40), strict=True):
            entry["weight"] = weight

    pinned.mesh.edit(Ref("VirtualService", "shop", "product"), shift)
    rollout = pinned.until(rollout, State.PAUSED)
    rollout = pinned.by_hand(rollout, Event.ADOPT)
    assert rollout.step_runs.get(position=0).written == 40


def test_a_smaller_weight_beside_a_testers_route_needs_no_vote(pinned: Scene) -> None:
    def shift(document: Manifest) -> None:
        document["spec"]["http"][1]["route"] = [
            {"destination": {"host": "product", "subset": "v1"}, "weight": 60},
            {"destination": {"host": "product", "subset": "v2"}, "weight": 40},
        ]

    pinned.mesh.edit(Ref("VirtualService", "shop", "product"), shift)
    change = flow.request_change(
        service=pinned.world.service("product"),
        spec={"candidate_weight": 10},
        reason="less, for now",
        by=actor(pinned.world.operator),
    )
    assert not change.needs_vote


class TestRulesByHand:
    """Testers who were given the candidate by a change of traffic before its release."""

    RULE = {"header": "x-weir-test", "exact": "v2", "to": "candidate"}

    def given_by_hand(self, scene: Scene) -> None:
        change = flow.request_change(
            service=scene.world.service("product"),
            spec={"candidate_weight": 0, "rules": [self.RULE]},
            reason="testers first",
            by=actor(scene.world.requester),
        )
        change = flow.perform_change(
            change, ChangeEvent.APPROVE, by=actor(scene.world.approver), fingerprint=change.fingerprint
        )
        flow.perform_change(change, ChangeEvent.APPLY, by=actor(scene.world.operator))

    def test_a_release_that_would_take_them_out_is_refused_when_it_is_asked_for(self, scene: Scene) -> None:
        self.given_by_hand(scene)
        draft = scene.rollout(at=State.DRAFT)
        with pytest.raises(Blocked, match="would take them out") as refused:
            scene.by_hand(draft, Event.SUBMIT, scene.world.requester)
        assert [finding.code for finding in refused.value.findings] == ["WEIR0001"]

    def test_a_plan_that_repeats_their_rule_keeps_them(self, scene: Scene) -> None:
        self.given_by_hand(scene)
        steps: list[dict[str, Any]] = [
            {"weight": 5, "bake_seconds": 20, "rules": [self.RULE]},
            {"weight": 50, "bake_seconds": 600},
        ]
        rollout = scene.rollout(plan=scene.plan(steps), step=1)
        first, base = scene.live(rollout.service)["spec"]["http"]
        assert first["match"] == [{"headers": {"x-weir-test": {"exact": "v2"}}}]
        assert [entry["weight"] for entry in base["route"]] == [50, 50]

    def test_back_at_the_stable_version_the_release_is_asked_for(self, scene: Scene) -> None:
        self.given_by_hand(scene)
        flow.all_back(scene.world.service("product"), by=actor(scene.world.operator))
        assert scene.rollout(at=State.PENDING).state == State.PENDING
