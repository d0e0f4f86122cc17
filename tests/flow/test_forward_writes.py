"""Every write that gives the candidate more asks the same, and none is undone by what another rollout left behind."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.test import TestCase

from istio.marks import FENCE
from istio.mesh import DEPLOYMENT, DESTINATION_RULE, VIRTUAL_SERVICE, Manifest, Ref, Unreachable
from releases import flow
from releases.clock import database_now
from releases.domain import IllegalMove
from releases.domain.roles import RoleName
from releases.domain.states import Event, State
from releases.flow.waiting import wait_for_passes
from releases.models import AuditEvent, Rollout
from tests.admin.world import actor, person
from tests.factories import Scene, pulse_once
from tests.fakes.mesh import FakeMesh

pytestmark = pytest.mark.django_db

ROUTES = Ref(VIRTUAL_SERVICE, "shop", "product")
SUBSETS = Ref(DESTINATION_RULE, "shop", "product")


def give_v2(weight: int) -> Any:
    def change(document: Manifest) -> None:
        for entry in document["spec"]["http"][0]["route"]:
            entry["weight"] = weight if entry["destination"]["subset"] == "v2" else 100 - weight

    return change


def take_subset_away(document: Manifest) -> None:
    document["spec"]["subsets"] = [item for item in document["spec"]["subsets"] if item["name"] != "v2"]


def fence_of(scene: Scene) -> int:
    return int(scene.mesh.get(ROUTES)["metadata"]["annotations"][FENCE])


class TestFences:
    def test_a_fence_never_comes_twice_on_one_object(self, scene: Scene) -> None:
        seen = []
        for _ in range(4):
            rollout = scene.by_hand(scene.rollout(at=State.APPROVED), Event.START)
            written = len(scene.writes(rollout))
            rollout = scene.by_hand(rollout, Event.ROLL_BACK)
            assert len(scene.writes(rollout)) == written + 1, "a rollback writes once, always"
            seen.append(fence_of(scene))
        assert seen == sorted(set(seen))

    def test_a_rollback_in_the_middle_of_a_first_write_holds_in_each_rollout(self, scene: Scene) -> None:
        put = FakeMesh.put
        for _ in range(4):
            rollout = scene.rollout(at=State.APPROVED)
            overtaken: list[int] = []

            def overtaking(
                mesh: FakeMesh,
                manifest: Manifest,
                *,
                dry_run: bool = False,
                rollout: Rollout = rollout,
                overtaken: list[int] = overtaken,
            ) -> Manifest:
                if not dry_run and manifest["kind"] == VIRTUAL_SERVICE and not overtaken:
                    overtaken.append(rollout.pk)
                    scene.by_hand(Rollout.objects.get(pk=rollout.pk), Event.ROLL_BACK)
                return put(mesh, manifest, dry_run=dry_run)

            with patch.object(FakeMesh, "put", overtaking):
                for _pulse in range(4):
                    scene.world.now += timedelta(seconds=5)
                    pulse_once(scene.mesh, scene.telemetry, scene.now)
            rollout.refresh_from_db()
            assert overtaken
            assert (rollout.state, scene.weight(rollout)) == (State.ROLLED_BACK, 0)


class TestSubset:
    def test_a_subset_that_was_taken_away_is_there_before_the_next_step_names_it(self, scene: Scene) -> None:
        rollout = scene.rollout(step=0)
        scene.mesh.edit(SUBSETS, take_subset_away)
        scene.world.now += timedelta(minutes=1)  # what stands beside it is looked at anew
        for _ in range(30):
            rollout = scene.pulse(rollout)
            if scene.weight(rollout) >= 20:
                break
        assert scene.weight(rollout) == 20
        assert "v2" in {item["name"] for item in scene.mesh.get(SUBSETS)["spec"]["subsets"]}

    def test_a_rollback_does_not_wait_for_one_that_somebody_made_another_meanwhile(
        self, scene: Scene
    ) -> None:
        rollout = scene.by_hand(scene.rollout(at=State.APPROVED), Event.START)
        scene.mesh.fail_next(Unreachable("gone"), on="put")  # the intent to add the subset stays on the row
        rollout = scene.pulse(rollout)
        assert rollout.writing is not None
        assert rollout.writing["document"]["kind"] == DESTINATION_RULE
        taken = {"name": "v2", "labels": {"version": "another"}}
        scene.mesh.edit(SUBSETS, lambda document: document["spec"]["subsets"].append(taken))
        rollout = scene.by_hand(rollout, Event.ROLL_BACK)
        assert rollout.state == State.ROLLED_BACK


class TestPromotion:
    def test_it_waits_for_a_candidate_that_is_not_ready(self, scene: Scene) -> None:
        rollout = scene.rollout(step=0)
        scene.mesh.edit(
            Ref(DEPLOYMENT, "shop", "product-v2"),
            lambda item: item.update(status={"replicas": 2, "readyReplicas": 0, "availableReplicas": 0}),
        )
        scene.world.now += timedelta(minutes=1)
        rollout = scene.by_hand(rollout, Event.PROMOTE)
        rollout = scene.pulse(rollout, times=2)
        assert (rollout.reason_code, scene.weight(rollout)) == ("waiting_for_checks", 5)


class TestRestore:
    def drifted_to_nothing(self, scene: Scene) -> Rollout:
        rollout = scene.rollout(step=1)
        scene.mesh.edit(ROUTES, give_v2(0))
        return scene.until(rollout, State.PAUSED)

    def test_what_gives_more_than_the_mesh_does_needs_an_open_calendar(self, scene: Scene) -> None:
        rollout = self.drifted_to_nothing(scene)
        manager = person("calendar", RoleName.CALENDAR_MANAGER, RoleName.OPERATOR)
        flow.press_red_button(by=actor(manager), why="stop all")
        with pytest.raises(IllegalMove, match="frozen"):
            scene.by_hand(rollout, Event.RESTORE)
        assert scene.weight(rollout) == 0
        rollout.refresh_from_db()
        assert rollout.leased_until is None, "a refusal must not keep the worker's guards away"

    def test_what_gives_more_than_the_mesh_does_needs_the_votes(self, scene: Scene) -> None:
        rollout = self.drifted_to_nothing(scene)
        rollout.approvals.update(voided_at=scene.now)
        with pytest.raises(IllegalMove, match="approvals count"):
            scene.by_hand(rollout, Event.RESTORE)
        assert scene.weight(rollout) == 0

    def test_what_gives_less_asks_nobody(self, scene: Scene) -> None:
        rollout = scene.rollout(step=1)
        scene.mesh.edit(ROUTES, give_v2(60))
        rollout = scene.until(rollout, State.PAUSED)
        rollout.approvals.update(voided_at=scene.now)
        rollout = scene.by_hand(rollout, Event.RESTORE)
        assert scene.weight(rollout) == 20


class TestRollBack:
    def test_after_an_adoption_the_stored_baseline_gives_the_candidate_nothing(self, scene: Scene) -> None:
        rollout = scene.rollout(step=1)
        scene.mesh.edit(ROUTES, give_v2(60))
        rollout = scene.by_hand(scene.until(rollout, State.PAUSED), Event.ADOPT)

        def ambiguous(document: Manifest) -> None:
            entry = {"destination": {"host": "product", "subset": "v1"}}
            document["spec"]["http"].append({"name": "second", "route": [entry]})

        scene.mesh.edit(ROUTES, ambiguous)
        rollout = scene.by_hand(rollout, Event.ROLL_BACK)
        assert rollout.state == State.ROLLED_BACK
        assert scene.weight(rollout) == 0

    def test_an_object_that_is_gone_ends_it_and_the_trail_says_so(self, scene: Scene) -> None:
        rollout = scene.rollout(step=1)
        scene.mesh.remove(ROUTES)
        rollout = scene.by_hand(rollout, Event.ROLL_BACK)
        assert rollout.state == State.ROLLED_BACK
        told = AuditEvent.objects.filter(rollout=rollout, action="done").latest("seq")
        assert "Nothing was written" in told.reason


class TestOverdue:
    def test_a_first_step_is_not_begun_long_after_its_time(self, scene: Scene) -> None:
        rollout = scene.by_hand(scene.rollout(at=State.APPROVED), Event.START)
        scene.world.now += timedelta(hours=10)
        rollout = scene.pulse(rollout)
        assert (rollout.state, rollout.reason_code) == (State.PAUSED, "overdue")
        assert not scene.writes(rollout)

    def test_an_approval_that_nobody_looked_at_in_time_begins_with_a_person(self, scene: Scene) -> None:
        rollout = scene.rollout(at=State.APPROVED)
        scene.world.now += timedelta(hours=10)
        rollout = scene.pulse(rollout)
        assert (rollout.state, rollout.reason_code) == (State.PAUSED, "overdue")
        assert not scene.writes(rollout)
        rollout = scene.pulse(scene.by_hand(rollout, Event.RESUME), times=2)
        assert (rollout.state, scene.weight(rollout)) == (State.RUNNING, 5)

    def test_a_freeze_that_is_made_meanwhile_does_not_make_it_due_in_time(self, scene: Scene) -> None:
        rollout = scene.rollout(at=State.APPROVED)
        due = database_now() - timedelta(hours=10)
        Rollout.objects.filter(pk=rollout.pk).update(next_wake_up=due)
        manager = person("calendar", RoleName.CALENDAR_MANAGER, RoleName.OPERATOR)
        flow.press_red_button(by=actor(manager), why="stop all")
        rollout.refresh_from_db()
        assert rollout.next_wake_up == due

    def test_a_write_that_was_begun_is_not_done_long_after_its_time(self, scene: Scene) -> None:
        rollout = scene.rollout(step=0)
        scene.mesh.fail_next(Unreachable("gone"), on="put", times=1000)
        for _ in range(20):
            rollout = scene.pulse(rollout)
            if rollout.step_runs.filter(position=1).exists():
                break
        scene.mesh.forgive()
        scene.world.now += timedelta(hours=10)
        rollout = scene.pulse(rollout)
        assert (rollout.state, rollout.reason_code) == (State.PAUSED, "overdue")
        assert scene.weight(rollout) == 5


class TestStops:
    def leased(self, scene: Scene) -> Rollout:
        rollout = scene.rollout(step=0)
        until = database_now() + timedelta(seconds=0.6)
        Rollout.objects.filter(pk=rollout.pk).update(leased_until=until)
        return Rollout.objects.get(pk=rollout.pk)

    def test_a_vote_is_taken_back_when_no_worker_is_in_the_middle_of_a_write(self, scene: Scene) -> None:
        rollout = self.leased(scene)
        held_until = rollout.leased_until
        flow.perform(rollout, Event.REVOKE, by=actor(scene.world.approver), why="not now", clock=database_now)
        assert held_until is not None
        assert database_now() >= held_until

    def test_a_vote_that_was_voided_while_the_door_waited_is_not_taken_back(self, scene: Scene) -> None:
        rollout = self.leased(scene)

        def voided_meanwhile(_seconds: float) -> None:
            rollout.approvals.update(voided_at=database_now())
            Rollout.objects.filter(pk=rollout.pk).update(leased_until=None)

        with patch("releases.flow.waiting.time.sleep", voided_meanwhile), pytest.raises(IllegalMove):
            flow.perform(
                rollout, Event.REVOKE, by=actor(scene.world.approver), why="not now", clock=database_now
            )
        rollout.refresh_from_db()
        assert rollout.state == State.RUNNING

    def test_a_freeze_answers_when_the_passes_that_had_begun_are_over(self, scene: Scene) -> None:
        rollout = self.leased(scene)
        manager = person("calendar", RoleName.CALENDAR_MANAGER, RoleName.OPERATOR)
        with TestCase.captureOnCommitCallbacks(execute=True):
            flow.press_red_button(by=actor(manager), why="stop all")
        assert rollout.leased_until is not None
        assert database_now() >= rollout.leased_until

    def test_a_pass_that_began_later_is_not_waited_for(self, scene: Scene) -> None:
        rollout = self.leased(scene)
        until = database_now() + timedelta(seconds=30)
        looks: list[int] = []

        def taken_anew(_seconds: float) -> None:
            looks.append(1)
            Rollout.objects.filter(pk=rollout.pk).update(leased_until=until)

        with patch("releases.flow.waiting.time.sleep", taken_anew):
            wait_for_passes([rollout.pk])
        assert len(looks) == 1
