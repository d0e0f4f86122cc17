"""Whose turn it is in a release train, and what a failure of one means for all."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releases.domain.states import CARRYING, State
from releases.domain.train import (
    FAILED,
    TRAIN_EVENTS,
    Member,
    Order,
    TrainState,
    joint_fingerprint,
    train_state,
    turn_of,
)

MEMBERS = st.lists(
    st.builds(Member, number=st.just("R"), state=st.sampled_from(State), ready=st.booleans()),
    min_size=1,
    max_size=4,
)


def members(*states: str) -> list[Member]:
    """``running!`` is a member that is ready."""
    return [
        Member(number=f"R-{place}", state=State(state.strip("!")), ready=state.endswith("!"))
        for place, state in enumerate(states, start=1)
    ]


@pytest.mark.parametrize(
    ("states", "position", "order", "may_start", "waits_for"),
    [
        (["approved", "approved"], 0, Order.ORDERED, True, ""),
        (["approved", "approved"], 1, Order.ORDERED, False, "R-1"),
        (["approved", "approved"], 1, Order.TOGETHER, True, ""),
        (["running", "approved"], 1, Order.ORDERED, False, "R-1"),
        (["running!", "approved"], 1, Order.ORDERED, True, ""),
        (["completed", "approved"], 1, Order.ORDERED, True, ""),
        (["approved", "pending"], 0, Order.TOGETHER, False, "R-2"),
        (["approved", "pending"], 0, Order.ORDERED, False, "R-2"),
        (["rolled_back", "approved"], 1, Order.TOGETHER, False, "R-1"),
    ],
)
def test_who_may_start(
    states: list[str], position: int, order: Order, may_start: bool, waits_for: str
) -> None:
    turn = turn_of(position, order=order, members=members(*states))
    assert (turn.may_start, turn.waits_for) == (may_start, waits_for)


def test_nobody_completes_before_all_are_ready() -> None:
    assert not turn_of(0, order=Order.ORDERED, members=members("running!", "running")).may_complete
    assert turn_of(0, order=Order.ORDERED, members=members("running!", "running!")).may_complete
    assert turn_of(1, order=Order.ORDERED, members=members("completed", "running!")).may_complete


def test_a_failure_takes_the_others_back_last_first() -> None:
    train = members("running!", "running", "rolled_back")
    assert turn_of(1, order=Order.ORDERED, members=train).may_fall_back
    first = turn_of(0, order=Order.ORDERED, members=train)
    assert (first.must_fall_back, first.may_fall_back, first.waits_for) == (True, False, "R-2")


def test_what_has_not_begun_is_cancelled() -> None:
    turn = turn_of(1, order=Order.ORDERED, members=members("rolled_back", "approved"))
    assert (turn.must_cancel, turn.must_fall_back) == (True, False)


@given(MEMBERS, st.sampled_from(Order), st.data())
def test_no_member_goes_on_while_another_has_failed(
    train: list[Member], order: Order, data: st.DataObject
) -> None:
    position = data.draw(st.integers(0, len(train) - 1))
    others = [member for place, member in enumerate(train) if place != position]
    turn = turn_of(position, order=order, members=train)
    if any(member.state in FAILED for member in others):
        assert not turn.may_start
        assert not turn.may_complete
        assert turn.must_fall_back == (train[position].state in CARRYING)


@given(MEMBERS, st.sampled_from(Order))
def test_the_last_that_carries_traffic_may_always_fall_back(train: list[Member], order: Order) -> None:
    carrying = [place for place, member in enumerate(train) if member.state in CARRYING]
    assert all(turn_of(place, order=order, members=train).may_fall_back for place in carrying[-1:])


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["draft", "draft"], TrainState.DRAFT),
        (["pending", "approved"], TrainState.PENDING),
        (["approved", "approved"], TrainState.APPROVED),
        (["running", "approved"], TrainState.RUNNING),
        (["running!", "completed"], TrainState.RUNNING),
        (["paused", "running"], TrainState.PAUSED),
        (["rolled_back", "running"], TrainState.ROLLING_BACK),
        (["rolled_back", "cancelled"], TrainState.ROLLED_BACK),
        (["rejected", "rejected"], TrainState.REJECTED),
        (["completed", "completed"], TrainState.COMPLETED),
    ],
)
def test_the_state_sums_the_members_up(states: list[str], expected: TrainState) -> None:
    for order in permutations(members(*states)):
        assert train_state(member.state for member in order) is expected


def test_every_state_says_what_a_person_may_do() -> None:
    assert set(TRAIN_EVENTS) == set(TrainState)


def test_the_joint_fingerprint_binds_order_and_every_member() -> None:
    one = joint_fingerprint(order=Order.ORDERED, fingerprints=["a", "b"])
    assert len(one) == 64
    others = {
        joint_fingerprint(order=Order.TOGETHER, fingerprints=["a", "b"]),
        joint_fingerprint(order=Order.ORDERED, fingerprints=["b", "a"]),
        joint_fingerprint(order=Order.ORDERED, fingerprints=["a"]),
    }
    assert len({one, *others}) == 4
    assert joint_fingerprint(order=Order.ORDERED, fingerprints=["a", ""]) == ""
