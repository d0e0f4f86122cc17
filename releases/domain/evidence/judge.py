"""The judge: state and one look in, state and one judgement out. It never looks ahead and reads no clock.

At each look every metric's test takes the interval into its e-value. Their weighted mean is an e-value whatever their
dependence (Vovk and Wang), and the release is rolled back when it reaches 1 / alpha. The gate asks the other question:
is enough known to expose more? Whatever is known, it stays closed while the evidence of harm is more than half of the way
to a rollback. The same object judges a live release, a recorded trace and a rehearsal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import exp, log

from releases.domain.evidence import counting
from releases.domain.evidence.gate import evidence_of, is_last, is_open
from releases.domain.evidence.judgement import Decision, Judgement, MetricEvidence
from releases.domain.evidence.look import NOTHING, Look, Tally
from releases.domain.evidence.progress import Opening, opening_of
from releases.domain.evidence.settings import Settings
from releases.domain.evidence.state import PlannedStep, State
from releases.domain.evidence.weighing import WHOLE, count_rules, learn, share_pairs, splits, weigh


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges one service's releases by fixed settings."""

    settings: Settings = field(default_factory=Settings)

    def start(self, steps: Sequence[PlannedStep]) -> State:
        """Return the memory of a release that has not begun. Show it looks at the stable version alone first: it learns."""
        return State.begun(steps, settings=self.settings, names=count_rules(self.settings))

    def observe(self, state: State, look: Look) -> tuple[State, Judgement]:
        """Take one look, in order of time, and say what follows from all looks so far."""
        stable, candidate, problem = _sound(look)
        if look.step is None:
            state = learn(state, stable, settings=self.settings) if stable else state
            return self._concluded(state, problem=problem or "not_started")
        state = entered(state, look)
        if candidate is None or (stable is None and look.weight < WHOLE):
            if stable is not None and not problem:
                state = self._silent(state, look, stable)
            state = replace(state, blanks=state.blanks + 1)
            missing = "no_candidate_data" if candidate is None else "no_stable_data"
            return self._concluded(state, problem=problem or missing)
        stable = stable or NOTHING
        state = _counted(state, stable=stable, candidate=candidate)
        state = weigh(state, look, stable=stable, candidate=candidate, settings=self.settings)
        return self._concluded(state)

    def _silent(self, state: State, look: Look, stable: Tally) -> State:
        """A candidate nobody mentions while the stable version has traffic may get none: only the sample ratio can say.

        Not where rules or user ids choose: then nobody whom they choose may have come by.
        """
        if state.in_step <= 1 or not splits(state):
            return state
        rules, counts = count_rules(self.settings), dict(state.counts)
        for name, pair in share_pairs(look.weight, stable=stable, candidate=NOTHING).items():
            counts[name] = counting.bet(counts[name], pair, rule=rules[name], settings=self.settings)
        return replace(state, counts=counts)

    def _concluded(self, state: State, *, problem: str = "") -> tuple[State, Judgement]:
        evidence = evidence_of(state, settings=self.settings)
        log_e, strongest = combined(evidence)
        if not state.rolled_back_by and log_e >= -log(self.settings.alpha):
            state = replace(state, rolled_back_by=strongest)
        is_proven = is_open(evidence)
        suspected = is_proven and log_e >= self.settings.hold_fraction * -log(self.settings.alpha)
        decision = _decision(state, is_open=is_proven and not suspected, problem=problem)
        waits = decision in {Decision.WAIT, Decision.INCONCLUSIVE}
        opening = Opening(strongest if waits and suspected else "", None, None)
        if waits and not suspected:
            opening = opening_of(state, evidence, settings=self.settings, is_last=is_last(state))
        return state, Judgement(
            decision=decision,
            because=state.rolled_back_by or opening.metric,
            log_e=log_e,
            metrics=evidence,
            requests=state.requests[0],
            requests_needed=opening.requests,
            minutes_to_go=opening.minutes,
            blanks=state.blanks,
            problem=problem,
            suspected=waits and suspected,
            shadow=self.settings.shadow,
        )


def combined(evidence: Sequence[MetricEvidence]) -> tuple[float, str]:
    """Return the log of the weighted mean of the e-values, and the metric that brings most of it."""
    parts = [(log(metric.weight) + metric.log_e, metric.metric) for metric in evidence if metric.weight > 0]
    top, strongest = max(parts)
    return top + log(sum(exp(part - top) for part, _ in parts)), strongest


def _decision(state: State, *, is_open: bool, problem: str) -> Decision:
    if state.rolled_back_by:
        return Decision.ROLL_BACK
    if problem:
        return Decision.NO_DATA
    if is_open:
        return Decision.PROMOTE if is_last(state) else Decision.GO_ON
    planned = state.steps[state.step].seconds if state.step is not None and state.steps else 0.0
    return Decision.WAIT if state.seconds_in_step < planned else Decision.INCONCLUSIVE


def _sound(look: Look) -> tuple[Tally | None, Tally | None, str]:
    """Return what of the look can be used, and why not the rest. Stale, partial or not a number is no data, never a zero."""
    if look.problem:
        return None, None, look.problem
    for tally in (look.stable, look.candidate):
        if tally is not None and not tally.is_sound:
            return None, None, "not_a_number"
    return look.stable, look.candidate, ""


def entered(state: State, look: Look) -> State:
    """Note where the release is. The look in which the weight changes is the first of its step."""
    moved = look.step != state.step or look.weight != state.weight
    return replace(
        state,
        step=look.step,
        weight=look.weight,
        scrapes=state.scrapes + 1,
        in_step=1 if moved else state.in_step + 1,
        seconds=state.seconds + look.seconds,
        seconds_in_step=look.seconds if moved else state.seconds_in_step + look.seconds,
        in_step_requests=(0.0, 0.0) if moved else state.in_step_requests,
    )


def _counted(state: State, *, stable: Tally, candidate: Tally) -> State:
    more = (candidate.requests, stable.requests)
    return replace(
        state,
        blanks=0,
        requests=(state.requests[0] + more[0], state.requests[1] + more[1]),
        in_step_requests=(state.in_step_requests[0] + more[0], state.in_step_requests[1] + more[1]),
    )
