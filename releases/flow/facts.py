"""From rows to the frozen values that ``decide`` reads. No network."""

from __future__ import annotations

from datetime import datetime

from releases.domain.decision import Facts, Opening, Run
from releases.domain.evidence import Outcome
from releases.domain.states import State
from releases.flow.approve import approval_problem
from releases.flow.measure import SCRAPE_LAG
from releases.models import Rollout, StepRun


def facts_of(rollout: Rollout) -> Facts:
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
        calendar=opening(rollout),
    )


def _last_look(rollout: Rollout, *, run: StepRun) -> datetime | None:
    """Return the moment from which the next measurement counts: windows end a scrape's lag before they are read."""
    last = (
        rollout.snapshots.filter(step=run.position).order_by("-at").values_list("at", flat=True).first()
        or run.started_at
    )
    return last + SCRAPE_LAG if last else None


def opening(rollout: Rollout) -> Opening:
    """Say whether the calendar lets this rollout go forward."""
    return Opening()


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
        last_measured_at=_last_look(rollout, run=run),
        outcome=Outcome(verdict.outcome) if verdict else None,
        verdict_params={**verdict.numbers, "code": verdict.reason_code} if verdict else {},
    )
