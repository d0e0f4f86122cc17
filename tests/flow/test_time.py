"""Time: what expires, what waits for a wall clock, what happens after nobody looked for a while, and two workers at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from pytest_django import DjangoAssertNumQueries

from istio.mesh import DEPLOYMENT, Ref, Unreachable
from releases import flow, selectors, tasks
from releases.clock import database_now
from releases.domain import LostRace
from releases.domain.reasons import Reason
from releases.domain.states import Event, State
from releases.flow.move import lease, note
from releases.models import Rollout
from services.models import Policy
from tests.admin.world import WORKER
from tests.factories import Scene

pytestmark = pytest.mark.django_db

VALID = timedelta(seconds=settings.APPROVAL_VALID_SECONDS)


def test_a_request_that_nobody_answers_expires_by_the_pulse(scene: Scene) -> None:
    rollout = scene.rollout(at=State.PENDING)
    assert scene.pulse(rollout, after=VALID - timedelta(minutes=1)).state == State.PENDING
    rollout = scene.pulse(rollout, after=timedelta(minutes=2))
    assert (rollout.state, rollout.reason_code) == (State.EXPIRED, "approval_expired")
    assert scene.actions(rollout)[-1] == "expire"
    assert rollout.ended_at is not None


def test_an_approval_is_valid_for_its_scheduled_window_only(scene: Scene) -> None:
    start = scene.now + timedelta(days=10)
    rollout = scene.rollout(at=State.APPROVED, start_at=start)
    assert scene.pulse(rollout, after=VALID + timedelta(hours=1)).state == State.APPROVED
    scene.world.now = start + timedelta(seconds=settings.START_WINDOW_SECONDS)
    rollout = scene.pulse(rollout)
    assert rollout.state == State.EXPIRED
    assert scene.weight(rollout) == 0


def test_it_starts_at_its_time_and_not_before(scene: Scene) -> None:
    start = scene.now + timedelta(hours=2)
    rollout = scene.rollout(at=State.APPROVED, start_at=start)
    rollout = scene.pulse(rollout, after=timedelta(hours=1, minutes=59))
    assert (rollout.state, rollout.reason_code) == (State.APPROVED, "waiting_for_start")
    assert rollout.next_wake_up == start
    assert scene.pulse(rollout, after=timedelta(minutes=2)).state == State.RUNNING


def test_a_step_waits_for_its_wall_clock(scene: Scene) -> None:
    at = scene.now + timedelta(minutes=10)
    steps: list[dict[str, Any]] = [
        {"weight": 5, "bake_seconds": 10},
        {"weight": 50, "bake_seconds": 10, "not_before": at.isoformat()},
    ]
    rollout = scene.pulse(scene.rollout(at=State.RUNNING, plan=scene.plan(steps)), times=8)
    assert (rollout.current_step, rollout.reason_code) == (0, "waiting_for_not_before")
    while rollout.current_step == 0:
        rollout = scene.pulse(rollout, after=timedelta(seconds=30))
    begun = scene.run_of(rollout, 1).started_at
    assert begun is not None
    assert at <= begun <= at + timedelta(seconds=31)


def test_after_a_short_outage_one_step_is_taken_with_its_own_bake(scene: Scene) -> None:
    rollout = scene.rollout(at=State.RUNNING)
    rollout = scene.pulse(rollout, after=timedelta(minutes=30))
    rollout = scene.pulse(rollout)
    assert rollout.current_step == 1
    until = scene.run_of(rollout, 1).bake_until
    assert until is not None
    assert until > scene.now


def test_beyond_the_grace_it_holds_for_a_person(scene: Scene) -> None:
    rollout = scene.rollout(at=State.RUNNING)
    rollout = scene.pulse(rollout, after=timedelta(seconds=settings.STEP_GRACE_SECONDS + 60))
    assert (rollout.state, rollout.reason_code, rollout.current_step) == (State.PAUSED, "overdue", 0)
    rollout = scene.pulse(scene.by_hand(rollout, Event.RESUME), times=3)
    assert rollout.current_step == 1


def test_a_mesh_that_is_away_is_tried_again_and_nothing_is_believed(scene: Scene) -> None:
    rollout = scene.rollout(at=State.APPROVED)
    scene.mesh.fail_next(Unreachable("away"), on="put", times=4)
    rollout = scene.pulse(rollout)
    assert (rollout.reason_code, scene.weight(rollout)) == ("mesh_unreachable", 0)
    assert scene.until(rollout, State.COMPLETED).state == State.COMPLETED


def test_another_image_holds_before_the_first_write(scene: Scene) -> None:
    rollout = scene.rollout(at=State.APPROVED)
    ref = Ref(DEPLOYMENT, "shop", "product-v2")

    def image(name: str) -> None:
        scene.mesh.edit(
            ref, lambda item: item["spec"]["template"]["spec"]["containers"][0].update(image=name)
        )

    image("shop/product:other")
    rollout = scene.until(rollout, State.PAUSED)
    assert (rollout.reason_code, scene.weight(rollout)) == ("version_changed", 0)
    image("shop/product:v2")
    rollout = scene.pulse(scene.by_hand(rollout, Event.RESUME), times=2)
    assert scene.weight(rollout) == 5


def test_pods_that_are_not_ready_are_waited_for(scene: Scene) -> None:
    rollout = scene.rollout(at=State.APPROVED)
    ref = Ref(DEPLOYMENT, "shop", "product-v2")
    scene.mesh.edit(ref, lambda item: item["status"].update(readyReplicas=0))
    rollout = scene.pulse(rollout, times=3)
    assert (rollout.state, rollout.reason_code) == (State.RUNNING, "waiting_for_checks")
    assert "WEIR0103" in rollout.reason_params["problem"]
    scene.mesh.edit(ref, lambda item: item["status"].update(readyReplicas=2))
    assert scene.weight(scene.pulse(rollout, times=4)) == 5


def test_a_changed_policy_voids_the_votes_before_the_next_write(scene: Scene) -> None:
    rollout = scene.rollout(at=State.RUNNING)
    Policy.objects.filter(pk=scene.world.policy.pk).update(number=2)
    rollout = scene.until(rollout, State.PAUSED)
    assert (rollout.reason_code, scene.weight(rollout)) == ("approval_void", 5)
    assert scene.actions(rollout)[-1] == "void"
    assert not rollout.approvals.filter(voided_at=None).exists()
    rollout = scene.by_hand(scene.approve(rollout), Event.RESUME)
    assert scene.until(rollout, State.COMPLETED).state == State.COMPLETED


def test_a_revoked_vote_pauses_and_keeps_the_traffic(scene: Scene) -> None:
    rollout = scene.rollout(at=State.RUNNING)
    rollout = scene.by_hand(rollout, Event.REVOKE, scene.world.approver)
    assert (rollout.state, scene.weight(rollout)) == (State.PAUSED, 5)
    rollout = scene.pulse(scene.by_hand(rollout, Event.RESUME), times=8)
    assert (rollout.state, scene.weight(rollout)) == (State.PAUSED, 5)


def test_of_two_workers_one_has_the_row(scene: Scene) -> None:
    rollout = scene.rollout(at=State.APPROVED)
    scene.world.now += timedelta(seconds=5)
    first = lease(rollout.pk, now=scene.now)
    assert first is not None
    assert flow.advance(rollout.pk, clock=lambda: scene.now, by=WORKER) is None
    note(first, reason=Reason.STARTING, wake=scene.now)
    assert flow.advance(rollout.pk, clock=lambda: scene.now, by=WORKER) is not None


def test_a_late_worker_loses_to_the_one_that_took_over(scene: Scene) -> None:
    rollout = scene.rollout(at=State.RUNNING)
    scene.world.now += timedelta(seconds=10)
    late = lease(rollout.pk, now=scene.now)
    assert late is not None
    scene.pulse(rollout, after=timedelta(seconds=settings.LEASE_SECONDS + 1))
    with pytest.raises(LostRace):
        note(late, reason=Reason.BAKING, wake=scene.now)


def test_a_pulse_with_nothing_due_costs_one_query(
    scene: Scene, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    rollout = scene.rollout(at=State.PENDING)
    assert rollout.next_wake_up is not None
    assert rollout.next_wake_up > database_now()
    with django_assert_num_queries(1):
        tasks.pulse()


def test_rollbacks_go_first_and_on_a_queue_of_their_own(scene: Scene) -> None:
    back = scene.rollout(at=State.RUNNING, name="order")
    waiting = scene.rollout(at=State.APPROVED, name="payment")
    Rollout.objects.filter(pk=back.pk).update(state=State.ROLLING_BACK, next_wake_up=scene.now)
    scene.world.now += timedelta(seconds=5)
    due = selectors.due_rollouts(now=scene.now)
    assert due[0] == (back.pk, True)
    assert all(not urgent for _pk, urgent in due[1:])
    route = settings.CELERY_TASK_ROUTES[tasks.roll_back_rollout.name]
    assert route["queue"] != settings.CELERY_TASK_DEFAULT_QUEUE
    assert waiting.pk in dict(selectors.due_rollouts(now=scene.now))


def test_a_write_whose_answer_was_lost_for_a_while_is_no_broken_split(scene: Scene) -> None:
    rollout = scene.rollout(at=State.RUNNING, step=0)
    scene.mesh.fail_next(Unreachable("the answer was lost"), on="put", after=True)
    while scene.weight(rollout) != 20:
        rollout = scene.pulse(rollout)
    rollout = scene.pulse(rollout, after=timedelta(seconds=90))
    assert scene.until(rollout, State.COMPLETED).state == State.COMPLETED
