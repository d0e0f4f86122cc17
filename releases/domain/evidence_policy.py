"""The part of a plan that says on what evidence a step may be left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from istio.sentence import Sentence
from releases.domain.errors import BadPlan
from releases.domain.evidence.experiment import Rule
from releases.domain.given import is_whole, known

MAX_WAIT_SECONDS = 30 * 24 * 3600
MAX_HOLD_BACK = 50


@dataclass(frozen=True, slots=True)
class EvidencePolicy:
    """On what evidence a step may be left.

    ``gate``: the evidence must suffice; ``guard``: time over, data present, no guard fired. ``wait_limit_seconds``
    after the bake is over, ``when_unclear`` says what happens: ``hold`` for a person or ``roll_back``. ``experiment`` is the
    rule of an A/B test (``releases.domain.evidence.experiment.Rule``), fixed before the start. ``hold_back`` percent stay on the
    stable version during the last step, so that there is something to compare with until the promotion; 0 is none.
    """

    policy: str = "gate"
    interval_seconds: int = 15
    wait_limit_seconds: int = 3600
    when_unclear: str = "hold"
    experiment: Mapping[str, Any] | None = None
    hold_back: int = 0

    def __post_init__(self) -> None:
        if self.policy not in {"gate", "guard"}:
            raise BadPlan(
                Sentence(
                    "Evidence policy {policy} is not known; take gate or guard.", policy=repr(self.policy)
                ),
                field="evidence.policy",
            )
        if self.when_unclear not in {"hold", "roll_back"}:
            raise BadPlan(
                Sentence(
                    "When unclear, a plan can hold or roll_back, not {when_unclear}.",
                    when_unclear=repr(self.when_unclear),
                ),
                field="evidence.when_unclear",
            )
        if not is_whole(self.interval_seconds) or not 1 <= self.interval_seconds <= 3600:
            raise BadPlan(
                Sentence("The evidence interval is a whole number of seconds from 1 to 3600."),
                field="evidence.interval_seconds",
            )
        if not is_whole(self.wait_limit_seconds) or not 0 <= self.wait_limit_seconds <= MAX_WAIT_SECONDS:
            raise BadPlan(
                Sentence("The wait limit is a whole number of seconds up to 30 days."),
                field="evidence.wait_limit_seconds",
            )
        if not is_whole(self.hold_back) or not 0 <= self.hold_back <= MAX_HOLD_BACK:
            raise BadPlan(
                Sentence("The hold-back is a whole percentage from 0 to {limit}.", limit=MAX_HOLD_BACK),
                field="evidence.hold_back",
            )
        check_experiment(self.experiment)

    @property
    def experiment_rule(self) -> Rule:
        """What decides an A/B test; without a word in the plan the defaults do."""
        return Rule(**(self.experiment or {}))

    def as_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "policy": self.policy,
            "interval_seconds": self.interval_seconds,
            "wait_limit_seconds": self.wait_limit_seconds,
            "when_unclear": self.when_unclear,
        }
        # Only where there is one: plans without an experiment or a hold-back keep the fingerprint they always had.
        if self.experiment:
            told["experiment"] = dict(self.experiment)
        if self.hold_back:
            told["hold_back"] = self.hold_back
        return told

    @classmethod
    def from_json(cls, given: Mapping[str, Any] | None) -> EvidencePolicy:
        """Read the API's form; what is missing takes the default. Raises BadPlan."""
        return cls(**known(given or {}, names=cls.__slots__, where="evidence"))


def check_experiment(given: Mapping[str, Any] | None) -> None:
    """Refuse a rule that could not decide. Raises BadPlan."""
    if given is None:
        return
    where = "evidence.experiment"
    rule = known(given, names=tuple(Rule.__slots__), where=where)
    if not isinstance(rule.get("kpi", ""), str):
        raise BadPlan(Sentence("The KPI of an experiment is a name."), field=f"{where}.kpi")
    for name, low, high in (("minimum_effect", 0, 10), ("maximum_seconds", 1, MAX_WAIT_SECONDS)):
        value = rule.get(name, low)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise BadPlan(
                Sentence(
                    "{name} of an experiment is a number from {low} to {high}.", name=name, low=low, high=high
                ),
                field=f"{where}.{name}",
            )
    if rule.get("on_tie", "stable") not in {"stable", "candidate"}:
        raise BadPlan(Sentence("On a tie the stable or the candidate version wins."), field=f"{where}.on_tie")
