"""Release trains through the real flow and engine: asked for, approved, carried out and taken back as one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from releases import flow
from releases.domain import BadPlan, IllegalMove, NotAllowed, Stale
from releases.domain.states import Event, State
from releases.domain.train import Order, TrainState, train_state
from releases.flow import Asked, Statements
from releases.flow.train_turn import rollouts_of
from releases.models import AuditEvent, Rollout, Train
from services.connections import use
from tests.admin.world import World, actor, build

pytestmark = pytest.mark.django_db
STATEMENTS = Statements(
    reason="Payment first.", impact="Everybody who pays.", test_evidence="Green.", rollback_note="Traffic."
)


@pytest.fixture
def world(db: None) -> Iterator[World]:
    made = build()
    made.plan = flow.save_plan(
        name="short",
        steps=[{"weight": 50, "bake_seconds": 5}],
        evidence={"policy": "guard", "interval_seconds": 5},
        by=actor(made.requester),
    )
    with use(mesh=made.mesh, telemetry=made.telemetry):
        yield made


def asked(world: World, *names: str, order: Order = Order.ORDERED) -> Train:
    members = []
    for name in names:
        service = world.service(name)
        members.append(Asked(service=service, candidate=service.versions.get(name="v2"), plan=world.plan))
    return flow.create_train(
        name="checkout", order=order, asked=members, statements=STATEMENTS, by=actor(world.requester)
    )


def approved(world: World, *names: str, order: Order = Order.ORDERED) -> Train:
    train = flow.perform_train(asked(world, *names, order=order), Event.SUBMIT, by=actor(world.requester))
    joint = flow.fingerprint_of_train(train, rows=rollouts_of(train))
    return flow.perform_train(train, Event.APPROVE, by=actor(world.approver), fingerprint=joint)


def states(train: Train) -> list[str]:
    return [row.state for row in rollouts_of(train)]


def pulse(world: World, train: Train, *, times: int = 1) -> list[str]:
    """Look at each member that is due, in turn."""
    for _ in range(times):
        for row in rollouts_of(train):
            world.pulse(row, times=1)
    return states(train)


def test_one_vote_approves_every_member(world: World) -> None:
    train = approved(world, "payment", "order")
    assert states(train) == [State.APPROVED, State.APPROVED]


def test_a_vote_for_another_content_counts_for_none(world: World) -> None:
    train = flow.perform_train(asked(world, "payment", "order"), Event.SUBMIT, by=actor(world.requester))
    with pytest.raises(Stale):
        flow.perform_train(train, Event.APPROVE, by=actor(world.approver), fingerprint="0" * 64)
    assert states(train) == [State.PENDING, State.PENDING]
    assert AuditEvent.objects.filter(object_type="train", outcome="refused").count() == 1


def test_who_asked_for_the_train_does_not_decide(world: World) -> None:
    train = flow.perform_train(asked(world, "payment", "order"), Event.SUBMIT, by=actor(world.requester))
    joint = flow.fingerprint_of_train(train, rows=rollouts_of(train))
    with pytest.raises(NotAllowed):
        flow.perform_train(train, Event.APPROVE, by=actor(world.requester), fingerprint=joint)


def test_members_go_one_after_the_other_and_complete_together(world: World) -> None:
    train = approved(world, "payment", "order")
    seen: list[tuple[str, ...]] = []
    for _ in range(40):
        now = tuple(pulse(world, train))
        if not seen or seen[-1] != now:
            seen.append(now)
        if now == ("completed", "completed"):
            break
    assert seen[-1] == ("completed", "completed")
    began = seen.index(("running", "running"))
    assert ("running", "approved") in seen[:began]
    first = rollouts_of(train)[0]
    assert first.service.stable is not None
    assert first.service.stable.name == "v2"


def test_the_second_waits_and_says_for_whom(world: World) -> None:
    train = approved(world, "payment", "order")
    pulse(world, train, times=2)
    first, second = rollouts_of(train)
    assert (first.state, second.state) == ("running", "approved")
    assert (second.reason_code, second.reason_params) == ("waiting_for_train", {"rollout": str(first)})


def test_a_rollback_of_one_takes_all_back_last_first(world: World) -> None:
    train = approved(world, "payment", "order", order=Order.TOGETHER)
    pulse(world, train, times=2)
    assert states(train) == ["running", "running"]
    first, second = rollouts_of(train)
    flow.perform(first, Event.ROLL_BACK, by=actor(world.requester), why="Numbers look odd.")
    pulse(world, train, times=4)
    assert states(train) == ["rolled_back", "rolled_back"]
    event = AuditEvent.objects.get(rollout=second, action="roll_back")
    assert event.after == {**(event.after or {}), "reason": "train_failed", "rollout": str(first)}


def test_what_had_not_begun_is_cancelled_when_the_train_fails(world: World) -> None:
    train = approved(world, "payment", "order")
    pulse(world, train, times=2)
    flow.perform(rollouts_of(train)[0], Event.ROLL_BACK, by=actor(world.requester), why="Odd.")
    for _ in range(6):
        pulse(world, train)
    assert states(train) == ["rolled_back", "cancelled"]
    assert train_state(State(state) for state in states(train)) is TrainState.ROLLED_BACK


def test_a_rollback_of_the_train_begins_with_the_last(world: World) -> None:
    train = approved(world, "payment", "order", order=Order.TOGETHER)
    pulse(world, train, times=2)
    flow.perform_train(train, Event.ROLL_BACK, by=actor(world.requester), why="All of it.")
    first, second = rollouts_of(train)
    begun = AuditEvent.objects.filter(action="roll_back").order_by("seq").values_list("rollout", flat=True)
    assert list(begun) == [second.pk, first.pk]


def test_a_member_that_can_not_be_submitted_withdraws_the_others(world: World) -> None:
    train = asked(world, "payment", "order")
    world.mesh.remove(world.service("order").virtual_service_ref)
    with pytest.raises(Exception, match="order"):
        flow.perform_train(train, Event.SUBMIT, by=actor(world.requester))
    assert states(train) == ["draft", "draft"]


@pytest.mark.parametrize("names", [["payment"], ["payment", "payment"]])
def test_a_train_has_several_services(world: World, names: list[str]) -> None:
    with pytest.raises(BadPlan):
        asked(world, *names)
    assert not Rollout.objects.exists()


def test_an_event_that_the_state_does_not_know_is_refused(world: World) -> None:
    with pytest.raises(IllegalMove):
        flow.perform_train(asked(world, "payment", "order"), Event.PAUSE, by=actor(world.requester))
