"""The A/B side of a rollout: from stored snapshots to arms, and what the plan's rule makes of them."""

from __future__ import annotations

from istio.telemetry import Counts
from releases.domain.evidence import Moments
from releases.domain.evidence.experiment import Arm, Experiment, Findings, findings, observed
from releases.domain.evidence.scrape import counts_from_json
from releases.domain.plan import Plan, Strategy
from releases.models import MetricSnapshot

CONVERSION, DWELL = "conversion", "dwell"


def is_experiment(plan: Plan) -> bool:
    """Say whether users are split by their id to be compared."""
    return plan.strategy is Strategy.AB_TEST and any(step.traffic.sticky for step in plan.steps)


def after_snapshot(
    experiment: Experiment, snapshot: MetricSnapshot, *, plan: Plan, is_settled: bool
) -> tuple[Experiment, Findings] | None:
    """Take one stored snapshot into the experiment; None while users are not split.

    The window in which the split was written (not ``is_settled``) holds users of before, and counts for nothing.
    """
    position = snapshot.step or 0
    sticky = plan.steps[position].traffic.sticky if position < len(plan.steps) else None
    if sticky is None:  # the promotion comes after the last step
        return None
    a, b = counts_from_json(snapshot.stable), counts_from_json(snapshot.candidate)
    if is_settled and a is not None and b is not None:
        experiment = observed(experiment, a=_arm(a), b=_arm(b), seconds=snapshot.window_seconds)
    rule = plan.evidence.experiment_rule
    return experiment, findings(experiment, rule=rule, declared=sticky.percent / 100)


def _arm(counts: Counts) -> Arm:
    """Conversions are counted once per user, over the requests of users who are held to their version by id."""
    kpis: dict[str, Moments] = {}
    if counts.conversions is not None and counts.requests > 0:
        won = min(counts.conversions, counts.requests)
        kpis[CONVERSION] = Moments(count=counts.requests, total=won, squares=won)
    if counts.dwell_count and counts.dwell_sum is not None and counts.dwell_sum_sq is not None:
        kpis[DWELL] = Moments(counts.dwell_count, counts.dwell_sum, counts.dwell_sum_sq)
    for name, (numerator, denominator) in counts.custom.items():
        if numerator is not None and denominator:
            # A template tells no squares: a ratio's are known, a mean's are taken to be those of waiting times.
            ratio = numerator / denominator
            squares = numerator if ratio <= 1 else 2 * numerator * ratio
            kpis[name] = Moments(denominator, numerator, squares)
    return Arm(requests=counts.requests, kpis=kpis)
