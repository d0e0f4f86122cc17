"""From rows to the frozen values that ``decide`` reads. No network, and two queries: the step and its last verdict."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from istio.sentence import from_parts
from istio.telemetry import Missing
from releases.domain.confirmation import contradiction
from releases.domain.decision import Facts, Run
from releases.domain.evidence import Outcome
from releases.domain.queue import Queue
from releases.domain.states import CARRYING, State
from releases.flow.expiry import expiry_of
from releases.flow.opening import opening_of
from releases.flow.queue import queue_of
from releases.flow.train_turn import turn_in_train
from releases.models import Rollout, StepRun, Verdict


def facts_of(rollout: Rollout, *, now: datetime) -> Facts:
    """Collect what is known about a rollout. Drift, image and metrics are as the last look found them.

    The votes are not looked at: ``approval_problem`` None lets ``decide`` ask for that when a forward write is due.
    """
    state = State(rollout.state)
    return Facts(
        state=state,
        plan=rollout.plan_value,
        start_at=rollout.start_at,
        run=_run(rollout) if state in CARRYING else None,
        drifted=rollout.drift is not None,
        promote_requested=rollout.promote_requested,
        gates_passed=rollout.gates_passed,
        approval_problem=None,
        version_problem=from_parts(vars(rollout), "version_problem"),
        calendar=opening_of(rollout, now=now),
        due_at=rollout.next_wake_up,
        grace=timedelta(seconds=settings.STEP_GRACE_SECONDS),
        expires_at=expiry_of(rollout),
        train=turn_in_train(rollout, now=now),
        queue=queue_of(rollout, now=now) if state is State.APPROVED else Queue(),
    )


def _run(rollout: Rollout) -> Run | None:
    run: StepRun | None = rollout.step_runs.order_by("-position").first()
    if run is None or run.desired is None:
        return None
    verdict = rollout.verdicts.filter(step=run.position).order_by("-at").first()
    return Run(
        position=run.position,
        desired=run.desired,
        written=run.written,
        bake_until=run.bake_until,
        last_measured_at=max(filter(None, [verdict.at if verdict else None, run.started_at]), default=None),
        outcome=_outcome(verdict, shadow=rollout.service.shadow),
        verdict_params=_params(verdict) if verdict else {},
        metrics_away=verdict is not None and verdict.reason_code == Missing.UNREACHABLE,
        evidence_accepted=run.evidence_accepted,
        mismatch=_mismatch(verdict, run=run),
    )


def _outcome(verdict: Verdict | None, *, shadow: bool) -> Outcome | None:
    """In shadow mode nothing is done by a verdict; that there is no data is no verdict on the candidate, and still counts."""
    if verdict is None:
        return None
    outcome = Outcome(verdict.outcome)
    return Outcome.PASS if shadow and outcome is not Outcome.NO_DATA else outcome


def _mismatch(verdict: Verdict | None, *, run: StepRun) -> dict[str, Any] | None:
    """Return the numbers of a split that does not arrive, unless a person has seen them or nothing is done by verdicts."""
    if verdict is None or verdict.shadow or run.mismatch_accepted:
        return None
    found = contradiction(verdict.numbers.get("metrics") or [])
    return {**found, "configured": run.written} if found else None


def _params(verdict: Verdict) -> dict[str, Any]:
    """Return what the sentence about the verdict needs, without the other metrics' numbers."""
    numbers = {name: value for name, value in verdict.numbers.items() if name not in {"metrics", "problem"}}
    return {**numbers, "code": verdict.reason_code}
