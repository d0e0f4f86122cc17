"""The one table of states and events: the engine, the admin's buttons, the API, the dashboard and docs/states.md read it.

States drive; reason codes (``reasons.py``) explain. There is one state column and never a product of flags.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from istio.sentence import Sentence
from releases.domain.errors import IllegalMove
from releases.domain.words import word, words


class State(StrEnum):
    """Where a rollout is."""

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
    REVERTED = "reverted"


class Event(StrEnum):
    """What can happen to a rollout. In URLs underscores are hyphens, and roll_back is written ``rollback``."""

    EDIT = "edit"
    SUBMIT = "submit"
    CANCEL = "cancel"
    APPROVE = "approve"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"
    START = "start"
    REVOKE = "revoke"
    VOID = "void"
    PAUSE = "pause"
    RESUME = "resume"
    SET_WEIGHT = "set_weight"
    PROMOTE = "promote"
    ROLL_BACK = "roll_back"
    RESTORE = "restore"
    ADOPT = "adopt"
    COMPLETE = "complete"
    DONE = "done"
    REVERT = "revert"
    RETRY = "retry"

    @property
    def slug(self) -> str:
        """How the event is written in a URL."""
        return "rollback" if self is Event.ROLL_BACK else self.value.replace("_", "-")

    @classmethod
    def from_slug(cls, slug: str) -> Event:
        """Read a URL's word. Raises ValueError."""
        return cls.ROLL_BACK if slug == "rollback" else cls(slug.replace("-", "_"))


TRANSITIONS: Mapping[State, Mapping[Event, State]] = {
    State.DRAFT: {Event.SUBMIT: State.PENDING, Event.CANCEL: State.CANCELLED, Event.EDIT: State.DRAFT},
    State.PENDING: {
        Event.APPROVE: State.APPROVED,  # when the quorum is full; a vote before that leaves the state as it is
        Event.REJECT: State.REJECTED,
        Event.WITHDRAW: State.DRAFT,
        Event.EXPIRE: State.EXPIRED,
    },
    State.APPROVED: {
        Event.START: State.RUNNING,
        Event.REVOKE: State.PENDING,
        Event.VOID: State.PENDING,
        Event.CANCEL: State.CANCELLED,
        Event.EXPIRE: State.EXPIRED,
    },
    State.RUNNING: {
        Event.PAUSE: State.PAUSED,
        Event.REVOKE: State.PAUSED,
        Event.VOID: State.PAUSED,
        Event.ROLL_BACK: State.ROLLING_BACK,
        Event.SET_WEIGHT: State.RUNNING,
        Event.PROMOTE: State.RUNNING,  # records the intent; the engine writes 100 %, confirms, then completes
        Event.COMPLETE: State.COMPLETED,
    },
    State.PAUSED: {
        Event.RESUME: State.RUNNING,
        Event.ROLL_BACK: State.ROLLING_BACK,
        Event.SET_WEIGHT: State.PAUSED,
        Event.APPROVE: State.PAUSED,
        Event.RESTORE: State.PAUSED,
        Event.ADOPT: State.PAUSED,
        Event.REVOKE: State.PAUSED,
    },
    State.ROLLING_BACK: {Event.DONE: State.ROLLED_BACK, Event.ROLL_BACK: State.ROLLING_BACK},
    State.COMPLETED: {Event.REVERT: State.REVERTED},
    State.ROLLED_BACK: {Event.RETRY: State.ROLLED_BACK},
    State.REJECTED: {Event.RETRY: State.REJECTED},
    State.CANCELLED: {Event.RETRY: State.CANCELLED},
    State.EXPIRED: {Event.RETRY: State.EXPIRED},
    State.REVERTED: {Event.RETRY: State.REVERTED},
}

LIVE = frozenset({State.PENDING, State.APPROVED, State.RUNNING, State.PAUSED, State.ROLLING_BACK})
"""At most one rollout of a service is in one of these."""

CARRYING = frozenset({State.RUNNING, State.PAUSED, State.ROLLING_BACK})
"""The candidate may have traffic in these."""

MOVING = LIVE
"""The worker looks at these: a pending one may expire, an approved one start, the others are being carried out."""

FINISHED = frozenset(
    {State.COMPLETED, State.ROLLED_BACK, State.REJECTED, State.CANCELLED, State.EXPIRED, State.REVERTED}
)

OPERATOR_EVENTS = tuple(
    event for event in Event if event not in {Event.EXPIRE, Event.VOID, Event.COMPLETE, Event.DONE}
)
"""Events a person may cause, in the order in which buttons stand."""


PRODUCTION_DECISIONS = frozenset(
    {
        Event.APPROVE,
        Event.REJECT,
        Event.START,
        Event.RESUME,
        Event.PROMOTE,
        Event.RESTORE,
        Event.ADOPT,
    }
)
"""An old browser session gives the password again before one of these, and before a larger weight (``flow.intervene``).

Never before what leads back: a rollback, a revert, a pause, a cancellation, a smaller weight."""


def target(state: State, event: Event) -> State:
    """Return where the event leads. Raises IllegalMove."""
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise IllegalMove(
            Sentence(
                "A rollout that is {state} can not {event}; possible now: {known}.",
                state=word(state),
                event=word(event),
                known=words(TRANSITIONS[state]),
            )
        ) from None


def can(state: State, event: Event) -> bool:
    """Say whether this state knows this event."""
    return event in TRANSITIONS[state]
