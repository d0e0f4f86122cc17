"""What the judge answers: one decision with the numbers of its sentence."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from releases.domain.evidence.bounds import Interval
from releases.domain.evidence.scrape import Outcome


class Decision(StrEnum):
    """What the evidence says to do. The bake, windows and people are the engine's business."""

    ROLL_BACK = "roll_back"
    GO_ON = "go_on"
    PROMOTE = "promote"
    WAIT = "wait"
    INCONCLUSIVE = "inconclusive"
    NO_DATA = "no_data"

    @property
    def outcome(self) -> Outcome:
        """The verdict's outcome for this decision."""
        return _OUTCOMES[self]


_OUTCOMES = {
    Decision.ROLL_BACK: Outcome.FAIL,
    Decision.GO_ON: Outcome.PASS,
    Decision.PROMOTE: Outcome.PASS,
    Decision.WAIT: Outcome.INCONCLUSIVE,
    Decision.INCONCLUSIVE: Outcome.INCONCLUSIVE,
    Decision.NO_DATA: Outcome.NO_DATA,
}


@dataclass(frozen=True, slots=True)
class MetricEvidence:
    """One metric's part: counts while both versions ran, and how far the candidate is from the stable version.

    For a count metric ``candidate`` and ``stable`` are (events, exposure) and ``interval`` is the anytime-valid one of the
    difference of rates, None before both had traffic; ``tolerated`` is the difference that is no harm. For a mean they are
    (sum, count), ``is_mean`` says so, and interval and tolerance are relative changes. For the sample ratio they are (requests, declared weight)
    and the tolerance is a ratio. ``limit`` is what the gate asks the interval's upper end to stay below, None if it asks
    nothing. ``log_e`` is the log of the metric's e-value before its ``weight``.
    """

    metric: str
    weight: float
    log_e: float
    candidate: tuple[float, float]
    stable: tuple[float, float]
    interval: Interval | None
    tolerated: float
    limit: float | None = None
    phi: float = 1.0
    edge_ms: float | None = None
    is_mean: bool = False

    @property
    def satisfies(self) -> bool:
        """Whether the gate, if it asks this metric, has heard enough."""
        return self.limit is None or (self.interval is not None and self.interval.high < self.limit)


@dataclass(frozen=True, slots=True)
class Judgement:
    """One look's answer. ``because`` is the metric that decided or that is waited for; ``problem`` says why there is no data.

    ``log_e`` is the log of the release's e-value: evidence 1 in exp(log_e). ``requests`` of the candidate so far,
    ``requests_needed`` in all before the gate can open if the candidate is as good as the stable version, ``minutes_to_go``
    at the rate of this step; None where there is nothing to wait for or no end in sight. ``suspected``: the gate would be open,
    and stays closed because evidence against the candidate is building. ``shadow``: shown, not acted upon.
    """

    decision: Decision
    because: str
    log_e: float
    metrics: tuple[MetricEvidence, ...]
    requests: float
    requests_needed: float | None = None
    minutes_to_go: float | None = None
    blanks: int = 0
    problem: str = ""
    suspected: bool = False
    shadow: bool = False

    @property
    def acts(self) -> bool:
        """Whether a rollback may follow: never in shadow mode."""
        return self.decision is Decision.ROLL_BACK and not self.shadow

    def as_json(self) -> dict[str, Any]:
        """Return plain values for a JSON column and for the sentence."""
        return asdict(self)
