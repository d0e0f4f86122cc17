"""A change of a service's traffic by hand: its states, and whether it leads back and so needs no vote. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from istio.rules import Rule
from istio.sentence import Sentence
from istio.traffic import Mirror, Sticky, TrafficSpec
from releases.domain.errors import IllegalMove
from releases.domain.words import word, words


class ChangeState(StrEnum):
    """Where a change is."""

    PENDING = "pending"
    APPROVED = "approved"
    WRITING = "writing"
    APPLIED = "applied"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class ChangeEvent(StrEnum):
    """What can happen to a change. The last four are Weir's own."""

    APPROVE = "approve"
    REJECT = "reject"
    APPLY = "apply"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"
    DONE = "done"
    GIVE_UP = "give_up"
    VOID = "void"


CHANGE_TRANSITIONS: Mapping[ChangeState, Mapping[ChangeEvent, ChangeState]] = {
    ChangeState.PENDING: {
        ChangeEvent.APPROVE: ChangeState.APPROVED,  # when the quorum is full
        ChangeEvent.REJECT: ChangeState.REJECTED,
        ChangeEvent.WITHDRAW: ChangeState.WITHDRAWN,
        ChangeEvent.EXPIRE: ChangeState.EXPIRED,
    },
    ChangeState.APPROVED: {
        ChangeEvent.APPLY: ChangeState.WRITING,
        ChangeEvent.REJECT: ChangeState.REJECTED,
        ChangeEvent.WITHDRAW: ChangeState.WITHDRAWN,
        ChangeEvent.VOID: ChangeState.PENDING,
        ChangeEvent.EXPIRE: ChangeState.EXPIRED,
    },
    ChangeState.WRITING: {
        ChangeEvent.APPLY: ChangeState.WRITING,  # what a crash interrupted is tried again
        ChangeEvent.DONE: ChangeState.APPLIED,
        ChangeEvent.GIVE_UP: ChangeState.APPROVED,
    },
    ChangeState.APPLIED: {},
    ChangeState.REJECTED: {},
    ChangeState.WITHDRAWN: {},
    ChangeState.EXPIRED: {},
}

OPEN = frozenset({ChangeState.PENDING, ChangeState.APPROVED, ChangeState.WRITING})
"""Somebody or something is still waited for."""

PEOPLE_CAUSE = (ChangeEvent.APPROVE, ChangeEvent.REJECT, ChangeEvent.APPLY, ChangeEvent.WITHDRAW)
"""Events a person may cause, in the order in which buttons stand."""


def change_target(state: ChangeState, event: ChangeEvent) -> ChangeState:
    """Return where the event leads. Raises IllegalMove."""
    try:
        return CHANGE_TRANSITIONS[state][event]
    except KeyError:
        raise IllegalMove(
            Sentence(
                "A traffic change that is {state} can not {event}; possible now: {known}.",
                state=word(state),
                event=word(event),
                known=words(CHANGE_TRANSITIONS[state]),
            )
        ) from None


def goes_back(before: TrafficSpec, after: TrafficSpec) -> bool:
    """Say whether no request, and no copy of one, reaches the candidate after that did not before.

    Both are about the same two versions. When in doubt it says no: a vote is asked for.
    """
    if not after.reaches_candidate:
        return True
    return (
        after.candidate_weight <= before.candidate_weight
        and _no_more_rules(before.rules, after.rules)
        and _no_more_sticky(before.sticky, after.sticky)
        and _no_more_mirrored(before.mirror, after.mirror)
    )


def is_plain(spec: TrafficSpec) -> bool:
    """Say whether weights alone split the traffic."""
    return not (spec.rules or spec.sticky or spec.mirror)


def settled_on(spec: TrafficSpec) -> str:
    """Return ``stable`` or ``candidate`` when that version gets every request after it, "" when both get some.

    A version becomes a service's stable one only so: nothing of the other is left, rules included.
    """
    if not is_plain(spec):
        return ""
    return {0: "stable", 100: "candidate"}.get(spec.candidate_weight, "")


def _no_more_rules(before: Sequence[Rule], after: Sequence[Rule]) -> bool:
    """Only rules that led to the candidate may be gone; one that held users back from it may not."""
    left = list(after)
    for rule in before:
        if left and left[0] == rule:
            left.pop(0)
        elif rule.to == "stable":
            return False
    return not left


def _no_more_sticky(before: Sticky | None, after: Sticky | None) -> bool:
    if after is None or not after.chosen_endings:
        return True
    same = before is not None and (before.header, before.ids) == (after.header, after.ids)
    return same and before is not None and after.chosen_endings <= before.chosen_endings


def _no_more_mirrored(before: Mirror | None, after: Mirror | None) -> bool:
    return after is None or (before is not None and after.percent <= before.percent)
