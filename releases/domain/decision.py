"""What to do next with a rollout: pure and total. ``decide`` sees facts and a time and returns one action.

Levels read downwards: the state, then the current step, then the one good reason why the next step may not begin.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, assert_never

from releases.domain.calendar import Effect
from releases.domain.evidence import Outcome
from releases.domain.plan import Gate, Plan, Step
from releases.domain.reasons import Reason
from releases.domain.states import State

LOOK_AGAIN = timedelta(seconds=15)
"""When nothing else says when: a rollout that waits for a person or for data is looked at this often."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What the calendar says at this moment: closed by what, and until when as far as it knows.

    ``effect`` is what the freeze that holds does to a rollout that is running.
    """

    is_open: bool = True
    code: Reason = Reason.WAITING_FOR_WINDOW
    name: str = ""
    next_open: datetime | None = None
    effect: Effect = Effect.HOLD

    def bars(self, *, begun: bool) -> bool:
        """Say whether a forward write must wait. ``begun``: it only finishes the step that was begun."""
        finishes = begun and self.code is Reason.HELD_BY_FREEZE and self.effect is Effect.FINISH_STEP
        return not self.is_open and not finishes

    @property
    def rolls_back(self) -> bool:
        return not self.is_open and self.code is Reason.HELD_BY_FREEZE and self.effect is Effect.ROLL_BACK


@dataclass(frozen=True, slots=True)
class Run:
    """The current step as it is being carried out. ``bake_until`` is None while it is not baking."""

    position: int
    desired: int
    written: int | None
    bake_until: datetime | None
    last_measured_at: datetime | None = None
    outcome: Outcome | None = None
    verdict_params: dict[str, Any] = field(default_factory=dict)

    @property
    def is_written(self) -> bool:
        return self.written is not None and self.written == self.desired

    @property
    def goes_down(self) -> bool:
        """Say whether what is still to be written is less than the candidate has."""
        return self.written is not None and self.desired < self.written


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything ``decide`` may know. ``approval_problem`` is empty while the votes hold."""

    state: State
    plan: Plan
    start_at: datetime | None
    run: Run | None
    drifted: bool = False
    promote_requested: bool = False
    gates_passed: int = 0
    approval_problem: str = ""
    version_problem: str = ""
    calendar: Opening = field(default_factory=Opening)


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do; look again at ``until``."""

    until: datetime
    reason: Reason
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Start:
    """Begin: approved becomes running."""


@dataclass(frozen=True, slots=True)
class Shift:
    """Write the traffic of this step (again)."""

    position: int


@dataclass(frozen=True, slots=True)
class Measure:
    """Take a snapshot, judge it, look whether the mesh is still what was written."""


@dataclass(frozen=True, slots=True)
class Promote:
    """Give the candidate everything and end."""


@dataclass(frozen=True, slots=True)
class RollBack:
    """Give everything back to the stable version."""

    reason: Reason
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hold:
    """Pause and wait for a person; traffic stays."""

    reason: Reason
    params: dict[str, Any] = field(default_factory=dict)


Action = Wait | Start | Shift | Measure | Promote | RollBack | Hold


def decide(facts: Facts, *, now: datetime) -> Action:
    """Return the one thing to do. Deterministic; raises nothing for a state that is moving."""
    match facts.state:
        case State.APPROVED:
            return _approved(facts, now)
        case State.RUNNING:
            return _running(facts, now)
        case State.PAUSED:
            return _paused(facts, now)
        case State.ROLLING_BACK:
            return RollBack(Reason.ROLLED_BACK_BY_PERSON)
        case State.DRAFT | State.PENDING:
            return Wait(now + LOOK_AGAIN, Reason.WAITING_FOR_APPROVAL)
        case (
            State.COMPLETED
            | State.ROLLED_BACK
            | State.REJECTED
            | State.CANCELLED
            | State.EXPIRED
            | State.REVERTED
        ):
            return Wait(now + LOOK_AGAIN, Reason.COMPLETED)
        case _:
            assert_never(facts.state)


def _approved(facts: Facts, now: datetime) -> Action:
    if facts.start_at and now < facts.start_at:
        return Wait(facts.start_at, Reason.WAITING_FOR_START, {"at": facts.start_at.isoformat()})
    return _closed(facts, now, position=0) or Start()


def _paused(facts: Facts, now: datetime) -> Action:
    """Traffic stays, the bake stands still; guards still judge, and a smaller weight is still written."""
    if facts.run and facts.run.goes_down and not facts.drifted:
        return Shift(facts.run.position)
    return _guarded(facts, now) or Wait(_next_look(facts, now), Reason.PAUSED_BY_PERSON)


def _running(facts: Facts, now: datetime) -> Action:
    run = facts.run
    if urgent := _guarded(facts, now):
        return urgent
    if facts.drifted:
        return Hold(Reason.DRIFTED)
    if run is None:
        return _reason_not_to_begin(facts, now, position=0) or Shift(0)
    if not run.is_written:
        # A smaller weight is never barred: neither by the calendar nor by votes.
        barred = None if run.goes_down else _barred(facts, now, position=run.position, begun=True)
        return barred or _write(facts, run)
    if facts.promote_requested:
        return _barred(facts, now, position=run.position) or Promote()
    if run.bake_until and now < run.bake_until:
        until = min(run.bake_until, _next_look(facts, now))
        return Wait(
            until,
            Reason.BAKING,
            {"until": run.bake_until.isoformat(), "step": run.position, "weight": run.desired},
        )
    if unclear := _unclear(facts, run, now):
        return unclear
    following = run.position + 1
    if following >= len(facts.plan.steps):
        return _barred(facts, now, position=run.position, begun=run.desired == 100) or Promote()
    return _reason_not_to_begin(facts, now, position=following) or Shift(following)


def _write(facts: Facts, run: Run) -> Action:
    return Promote() if run.position >= len(facts.plan.steps) else Shift(run.position)


def _guarded(facts: Facts, now: datetime) -> Action | None:
    """Guards come before everything else, and may roll back at any moment; so may a freeze that says so."""
    run = facts.run
    if run is None or run.written is None:
        return None
    if run.outcome is Outcome.FAIL:
        return RollBack(Reason.GUARD_FAILED, run.verdict_params)
    if facts.calendar.rolls_back:
        return RollBack(Reason.ROLLED_BACK_BY_FREEZE, {"name": facts.calendar.name})
    return Measure() if _next_measure(facts, run, now) <= now else None


def _unclear(facts: Facts, run: Run, now: datetime) -> Action | None:
    """The bake is over: is the evidence there? Not enough traffic waits up to the plan's limit, never silently on."""
    policy = facts.plan.evidence
    enough = {Outcome.PASS, Outcome.INCONCLUSIVE} if policy.policy == "guard" else {Outcome.PASS}
    if run.outcome in enough:
        return None
    over = run.bake_until or now
    limit = over + timedelta(seconds=policy.wait_limit_seconds)
    if now < limit:
        params = {**run.verdict_params, "limit": limit.isoformat(), "step": run.position}
        return Wait(_next_look(facts, now), Reason.WAITING_FOR_EVIDENCE, params)
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
    """What bars every forward write: the votes, the image that runs, the calendar."""
    if facts.approval_problem:
        return Hold(Reason.APPROVAL_VOID, {"problem": facts.approval_problem})
    if facts.version_problem:
        return Hold(Reason.VERSION_CHANGED, {"problem": facts.version_problem})
    return _closed(facts, now, position=position, begun=begun)


def _closed(facts: Facts, now: datetime, *, position: int, begun: bool = False) -> Action | None:
    calendar = facts.calendar
    if not calendar.bars(begun=begun):
        return None
    until = min(filter(None, [calendar.next_open, _next_look(facts, now)]))
    params = {
        "name": calendar.name,
        "step": position,
        "until": calendar.next_open.isoformat() if calendar.next_open else None,
    }
    return Wait(until, calendar.code, params)


def _next_measure(facts: Facts, run: Run, now: datetime) -> datetime:
    interval = timedelta(seconds=facts.plan.evidence.interval_seconds)
    return run.last_measured_at + interval if run.last_measured_at else now


def _next_look(facts: Facts, now: datetime) -> datetime:
    if facts.run and facts.run.written is not None:
        return max(_next_measure(facts, facts.run, now), now)
    return now + LOOK_AGAIN
