"""The judge's side of a rollout: its settings, what it remembers, and one verdict per window.

Everything it reads is stored before it is read, in the form in which it is read: a verdict can be said again from its rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from istio.telemetry import Counts, Missing, TelemetryError
from releases.domain.evidence import (
    CountRule,
    Judge,
    Judgement,
    Look,
    MeanRule,
    Moments,
    Outcome,
    PlannedStep,
    Settings,
    State,
    Tally,
    Worse,
    at_interval,
    tally_of,
    with_metrics,
)
from releases.domain.evidence.experiment import Choice, Experiment
from releases.domain.evidence.scrape import counts_from_json
from releases.domain.evidence.settings import DWELL, PAYMENTS
from releases.domain.plan import Plan, Step
from releases.flow.experimenting import after_snapshot, is_experiment
from releases.models import Calibration, JudgeMemory, MetricSnapshot, Rollout
from services.connections import telemetry_of
from services.models import Metric, Service

RULE = "evidence"
LEARNING_WINDOWS = 20
"""Windows of the stable version alone that the judge sees before the candidate's first traffic."""
_SEVERAL_PODS = 2.0
"""A mean by query templates has no sum of squares: it is taken to vary like waiting times, second moment 2 mean^2."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The judge's settings for one rollout, and how the service's own metrics become events and means.

    ``own`` maps a metric's name to (kind, direction) as the catalogue had them when the rollout began.
    """

    settings: Settings
    own: Mapping[str, tuple[str, str]]

    def as_json(self) -> dict[str, Any]:
        return {
            "judge": self.settings.as_json(),
            "own": {name: list(pair) for name, pair in self.own.items()},
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Rules:
        own = {name: (kind, direction) for name, (kind, direction) in given["own"].items()}
        return cls(settings=Settings.from_json(given["judge"]), own=own)


def memory_of(rollout: Rollout, *, begun: datetime) -> JudgeMemory:
    """Return what the judge remembers; before the first look it learns from the stable version's last minutes.

    A Prometheus that does not answer then costs the learning, not the rollout: the judge begins with its priors.
    """
    known = JudgeMemory.objects.filter(rollout=rollout).first()
    if known:
        return known
    plan = rollout.plan_value
    seconds = plan.evidence.interval_seconds
    learnt = _stable_past(rollout, until=begun, seconds=seconds)
    rules = rules_for(rollout.service, past=learnt, seconds=seconds)
    judge = Judge(rules.settings)
    splits_users = is_experiment(plan)
    state = judge.start([planned_step(step, splits_users=splits_users) for step in plan.steps])
    for counts in learnt:
        look = Look(
            seconds=seconds, weight=0, step=None, stable=tally_for(counts, own=rules.own), candidate=None
        )
        state, _judgement = judge.observe(state, look)
    return JudgeMemory(rollout=rollout, settings=rules.as_json(), state=state.as_json())


def look_at(snapshot: MetricSnapshot, *, rules: Rules, steps: int) -> Look:
    """Return a stored snapshot as the judge reads it."""
    return Look(
        seconds=snapshot.window_seconds,
        weight=snapshot.weight,
        step=min(snapshot.step or 0, steps - 1),
        stable=tally_for(counts_from_json(snapshot.stable), own=rules.own),
        candidate=tally_for(counts_from_json(snapshot.candidate), own=rules.own),
        problem=snapshot.problem if snapshot.problem != Missing.NO_DATA else "",
    )


@dataclass(frozen=True, slots=True)
class Observed:
    """What the judge remembers after a look, and the verdict's columns."""

    memory: dict[str, Any]
    outcome: Outcome
    metric: str
    code: str
    numbers: dict[str, Any]


def observe(memory: JudgeMemory, snapshot: MetricSnapshot, *, plan: Plan) -> Observed:
    """Show the judge one stored snapshot. In an experiment the plan's rule has a word too, after the guards."""
    rules = Rules.from_json(memory.settings)
    known = dict(memory.state)
    experiment = Experiment.from_json(known.pop("experiment")) if "experiment" in known else Experiment()
    state = State.from_json(known)
    state, judgement = Judge(rules.settings).observe(
        state, look_at(snapshot, rules=rules, steps=len(state.steps))
    )
    remembered, numbers = state.as_json(), numbers_of(judgement)
    seen = Observed(
        memory=remembered,
        outcome=judgement.decision.outcome,
        metric=judgement.because,
        code=judgement.problem or judgement.decision.value,
        numbers=numbers,
    )
    if not is_experiment(plan):
        return seen
    taken = after_snapshot(experiment, snapshot, plan=plan, is_settled=state.in_step > 1)
    if taken is None:
        remembered["experiment"] = experiment.as_json()
        return seen
    experiment, found = taken
    remembered["experiment"] = experiment.as_json()
    numbers["experiment"], numbers["choice"] = found.as_json(), found.choice.value
    if found.choice is Choice.VOID or (
        seen.metric.startswith("sample_ratio") and seen.outcome is Outcome.FAIL
    ):
        numbers["choice"] = Choice.VOID.value
        return replace(seen, outcome=Outcome.FAIL, metric="sample_ratio", code="experiment_void")
    return seen


def numbers_of(judgement: Judgement) -> dict[str, Any]:
    """Return a judgement as a verdict stores it; ``decisive`` repeats the metric that the sentence is about."""
    numbers = judgement.as_json()
    numbers["decision"] = judgement.decision.value
    numbers["decisive"] = next(
        (metric for metric in numbers["metrics"] if metric["metric"] == judgement.because), None
    )
    return numbers


def planned_step(step: Step, *, splits_users: bool = False) -> PlannedStep:
    """Return a step as the judge knows it: people who are routed by rule, id or mirror are no random sample of requests.

    In an experiment every user has an id, so that the sample ratio is asked for (``splits_users``).
    """
    traffic = step.traffic
    return PlannedStep(
        weight=effective_weight(step, weight=step.weight),
        seconds=step.bake_seconds,
        splits=not (traffic.rules or traffic.mirror) and (splits_users or not traffic.sticky),
    )


def effective_weight(step: Step, *, weight: int) -> float:
    """Return the percent of requests that reach the candidate: sticky users come on top of the ordinary weight."""
    sticky = step.traffic.sticky
    return max(float(weight), float(sticky.percent)) if sticky else float(weight)


def tally_for(counts: Counts | None, *, own: Mapping[str, tuple[str, str]]) -> Tally | None:
    """Return what the judge reads of the counts, the service's own metrics included."""
    if counts is None:
        return None
    tally = tally_of(counts)
    ratios, means = dict(tally.ratios), dict(tally.means)
    for name, (kind, direction) in own.items():
        numerator, denominator = counts.custom.get(name, (None, None))
        if numerator is None or not denominator:
            continue
        if kind == Metric.Kind.MEAN:
            squares = _SEVERAL_PODS * numerator * numerator / denominator
            means[name] = Moments(count=denominator, total=numerator, squares=squares)
        elif kind == Metric.Kind.RATIO:
            harm = denominator - numerator if direction == Metric.Direction.HIGHER else numerator
            ratios[name] = (max(harm, 0.0), denominator)
    return replace(tally, ratios=ratios, means=means)


def _stable_past(rollout: Rollout, *, until: datetime, seconds: int) -> list[Counts]:
    start = until - timedelta(seconds=LEARNING_WINDOWS * seconds)
    try:
        history = telemetry_of(rollout.service.cluster).history(
            rollout.service.target, start=start, end=until, step_seconds=seconds
        )
    except TelemetryError:
        return []
    windows = history.windows
    ends = [at for at in windows if at <= until.timestamp()]
    return [windows[at][rollout.stable.name] for at in ends if rollout.stable.name in windows[at]]


def rules_for(service: Service, *, past: list[Counts], seconds: int) -> Rules:
    """Fix before the first look which metrics are judged and how: a metric that joined later would spend what is not its own."""
    guards = [
        metric for metric in service.metrics.all() if metric.role == Metric.Part.GUARD and metric.numerator
    ]
    own = {metric.name: (metric.kind, metric.direction) for metric in guards}
    pays = not past or any(counts.payments_attempted is not None for counts in past)
    dwells = not past or any(counts.dwell_count is not None for counts in past)
    ratios = [_own_ratio(metric) for metric in guards if metric.kind == Metric.Kind.RATIO]
    means = [_own_mean(metric) for metric in guards if metric.kind == Metric.Kind.MEAN]
    settings = with_metrics(
        Settings(),
        ratios=[*([PAYMENTS] if pays else []), *ratios],
        means=[*([DWELL] if dwells else []), *means],
    )
    return Rules(settings=at_interval(_calibrated(settings, service), seconds=seconds), own=own)


def _own_ratio(metric: Metric) -> CountRule:
    return replace(
        PAYMENTS, metric=metric.name, slack=metric.margin, final_margin=metric.margin or PAYMENTS.final_margin
    )


def _own_mean(metric: Metric) -> MeanRule:
    worse = Worse.LOWER if metric.direction == Metric.Direction.HIGHER else Worse.HIGHER
    return replace(DWELL, metric=metric.name, margin=metric.margin or DWELL.margin, worse=worse)


def _calibrated(settings: Settings, service: Service) -> Settings:
    """Return the settings with the service's own noise between versions, never below the default."""
    learnt = dict(Calibration.objects.filter(service=service).values_list("metric", "psi"))

    def own(rule: CountRule, name: str) -> CountRule:
        return replace(rule, psi=max(rule.psi, learnt.get(name, 0.0)))

    return replace(
        settings,
        ratios=tuple(own(rule, rule.metric) for rule in settings.ratios),
        slow=own(settings.slow, "slow"),
        share=own(settings.share, "sample_ratio"),
    )
