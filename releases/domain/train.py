"""A release train: rollouts of several services (or of one service in several clusters) that end together or not at all.

A member that has all traffic and has been watched long enough is *ready*; it completes when every member is ready, so that until
then one failure can still bring all of them back, the last first. Pure: the engine asks for each member whose turn it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from releases.domain.fingerprint import digest
from releases.domain.states import CARRYING, Event, State

FAILED = frozenset(
    {
        State.ROLLING_BACK,
        State.ROLLED_BACK,
        State.REJECTED,
        State.CANCELLED,
        State.EXPIRED,
        State.REVERTED,
    }
)
"""A member in one of these takes the whole train back."""


class Order(StrEnum):
    """Whether a member waits until those before it are ready."""

    ORDERED = "ordered"
    TOGETHER = "together"


class TrainState(StrEnum):
    """Where a train is; computed from its members, never stored."""

    DRAFT = "draft"
    PENDING = "pending"
    APPROVED = "approved"
    RUNNING = "running"
    PAUSED = "paused"
    ROLLING_BACK = "rolling_back"
    COMPLETED = "completed"
    ROLLED_BACK = "rolled_back"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Member:
    """One rollout of the train, in its order. ``ready``: it has all traffic and its last bake is over."""

    number: str
    state: State
    ready: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """What the train lets one member do now. ``waits_for`` names the member that it waits for, for the sentence on the page."""

    may_start: bool = True
    may_complete: bool = True
    must_fall_back: bool = False
    may_fall_back: bool = True
    must_cancel: bool = False
    waits_for: str = ""


def turn_of(position: int, *, order: Order, members: Sequence[Member]) -> Turn:
    """Say what the member at ``position`` may do. All members, itself among them, in the order of the train."""
    me, others = members[position], [*members[:position], *members[position + 1 :]]
    failed = next((member for member in others if member.state in FAILED), None)
    if failed is not None:
        later = next((member for member in members[position + 1 :] if member.state in CARRYING), None)
        return Turn(
            may_start=False,
            may_complete=False,
            must_fall_back=me.state in CARRYING,
            may_fall_back=later is None,
            must_cancel=me.state is State.APPROVED,
            waits_for=(later or failed).number,
        )
    undecided = next((member for member in others if member.state in {State.DRAFT, State.PENDING}), None)
    before = members[:position] if order is Order.ORDERED else ()
    ahead = undecided or next((member for member in before if not _is_through(member)), None)
    behind = next((member for member in others if not _is_through(member)), None)
    waits_for = ahead if me.state is State.APPROVED else behind
    return Turn(
        may_start=ahead is None, may_complete=behind is None, waits_for=waits_for.number if waits_for else ""
    )


def _is_through(member: Member) -> bool:
    return member.ready or member.state is State.COMPLETED


def train_state(members: Iterable[State]) -> TrainState:
    """Sum the members' states up: the worst comes first, then whatever still moves."""
    states = set(members)
    if states & {State.ROLLING_BACK, State.ROLLED_BACK, State.REVERTED}:
        return TrainState.ROLLING_BACK if states & CARRYING else TrainState.ROLLED_BACK
    for state in (State.REJECTED, State.EXPIRED, State.CANCELLED):
        if state in states:
            return TrainState.ROLLING_BACK if states & CARRYING else TrainState(state.value)
    if states == {State.COMPLETED}:
        return TrainState.COMPLETED
    for state in (State.PAUSED, State.DRAFT, State.PENDING):
        if state in states:
            return TrainState(state.value)
    return TrainState.APPROVED if states == {State.APPROVED} else TrainState.RUNNING


def joint_fingerprint(*, order: Order, fingerprints: Sequence[str]) -> str:
    """Return 64 hex digits over the order and every member's fingerprint; empty while one of them has none."""
    if not all(fingerprints):
        return ""
    content: Mapping[str, Any] = {"order": order.value, "members": list(fingerprints)}
    return digest(content)


TRAIN_EVENTS: Mapping[TrainState, tuple[Event, ...]] = {
    TrainState.DRAFT: (Event.SUBMIT, Event.CANCEL),
    TrainState.PENDING: (Event.APPROVE, Event.REJECT, Event.WITHDRAW),
    TrainState.APPROVED: (Event.REVOKE, Event.CANCEL),
    TrainState.RUNNING: (Event.PAUSE, Event.ROLL_BACK),
    TrainState.PAUSED: (Event.RESUME, Event.ROLL_BACK),
    TrainState.ROLLING_BACK: (Event.ROLL_BACK,),
    TrainState.COMPLETED: (),
    TrainState.ROLLED_BACK: (),
    TrainState.REJECTED: (),
    TrainState.CANCELLED: (),
    TrainState.EXPIRED: (),
}
"""What a person may do to a train as a whole. Each is done to every member whose state knows it."""
