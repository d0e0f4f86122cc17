"""What a rollout costs the cluster, the metrics and the database: counted, and the same whatever else is live."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from releases.domain.states import Event, State
from releases.models import Rollout
from tests.factories import Scene, pulse_once

pytestmark = pytest.mark.django_db

NAMES = ("product", "order", "payment")
ONE_CHANGE = Counter({"get VirtualService": 1, "put VirtualService": 1})


def objects_asked(scene: Scene) -> Counter[str]:
    """Return what was asked of single objects; lists are shared looks."""
    return Counter({call: n for call, n in scene.mesh.calls.items() if not call.startswith("list ")})


def lists_asked(scene: Scene) -> Counter[str]:
    return Counter({call: n for call, n in scene.mesh.calls.items() if call.startswith("list ")})


def with_subset(scene: Scene, rollout: Rollout) -> None:
    """Let the DestinationRule define the candidate already: adding it is a write of its own, once per version."""
    subset = {"name": "v2", "labels": rollout.candidate.labels}
    scene.mesh.edit(
        rollout.service.destination_rule_ref, lambda document: document["spec"]["subsets"].append(subset)
    )


class TestWeightChange:
    def test_the_first_one_too_reads_its_object_once_and_writes_it_once(self, scene: Scene) -> None:
        rollout = scene.rollout(at=State.APPROVED)
        with_subset(scene, rollout)
        for weight in (5, 20):
            scene.mesh.calls.clear()
            while scene.weight(rollout) != weight:
                scene.pulse(rollout)
            assert objects_asked(scene) == ONE_CHANGE

    def test_many_that_begin_together_share_one_look_at_their_namespace(self, scene: Scene) -> None:
        rollouts = [scene.rollout(at=State.APPROVED, name=name) for name in NAMES]
        for rollout in rollouts:
            with_subset(scene, rollout)
        scene.mesh.calls.clear()
        scene.pulse(rollouts[0], times=2)
        assert [scene.weight(rollout) for rollout in rollouts] == [5, 5, 5]
        assert objects_asked(scene) == Counter(dict.fromkeys(ONE_CHANGE, 3))
        assert set(lists_asked(scene).values()) == {1}

    def test_a_rollback_asks_for_nothing_but_its_object(self, scene: Scene) -> None:
        rollout = scene.rollout(step=1)
        scene.mesh.calls.clear()
        scene.by_hand(rollout, Event.ROLL_BACK)
        assert scene.mesh.calls == ONE_CHANGE


class TestLook:
    def test_only_the_first_of_many_asks_which_services_are_live(self, scene: Scene) -> None:
        plan = scene.plan([{"weight": 5, "bake_seconds": 3600}])
        for name in NAMES:
            scene.rollout(name=name, plan=plan)
        scene.world.now += timedelta(seconds=30)
        pulse_once(scene.mesh, scene.telemetry, scene.now)  # everybody is at the same window from here on
        windows = scene.telemetry.windows_read
        scene.world.now += timedelta(seconds=5)
        with CaptureQueriesContext(connection) as asked:
            pulse_once(scene.mesh, scene.telemetry, scene.now)
        assert scene.telemetry.windows_read == windows + 1
        whole_cluster = [one["sql"] for one in asked if '"services_service"."id" IN' in one["sql"]]
        assert len(whole_cluster) == 1

    def test_a_rollout_that_began_since_is_measured_in_the_same_window(self, scene: Scene) -> None:
        plan = scene.plan([{"weight": 5, "bake_seconds": 3600}])
        first, second = (scene.rollout(name=name, plan=plan) for name in NAMES[:2])
        scene.pulse(first, times=3)
        for rollout in (first, second):
            last = rollout.snapshots.latest("at")
            assert last.candidate
            assert last.stable
            assert last.asked_id


class TestNothingDue:
    def test_a_pulse_costs_one_query(self, scene: Scene) -> None:
        scene.rollout(plan=scene.plan([{"weight": 5, "bake_seconds": 3600}]))
        scene.mesh.calls.clear()
        with CaptureQueriesContext(connection) as asked:
            pulse_once(scene.mesh, scene.telemetry, scene.now)
        assert (len(asked), dict(scene.mesh.calls)) == (1, {})
