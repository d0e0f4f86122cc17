"""From counts to a verdict. Pure, and the only place that uses numpy or scipy.

``Judge`` is the interface. ``start`` gives the memory of a release, ``observe`` takes one look at both versions and answers
with the new memory and a judgement; ``State.as_json`` and ``from_json`` carry it from one look to the next, so that the same
code judges a live release, a recorded trace and a rehearsal. It never looks ahead and reads no clock::

    judge = Judge(at_interval(Settings(), seconds=15))
    state = judge.start([PlannedStep(weight=1, seconds=600), PlannedStep(weight=100, seconds=600)])
    for look in looks:                      # first those with the stable version alone: step=None
        state, judgement = judge.observe(state, look)
"""

from releases.domain.evidence.averaging import Moments
from releases.domain.evidence.bounds import Interval
from releases.domain.evidence.judge import Judge
from releases.domain.evidence.judgement import Decision, Judgement, MetricEvidence
from releases.domain.evidence.look import NOTHING, Look, Tally, tally_of
from releases.domain.evidence.scrape import Outcome
from releases.domain.evidence.settings import (
    CountRule,
    MeanRule,
    Settings,
    Worse,
    at_interval,
    with_metrics,
)
from releases.domain.evidence.state import PlannedStep, State
from releases.domain.evidence.version import JUDGE_VERSION

__all__ = [
    "JUDGE_VERSION",
    "NOTHING",
    "CountRule",
    "Decision",
    "Interval",
    "Judge",
    "Judgement",
    "Look",
    "MeanRule",
    "MetricEvidence",
    "Moments",
    "Outcome",
    "PlannedStep",
    "Settings",
    "State",
    "Tally",
    "Worse",
    "at_interval",
    "tally_of",
    "with_metrics",
]
