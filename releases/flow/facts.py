"""From rows to the frozen values that ``decide`` reads. No network."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from releases.domain.decision import Facts, Run
from releases.domain.evidence import Outcome
from releases.domain.states import State
from releases.flow.approve import approval_problem
from releases.flow.measure import last_look
from releases.flow.opening import opening_of
from releases.models import Rollout, StepRun, Verdict


def facts_of(rollout: Rollout, *, now: datetime) -> Facts:
    """Collect what is known about a rollout. The drift and the image are as the last look at the mesh found them."""
    return Facts(
        state=State(rollout.state),
        plan=rollout.plan_value,
        start_at=rollout.start_at,
        run=_run(rollout),
        drifted=rollout.drift is not None,
        promote_requested=rollout.promote_requested,
        gates_passed=rollout.gates_passed,
        approval_problem=approval_problem(rollout),
        version_problem=rollout.version_problem,
        calendar=opening_of(rollout, now=now),
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
        last_measured_at=last_look(rollout, run=run),
        outcome=_outcome(verdict, shadow=rollout.service.shadow),
        verdict_params=_params(verdict) if verdict else {},
    )


def _outcome(verdict: Verdict | None, *, shadow: bool) -> Outcome | None:
    """In shadow mode nothing is done by a verdict; that there is no data is no verdict on the candidate, and still counts."""
    if verdict is None:
        return None
    outcome = Outcome(verdict.outcome)
    return Outcome.PASS if shadow and outcome is not Outcome.NO_DATA else outcome


def _params(verdict: Verdict) -> dict[str, Any]:
    """Return what the sentence about the verdict needs, without the other metrics' numbers."""
    numbers = {name: value for name, value in verdict.numbers.items() if name not in {"metrics", "problem"}}
    return {**numbers, "code": verdict.reason_code}
