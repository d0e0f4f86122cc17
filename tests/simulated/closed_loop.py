"""A release in closed loop: each step waits for its evidence, as the engine lets it, instead of for the clock alone.

The same service is drawn once per weight of the plan, with the same shocks at the same time; the release reads, scrape by
scrape, the drawing of the weight it stands at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from releases.domain.evidence import Decision, Judge, PlannedStep, Settings, at_interval
from releases.domain.evidence.replay import looks_of
from tests.simulated.faults import Fault
from tests.simulated.trace import Trace, simulate
from tests.simulated.worlds import World

HELD_BACK = ((0.01, 600.0), (0.05, 600.0), (0.2, 600.0), (0.5, 600.0), (0.95, 600.0))
"""The usual plan with a hold-back of 5 % at its end."""
LONGEST_SECONDS = 7_200.0


@dataclass(frozen=True, slots=True)
class Closed:
    """How it ended: ``rollback``, ``promote`` or ``inconclusive``, after ``seconds``; ``harm`` as in the scores, until one scrape later."""

    decision: str
    seconds: float
    harm: float
    steps: int


def play(
    world: World,
    fault: Fault,
    *,
    rps: float,
    seed: int,
    settings: Settings | None = None,
    plan: Sequence[tuple[float, float]] = HELD_BACK,
    interval: float = 15.0,
    longest: float = LONGEST_SECONDS,
) -> Closed:
    """Play one release until it is rolled back or promoted, for ``longest`` seconds at most."""
    judge = Judge(at_interval(settings or Settings(), seconds=interval))
    state = judge.start([PlannedStep(weight=100 * share, seconds=seconds) for share, seconds in plan])

    def drawn(share: float) -> Trace:
        return simulate(world, fault, rps=rps, seed=seed, plan=((share, longest),), interval=interval)

    step, begun, harmed, trace = 0, 0.0, 0.0, drawn(plan[0][0])
    looks = list(looks_of(trace))
    for at in range(len(looks)):
        t, look = looks[at]
        state, judgement = judge.observe(state, replace(look, step=None if look.step is None else step))
        if look.step is None:
            continue
        harmed += _harm(trace, at=at)
        if judgement.decision is Decision.ROLL_BACK:
            harmed += _harm(trace, at=min(at + 1, len(looks) - 1))
            return Closed("rollback", t, harmed * 100 / rps, step)
        if t - begun < plan[step][1]:
            continue
        if judgement.decision is Decision.PROMOTE:
            return Closed("promote", t, harmed * 100 / rps, step)
        if judgement.decision is Decision.GO_ON:
            step, begun, trace = step + 1, t, drawn(plan[step + 1][0])
            looks = list(looks_of(trace))
    return Closed("inconclusive", longest, harmed * 100 / rps, step)


def _harm(trace: Trace, *, at: int) -> float:
    cumulative = trace["truth"]["harm_cum"]
    return float(cumulative[at] - (cumulative[at - 1] if at else 0.0))
