"""A rollout plan as a value: steps with their traffic, how long and on what evidence each is held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, assert_never

from istio.documents import TrafficError
from istio.sentence import Sentence, message_of
from istio.traffic import TrafficSpec
from releases.domain.errors import BadPlan
from releases.domain.evidence_policy import EvidencePolicy
from releases.domain.given import is_whole, known
from releases.domain.growth import check_growth

MAX_BAKE_SECONDS = 30 * 24 * 3600
MAX_STEPS = 50


class Strategy(StrEnum):
    """What kind of release the plan is."""

    CANARY = "canary"
    AB_TEST = "ab_test"
    BLUE_GREEN = "blue_green"
    MIRROR = "mirror"


class Gate(StrEnum):
    """Who lets the step begin: evidence alone, or a person as well."""

    AUTO = "auto"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Step:
    """One traffic target plus how long and on what evidence it is held. ``not_before`` is a wall-clock instant."""

    traffic: TrafficSpec
    bake_seconds: int
    gate: Gate = Gate.AUTO
    not_before: datetime | None = None

    @property
    def weight(self) -> int:
        """Percent of ordinary traffic for the candidate."""
        return self.traffic.candidate_weight

    def aim(self, weight: int) -> dict[str, Any]:
        """Say by what the candidate is reached at a weight: ``{"by": ...}`` with ``percent`` where there is one.

        By ``weight`` unless that is 0 and the step has something else; then by ``sticky`` users, by ``mirror``
        (copies only) or by ``rules``.
        """
        traffic = self.traffic
        if weight == 0 and traffic.sticky:
            return {"by": "sticky", "percent": traffic.sticky.percent}
        if weight == 0 and traffic.mirror:
            return {"by": "mirror", "percent": float(traffic.mirror.percent)}
        if weight == 0 and traffic.rules:
            return {"by": "rules"}
        return {"by": "weight", "percent": weight}

    def as_json(self) -> dict[str, Any]:
        spec = self.traffic.as_json()
        return {
            "weight": self.weight,
            "bake_seconds": self.bake_seconds,
            "gate": self.gate.value,
            "not_before": self.not_before.isoformat() if self.not_before else None,
            "rules": spec["rules"],
            "sticky": spec["sticky"],
            "mirror": spec["mirror"],
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any], *, position: int) -> Step:
        """Read the API's form. Raises BadPlan naming the step."""
        where = f"steps[{position}]"
        names = ("weight", "bake_seconds", "gate", "not_before", "rules", "sticky", "mirror")
        fields = known(given, names=names, where=where)
        weight, bake = fields.get("weight"), fields.get("bake_seconds")
        if not is_whole(weight) or not 0 <= weight <= 100:
            raise BadPlan(
                Sentence(
                    "Step {step}: the weight is a whole number from 0 to 100, not {weight}.",
                    step=position + 1,
                    weight=repr(weight),
                ),
                field=f"{where}.weight",
            )
        if not is_whole(bake) or not 1 <= bake <= MAX_BAKE_SECONDS:
            raise BadPlan(
                Sentence(
                    "Step {step}: the bake is a whole number of seconds from 1 to 30 days, not {bake}.",
                    step=position + 1,
                    bake=repr(bake),
                ),
                field=f"{where}.bake_seconds",
            )
        try:
            gate = _gate(fields.get("gate") or "auto")
            spec = TrafficSpec.from_json(
                {
                    "candidate_weight": weight,
                    "rules": fields.get("rules") or [],
                    "sticky": fields.get("sticky"),
                    "mirror": fields.get("mirror"),
                }
            )
            not_before = _instant(fields.get("not_before"))
        except (TrafficError, ValueError) as error:
            raise BadPlan(
                Sentence("Step {step}: {error}", step=position + 1, error=message_of(error)), field=where
            ) from error
        return cls(traffic=spec, bake_seconds=bake, gate=gate, not_before=not_before)


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in order, with the policy by which each is left."""

    strategy: Strategy
    steps: tuple[Step, ...]
    evidence: EvidencePolicy = field(default_factory=EvidencePolicy)

    def as_json(self) -> dict[str, Any]:
        return {
            "strategy": self.strategy.value,
            "steps": [step.as_json() for step in self.steps],
            "evidence": self.evidence.as_json(),
        }

    def carried_out(self) -> Plan:
        """Return the plan as a rollout carries it out: a last step of 100 % keeps the hold-back; the promotion writes the rest."""
        *before, last = self.steps
        if not self.evidence.hold_back or last.weight < 100:
            return self
        traffic = replace(last.traffic, candidate_weight=100 - self.evidence.hold_back)
        return replace(self, steps=(*before, replace(last, traffic=traffic)))

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Plan:
        """Read and check the API's form. Raises BadPlan with the field at fault."""
        try:
            strategy = Strategy(given.get("strategy") or "canary")
        except ValueError as error:
            raise BadPlan(
                Sentence("Strategy {strategy} is not known.", strategy=repr(given.get("strategy"))),
                field="strategy",
            ) from error
        raw = given.get("steps")
        if not isinstance(raw, Sequence) or isinstance(raw, str) or not raw:
            raise BadPlan(Sentence("A plan has at least one step."), field="steps")
        if len(raw) > MAX_STEPS:
            raise BadPlan(Sentence("A plan has at most {limit} steps.", limit=MAX_STEPS), field="steps")
        evidence = EvidencePolicy.from_json(given.get("evidence"))
        steps = [Step.from_json(step, position=position) for position, step in enumerate(raw)]
        plan = cls(strategy=strategy, steps=_with_rules(steps, evidence=evidence), evidence=evidence)
        check_plan(plan)
        return plan


