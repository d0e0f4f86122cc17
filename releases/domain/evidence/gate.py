"""May it go on? The excess harm that cannot be excluded, times what the next step would expose, must fit the blast budget."""

from __future__ import annotations

from releases.domain.evidence.averaging import MeanTest
from releases.domain.evidence.bounds import Interval, mixture_width, rate_interval
from releases.domain.evidence.counting import CountTest, tolerated_ratio
from releases.domain.evidence.judgement import MetricEvidence
from releases.domain.evidence.progress import LEAST
from releases.domain.evidence.settings import CountRule, Settings
from releases.domain.evidence.state import State
from releases.domain.evidence.weighing import SHARE_TESTS, count_rules, edge_of

_FEW = 1e-6


def evidence_of(state: State, *, settings: Settings) -> tuple[MetricEvidence, ...]:
    """Return every metric's evidence, with what the gate of the current step asks of it."""
    counts = [_count_evidence(name, rule, state, settings) for name, rule in count_rules(settings).items()]
    means = [
        MetricEvidence(
            metric=rule.metric,
            weight=rule.weight,
            log_e=test.log_e(eta=settings.mean_eta),
            candidate=(test.candidate.total, test.candidate.count),
            stable=(test.beside.total, test.beside.count),
            interval=change_of(test, beta=settings.beta, eta=1 / rule.final_margin**2),
            tolerated=rule.margin,
            limit=rule.final_margin if is_last(state) else None,
            phi=rule.phi,
            is_mean=True,
        )
        for rule in settings.means
        for test in [state.means[rule.metric]]
    ]
    return (*counts, *means)


def is_last(state: State) -> bool:
    """Whether nothing follows the current step but the promotion."""
    return state.step is not None and state.step >= len(state.steps) - 1


def is_open(evidence: tuple[MetricEvidence, ...]) -> bool:
    """Whether every metric that is asked shows enough."""
    return all(metric.satisfies for metric in evidence)


def excess_of(test: CountTest, *, phi: float, beta: float) -> Interval | None:
    """Return the anytime-valid interval of candidate rate less stable rate, over the time in which both ran."""
    if min(test.candidate[1], test.beside[1]) < LEAST:
        return None
    centre = test.background.rate
    mine = rate_interval(
        events=test.candidate[0], exposure=test.candidate[1], centre=centre, beta=beta, phi=phi
    )
    theirs = rate_interval(events=test.beside[0], exposure=test.beside[1], centre=centre, beta=beta, phi=phi)
    return Interval(low=mine.low - theirs.high, high=mine.high - theirs.low)


def change_of(test: MeanTest, *, beta: float, eta: float) -> Interval | None:
    """Return the anytime-valid interval of the relative change of a mean in its harmful direction (normal mixture)."""
    if test.weights <= 0:
        return None
    middle = test.difference / test.weights
    noise = max(1.0, test.squares / test.weights)
    width = mixture_width(test.weights / noise, beta=beta, eta=eta)
    return Interval(low=middle - width, high=middle + width)


def margin_of(test: CountTest, *, margin: float, beta: float) -> Interval | None:
    """Return the anytime-valid interval of the difference of rates, tightest where it would just exclude ``margin``.

    Normal mixture over the scrapes' differences; its precision 1 / margin^2 is where the width reaches the margin soonest.
    """
    if test.information <= 0:
        return None
    middle = test.weighted / test.information
    width = mixture_width(test.information, beta=beta, eta=1 / (margin * margin))
    return Interval(low=middle - width, high=middle + width)


def _count_evidence(name: str, rule: CountRule, state: State, settings: Settings) -> MetricEvidence:
    test = state.counts[name]
    phi = test.phi(rule, settings=settings)
    is_share = name in SHARE_TESTS
    interval = None if is_share else excess_of(test, phi=phi, beta=settings.beta)
    if rule.final_margin is not None and is_last(state):
        interval = margin_of(test, margin=rule.final_margin, beta=settings.beta)
    return MetricEvidence(
        metric=name,
        weight=rule.weight,
        log_e=test.log_e,
        candidate=test.candidate,
        stable=test.beside,
        interval=interval,
        tolerated=rule.r0
        if is_share
        else (tolerated_ratio(rule, stable_rate=test.background.rate) - 1) * test.background.rate,
        limit=_limit(rule, test, state, settings),
        phi=phi,
        edge_ms=edge_of(state, name),
    )


def _limit(rule: CountRule, test: CountTest, state: State, settings: Settings) -> float | None:
    """Return the excess rate the gate still allows: the final margin, or seconds of failing over seconds of exposure."""
    if rule.final_margin is None or state.step is None:
        return None
    if is_last(state):
        return rule.final_margin
    following = state.steps[state.step + 1]
    per_request = test.candidate[1] / state.requests[0] if state.requests[0] >= LEAST else 1.0
    exposed = following.weight / 100 * following.seconds * per_request
    # A metric that next to no request has anything to do with cannot be harmed by more traffic.
    return settings.blast_seconds / exposed if exposed > _FEW else None
