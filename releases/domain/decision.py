"""What to do next with a rollout: pure and total. ``decide`` sees facts and a time and returns one action.

Levels read downwards: the state, then the current step, then the one good reason why the next step may not begin.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import assert_never

from releases.domain.actions import (
    Action,
    Cancel,
    Complete,
    Expire,
    Hold,
    Measure,
    Promote,
    RollBack,
    Shift,
    Start,
    Verify,
    Wait,
)
from releases.domain.evidence import Outcome
from releases.domain.facts import Facts, Opening, Run
from releases.domain.plan import Gate, Step, Strategy
from releases.domain.reasons import Reason
from releases.domain.states import State

__all__ = [
    "LOOK_AGAIN",
    "SCRAPE_LAG",
    "Action",
    "Cancel",
    "Complete",
    "Expire",
    "Facts",
    "Hold",
    "Measure",
    "Opening",
    "Promote",
    "RollBack",
    "Run",
    "Shift",
    "Start",
    "Verify",
    "Wait",
    "decide",
    "end_of_window",
    "next_look",
]

LOOK_AGAIN = timedelta(seconds=15)
"""When nothing else says when: a rollout that waits for a person or for data is looked at this often."""

SCRAPE_LAG = timedelta(seconds=1)
"""Windows end this long before they are read, so that the scrape that closes them has been stored."""


QUEUE_LOOK = timedelta(seconds=5)
"""A rollout that waits for a place looks this often whether one is free."""

TRAIN_LOOK = timedelta(seconds=1)
"""A member that gives back after another one looks this often whether it is its turn."""


def end_of_window(moment: datetime, *, seconds: int) -> datetime:
    """Return the last end of a window at or before a moment: windows end at multiples of the interval, for every rollout alike."""
    return datetime.fromtimestamp(math.floor(moment.timestamp() / seconds) * seconds, tz=UTC)


def next_look(after: datetime, *, seconds: int) -> datetime:
    """Return when the first window that ends after a moment can be read."""
    return end_of_window(after, seconds=seconds) + timedelta(seconds=seconds) + SCRAPE_LAG


def decide(facts: Facts, *, now: datetime) -> Action:
    """Return the one thing to do. Deterministic; raises nothing, whatever the state."""
    match facts.state:
        case State.PENDING:
            return _expired(facts, now) or _waiting_for_votes(facts, now)
        case State.APPROVED:
            return _expired(facts, now) or _approved(facts, now)
        case State.RUNNING:
            return _running(facts, now)
        case State.PAUSED:
            return _paused(facts, now)
        case State.ROLLING_BACK:
            return RollBack(Reason.ROLLED_BACK_BY_PERSON)
        case (
            State.DRAFT
            | State.COMPLETED
            | State.ROLLED_BACK
            | State.REJECTED
            | State.CANCELLED
            | State.EXPIRED
            | State.REVERTED
        ):
            return Wait(now + LOOK_AGAIN, Reason.COMPLETED)
        case _:
            assert_never(facts.state)


def _expired(facts: Facts, now: datetime) -> Action | None:
    return Expire() if facts.expires_at and now >= facts.expires_at else None


def _waiting_for_votes(facts: Facts, now: datetime) -> Action:
    return Wait(facts.expires_at or now + LOOK_AGAIN, Reason.WAITING_FOR_APPROVAL)


def _approved(facts: Facts, now: datetime) -> Action:
    if facts.start_at and now < facts.start_at:
        return Wait(facts.start_at, Reason.WAITING_FOR_START, {"at": facts.start_at.isoformat()})
    if facts.train.must_cancel:
        return Cancel({"rollout": facts.train.waits_for})
    if not facts.train.may_start:
        return Wait(now + LOOK_AGAIN, Reason.WAITING_FOR_TRAIN, {"rollout": facts.train.waits_for})
    barred = _unapproved(facts) or _closed(facts, now, position=0) or _queued(facts, now)
    return barred or _unverified(facts) or Start()


def _queued(facts: Facts, now: datetime) -> Action | None:
    queue = facts.queue
    if not queue.holds:
        return None
    until = min(filter(None, [facts.expires_at, now + QUEUE_LOOK]))
    return Wait(until, Reason.WAITING_FOR_TURN, queue.as_params())


def _paused(facts: Facts, now: datetime) -> Action:
    """Traffic stays, the bake stands still; guards still judge, and a smaller weight is still written."""
    if facts.run and facts.run.goes_down and not facts.drifted:
        return Shift(facts.run.position)
    urgent = _train_failed(facts, now) or _guarded(facts, now)
    return urgent or Wait(_next_look(facts, now), Reason.PAUSED_BY_PERSON)


def _running(facts: Facts, now: datetime) -> Action:
    run = facts.run
    if urgent := _train_failed(facts, now) or _guarded(facts, now):
        return urgent
    if facts.drifted:
        return Hold(Reason.DRIFTED)
    if run is None:
        return _overdue(facts, now, position=0) or _reason_not_to_begin(facts, now, position=0) or Shift(0)
    if run.goes_down:
        return Shift(run.position)
    if not run.is_written:
        overdue = _overdue(facts, now, position=run.position)
        return overdue or _barred(facts, now, position=run.position, begun=True) or _write(facts, run)
    if run.mismatch is not None:
        return Hold(Reason.SPLIT_MISMATCH, run.mismatch)
    if facts.promote_requested and not _is_promotion(facts, run):
        return _barred(facts, now, position=run.position) or Promote()
    return _baking(facts, run, now) or _after_the_bake(facts, run, now)


def _baking(facts: Facts, run: Run, now: datetime) -> Action | None:
    if not run.bake_until or now >= run.bake_until:
        return None
    until = min(run.bake_until, _next_look(facts, now))
    params = {"until": run.bake_until.isoformat(), "step": run.position, "weight": run.desired}
    if run.metrics_away:
        return Wait(until, Reason.METRICS_UNREACHABLE, params)
    if _is_promotion(facts, run):
        return Wait(until, Reason.PROMOTING, params)
    return Wait(until, Reason.BAKING, params | facts.plan.steps[run.position].aim(run.desired))


def _after_the_bake(facts: Facts, run: Run, now: datetime) -> Action:
    """The time of the step is over: what is missing before the next one, or the end?"""
    if _is_promotion(facts, run):
        waits = {"rollout": facts.train.waits_for}
        until = _next_look(facts, now)
        return Complete() if facts.train.may_complete else Wait(until, Reason.WAITING_FOR_TRAIN, waits)
    if overdue := _overdue(facts, now, position=run.position):
        return overdue
    if unclear := _unclear(facts, run, now):
        return unclear
    following = run.position + 1
    if following < len(facts.plan.steps):
        return _reason_not_to_begin(facts, now, position=following) or Shift(following)
    if facts.plan.strategy is Strategy.AB_TEST and run.desired < 100:
        choice = run.verdict_params.get("choice")
        if choice == "candidate":
            return _barred(facts, now, position=run.position) or Promote()
        if choice == "stable":
            return RollBack(Reason.EXPERIMENT_LOST, run.verdict_params)
        return Wait(_next_look(facts, now), Reason.WAITING_FOR_CHOICE, {"step": run.position})
    return _barred(facts, now, position=run.position, begun=run.desired == 100) or Promote()


def _overdue(facts: Facts, now: datetime, *, position: int) -> Action | None:
    """Nobody looked for longer than the grace: what was meant for then is not done now without a person."""
    if facts.due_at is None or now - facts.due_at <= facts.grace:
        return None
    return Hold(Reason.OVERDUE, {"step": position, "due": facts.due_at.isoformat()})


def _is_promotion(facts: Facts, run: Run) -> bool:
    return run.position >= len(facts.plan.steps)


def _write(facts: Facts, run: Run) -> Action:
    return Promote() if _is_promotion(facts, run) else Shift(run.position)


def _train_failed(facts: Facts, now: datetime) -> Action | None:
    """Another member failed: this one gives everything back, after those behind it in the train."""
    if not facts.train.must_fall_back:
        return None
    params = {"rollout": facts.train.waits_for}
    return (
        RollBack(Reason.TRAIN_FAILED, params)
        if facts.train.may_fall_back
        else Wait(now + TRAIN_LOOK, Reason.TRAIN_FAILED, params)
    )


def _guarded(facts: Facts, now: datetime) -> Action | None:
    """Guards come before everything else, and may roll back at any moment."""
    run, calendar = facts.run, facts.calendar
    if run is None or run.written is None:
        return None
    if run.outcome is Outcome.FAIL:
        return RollBack(Reason.GUARD_FAILED, run.verdict_params)
    if calendar.rolls_back:
        return RollBack(Reason.ROLLED_BACK_BY_FREEZE, {"name": calendar.name})
    return Measure() if _next_look(facts, now) <= now else None


def _unclear(facts: Facts, run: Run, now: datetime) -> Action | None:
    """The bake is over: is the evidence there? Not enough traffic waits up to the plan's limit, never silently on.

    A step that gives the candidate nothing asks for none, nor does one whose unclear evidence a person has accepted.
    """
    policy = facts.plan.evidence
    if run.evidence_accepted or not facts.plan.steps[run.position].traffic.reaches_candidate:
        return None
    enough = {Outcome.PASS, Outcome.INCONCLUSIVE} if policy.policy == "guard" else {Outcome.PASS}
    if run.outcome in enough:
        return None
    limit = (run.bake_until or now) + timedelta(seconds=policy.wait_limit_seconds)
    if now < limit:
        reason = Reason.METRICS_UNREACHABLE if run.metrics_away else Reason.WAITING_FOR_EVIDENCE
        params = {**run.verdict_params, "limit": limit.isoformat(), "step": run.position}
        return Wait(min(limit, _next_look(facts, now)), reason, params)
    if policy.when_unclear == "roll_back":
        return RollBack(Reason.EVIDENCE_UNCLEAR, run.verdict_params)
    return Hold(Reason.EVIDENCE_UNCLEAR, run.verdict_params)


def _reason_not_to_begin(facts: Facts, now: datetime, *, position: int) -> Action | None:
    """Give one good reason why this step should not begin right now, or None."""
    step: Step = facts.plan.steps[position]
    if step.not_before and now < step.not_before:
        until = min(step.not_before, _next_look(facts, now))
        return Wait(
            until, Reason.WAITING_FOR_NOT_BEFORE, {"at": step.not_before.isoformat(), "step": position}
        )
    if step.gate is Gate.MANUAL and facts.gates_passed <= position:
        return Hold(Reason.WAITING_FOR_PERSON, {"step": position, "weight": step.weight})
    return _barred(facts, now, position=position)


def _barred(facts: Facts, now: datetime, *, position: int, begun: bool = False) -> Action | None:
    """What bars every forward write: the image that runs, the votes, the calendar."""
    if facts.version_problem:
        return Hold(Reason.VERSION_CHANGED, {"problem": facts.version_problem})
    closed = _closed(facts, now, position=position, begun=begun)
    return _unapproved(facts) or closed or _unverified(facts)


def _unapproved(facts: Facts) -> Action | None:
    if facts.approval_problem:
        return Hold(Reason.APPROVAL_VOID, {"problem": facts.approval_problem})
    return None


def _unverified(facts: Facts) -> Action | None:
    """The dearest question comes last: while the calendar is closed nobody renders and hashes anything."""
    return Verify() if facts.approval_problem is None else None


def _closed(facts: Facts, now: datetime, *, position: int, begun: bool = False) -> Action | None:
    calendar = facts.calendar
    if not calendar.bars(begun=begun):
        return None
    until = min(filter(None, [calendar.next_open, facts.expires_at, _next_look(facts, now)]))
    params = {
        "name": calendar.name,
        "step": position,
        "until": calendar.next_open.isoformat() if calendar.next_open else None,
    }
    return Wait(until, calendar.code, params)


def _next_look(facts: Facts, now: datetime) -> datetime:
    run = facts.run
    if run is None or run.written is None:
        return now + LOOK_AGAIN
    if run.last_measured_at is None:
        return now
    return next_look(run.last_measured_at, seconds=facts.plan.evidence.interval_seconds)