def _with_rules(steps: Sequence[Step], *, evidence: EvidencePolicy) -> tuple[Step, ...]:
    """Let a step without rules keep those of the step before, until everybody has the candidate: testers stay testers."""
    kept: list[Step] = []
    for step in steps:
        before = kept[-1].traffic.rules if kept else ()
        everybody = step.weight == 100 and not evidence.hold_back
        inherits = not step.traffic.rules and not everybody
        kept.append(replace(step, traffic=replace(step.traffic, rules=before)) if inherits else step)
    return tuple(kept)


def check_plan(plan: Plan) -> None:
    """Refuse what could only fail later. Raises BadPlan."""
    check_growth([step.traffic for step in plan.carried_out().steps])
    instants = [step.not_before for step in plan.steps if step.not_before]
    if instants != sorted(instants):
        raise BadPlan(Sentence("The wall-clock times of the steps are not in order."), field="steps")
    _check_strategy(plan)


def _check_strategy(plan: Plan) -> None:
    """Refuse a plan that is not what it says it is: each strategy has one thing without which it is another one."""
    weights = [step.weight for step in plan.steps]
    specs = [step.traffic for step in plan.steps]
    match plan.strategy:
        case Strategy.CANARY:
            if not any(spec.reaches_candidate for spec in specs):
                raise BadPlan(
                    Sentence("No step of this canary plan gives the candidate any traffic."), field="steps"
                )
        case Strategy.AB_TEST:
            if not any(spec.sticky or spec.rules for spec in specs):
                raise BadPlan(
                    Sentence("An A/B test assigns people: at least one step needs sticky users or a rule."),
                    field="steps",
                )
        case Strategy.BLUE_GREEN:
            between = next((number for number, weight in enumerate(weights) if weight not in {0, 100}), None)
            if between is not None:
                raise BadPlan(
                    Sentence(
                        "Step {step} of this blue-green plan has {weight} %: it knows 0 and 100 only.",
                        step=between + 1,
                        weight=weights[between],
                    ),
                    field=f"steps[{between}].weight",
                )
            if weights[-1] != 100:
                raise BadPlan(Sentence("A blue-green plan ends with a step of 100 %."), field="steps")
        case Strategy.MIRROR:
            if specs[0].mirror is None or weights[0]:
                raise BadPlan(
                    Sentence(
                        "A mirror plan begins with a copy of the traffic: give its first step a mirror and "
                        "the weight 0."
                    ),
                    field="steps[0].mirror",
                )
        case _:
            assert_never(plan.strategy)


def _gate(value: object) -> Gate:
    if value not in tuple(Gate):
        raise ValueError(Sentence("the gate is auto or manual, not {gate}.", gate=repr(value)))
    return Gate(str(value))


def _instant(value: object) -> datetime | None:
    if value is None or value == "":
        return None
    try:
        instant = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError as error:
        raise ValueError(Sentence("not_before is no date and time: {value}", value=repr(value))) from error
    if instant.tzinfo is None:
        raise ValueError(Sentence("not_before needs a time zone, as in 2026-11-11T09:00:00+08:00"))
    return instant
