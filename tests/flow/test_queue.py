"""Limits of running rollouts per cluster and group, through the real flow and engine: the rest wait, and say for what."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction

from releases import flow, selectors
from releases.domain import BadPlan, NotAllowed
from releases.domain.decision import Start
from releases.domain.states import Event, State
from releases.domain.train import Order
from releases.flow import Asked, Statements, advance
from releases.flow.advance import carry_out
from releases.flow.train_turn import rollouts_of
from releases.models import AuditEvent, EmergencyRelease, Freeze, Rollout
from services.connections import use
from services.models import RolloutLimit, Service
from tests.admin.world import WORKER, World, actor, build

pytestmark = pytest.mark.django_db
HELD = "waiting_for_turn"


@pytest.fixture
def world(db: None) -> Iterator[World]:
    made = build()
    with use(mesh=made.mesh, telemetry=made.telemetry):
        yield made


def limit(world: World, *, rollouts: int, group: Group | None = None) -> RolloutLimit:
    return RolloutLimit.objects.create(
        cluster=None if group else world.cluster, group=group, rollouts=rollouts
    )


def look(world: World, *rows: Rollout) -> list[str]:
    """Look at each once, a minute on, and say where it is or what it waits for."""
    world.now += timedelta(minutes=1)
    for row in rows:
        Rollout.objects.filter(pk=row.pk).update(next_wake_up=world.now)
        advance(row.pk, clock=lambda: world.now, by=WORKER)
        row.refresh_from_db()
    return [row.reason_code if row.state == State.APPROVED else row.state for row in rows]


def end(world: World, row: Rollout) -> None:
    flow.perform(row, Event.ROLL_BACK, by=actor(world.operator), why="enough", clock=lambda: world.now)
    look(world, row)
    assert row.state == State.ROLLED_BACK


def test_without_a_limit_all_begin(world: World) -> None:
    rows = [world.approved(name) for name in ("product", "order")]
    assert look(world, *rows) == [State.RUNNING, State.RUNNING]


def test_a_full_cluster_lets_the_rest_wait_in_the_order_of_their_approval(world: World) -> None:
    limit(world, rollouts=1)
    first, second, third = (world.approved(name) for name in ("product", "order", "payment"))
    assert look(world, first, third, second) == [State.RUNNING, HELD, HELD]
    assert third.reason_params == {"scope": "test", "most": 1, "ahead": 1}
    assert "1 releases may run at once in test" in selectors.why(third)
    end(world, first)
    assert look(world, third, second) == [HELD, State.RUNNING]  # whoever looks first


def test_a_group_s_limit_holds_for_its_services_only(world: World) -> None:
    group = Group.objects.create(name="buyers")
    first, second, other = (world.approved(name) for name in ("product", "order", "payment"))
    Service.objects.filter(pk__in=[first.service_id, second.service_id]).update(owners=group)
    limit(world, rollouts=1, group=group)
    for row in (first, second, other):
        row.refresh_from_db()
    assert look(world, first, second, other) == [State.RUNNING, HELD, State.RUNNING]
    assert second.reason_params["scope"] == "buyers"


def test_what_waits_for_its_time_or_a_window_holds_up_nobody(world: World) -> None:
    limit(world, rollouts=1)
    early, frozen, late = (world.approved(name) for name in ("product", "order", "payment"))
    Rollout.objects.filter(pk=early.pk).update(start_at=world.now + timedelta(hours=2))
    Freeze.objects.create(
        name="stocktaking",
        service=frozen.service,
        starts_at=world.now - timedelta(hours=1),
        ends_at=world.now + timedelta(hours=1),
        time_zone="UTC",
        created_by=world.operator,
    )
    assert look(world, early, frozen, late) == ["waiting_for_start", "held_by_freeze", State.RUNNING]


def test_a_paused_release_keeps_its_place(world: World) -> None:
    limit(world, rollouts=1)
    first, second = world.approved("product"), world.approved("order")
    look(world, first)
    flow.perform(first, Event.PAUSE, by=actor(world.operator), why="look", clock=lambda: world.now)
    assert look(world, second) == [HELD]


def test_a_train_is_one_release(world: World) -> None:
    """Else two of its members would run and wait for ever for the third to complete with them."""
    limit(world, rollouts=1)
    members = []
    for name in ("product", "order", "payment"):
        service = world.service(name)
        members.append(Asked(service=service, candidate=service.versions.get(name="v2"), plan=world.plan))
    said = Statements(reason="All.", impact="All.", test_evidence="Green.", rollback_note="Traffic.")
    who = actor(world.requester)
    train = flow.create_train(name="shop", order=Order.TOGETHER, asked=members, statements=said, by=who)
    flow.perform_train(train, Event.SUBMIT, by=who)
    joint = flow.fingerprint_of_train(train, rows=rollouts_of(train))
    flow.perform_train(train, Event.APPROVE, by=actor(world.approver), fingerprint=joint)
    alone = world.approved("basket")
    assert look(world, *rollouts_of(train)) == [State.RUNNING] * 3
    assert look(world, alone) == [HELD]


def test_two_workers_do_not_both_take_the_last_place(world: World) -> None:
    limit(world, rollouts=1)
    first, second = world.approved("product"), world.approved("order")
    look(world, first)
    carry_out(second, Start(), by=WORKER, clock=lambda: world.now)  # decided while there was a place
    second.refresh_from_db()
    assert (second.state, second.reason_code) == (State.APPROVED, HELD)
    assert not AuditEvent.objects.filter(rollout=second, action="start").exists()


def test_an_emergency_waits_for_nobody(world: World) -> None:
    limit(world, rollouts=1)
    first, second = world.approved("product"), world.approved("order")
    look(world, first)
    EmergencyRelease.objects.create(
        rollout=second,
        declared_by=world.operator,
        incident="INC-1",
        reason="Payments fail everywhere.",
        declared_at=world.now,
        due_at=world.now + timedelta(days=1),
    )
    assert look(world, second) == [State.RUNNING]


def test_a_limit_holds_for_one_thing_and_lets_at_least_one_run(world: World) -> None:
    group = Group.objects.create(name="buyers")
    for wrong in ({"cluster": world.cluster, "group": group, "rollouts": 1}, {"rollouts": 1}):
        with pytest.raises(BadPlan, match="name one of them"):
            flow.save_catalogue(RolloutLimit(), by=actor(world.administrator), changes=wrong)
    with pytest.raises(IntegrityError), transaction.atomic():
        RolloutLimit.objects.create(cluster=world.cluster, rollouts=0)


def test_who_may_not_edit_the_catalogue_sets_no_limit(world: World) -> None:
    with pytest.raises(NotAllowed):
        flow.save_catalogue(
            RolloutLimit(), by=actor(world.requester), changes={"cluster": world.cluster, "rollouts": 9}
        )
