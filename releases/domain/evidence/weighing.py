"""Take one look into every test: which counts of both versions belong to which test, and when a test may not count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from releases.domain.evidence import averaging, counting
from releases.domain.evidence.averaging import MeanTest
from releases.domain.evidence.counting import Background, CountTest, Pair
from releases.domain.evidence.look import Look, Tally
from releases.domain.evidence.settings import SLOW_SHARES, CountRule, Settings, Worse
from releases.domain.evidence.slowness import edges_of, learn_latency, slow_of
from releases.domain.evidence.state import State

WHOLE = 100.0
_BASELINE_EXPOSURE = 20.0
"""The frozen stable rate counts as this many times the candidate's exposure."""
_BASELINE_PRIOR = 500.0
SHARE_TESTS = ("sample_ratio_high", "sample_ratio_low")


@lru_cache(maxsize=64)
def count_rules(settings: Settings) -> Mapping[str, CountRule]:
    """Name every count test with the rule it follows; the weight of a family is split evenly over its tests."""
    slow = replace(settings.slow, weight=settings.slow.weight / len(SLOW_SHARES))
    high = replace(settings.share, weight=settings.share.weight / len(SHARE_TESTS))
    low = replace(high, r0=1 / high.r0, worse=Worse.LOWER)
    return {
        **{rule.metric: rule for rule in settings.ratios},
        **{slow_name(share): slow for share in SLOW_SHARES},
        **dict(zip(SHARE_TESTS, (high, low), strict=True)),
        "baseline": settings.baseline,
    }


def slow_name(share: float) -> str:
    """Name the test of the edge that this share of the stable requests exceeds."""
    return f"slow_{share * 100:g}"


def edge_of(state: State, name: str) -> float | None:
    """Return the latency edge in ms of a test, None where it has none."""
    edges = dict(zip(map(slow_name, SLOW_SHARES), state.edges, strict=False))
    return edges.get(name)


def learn(state: State, stable: Tally, *, settings: Settings) -> State:
    """Learn from the stable version while there is no candidate: rates, clumps, the histogram, the means."""
    pairs = {rule.metric: pair for rule in settings.ratios if (pair := stable.ratio(rule.metric)) is not None}
    counts = _learned(state.counts, pairs)
    means = dict(state.means)
    for metric, test in means.items():
        if (moments := stable.mean(metric)) is not None:
            means[metric] = averaging.remember(test, moments, settings=settings)
    return replace(state, counts=counts, means=means, latency=learn_latency(state.latency, stable))


def weigh(state: State, look: Look, *, stable: Tally, candidate: Tally, settings: Settings) -> State:
    """Take one look at both versions into every test that may count it."""
    state = _with_edges(state, stable)
    rules, counts = count_rules(settings), dict(state.counts)
    pairs = pairs_of(state, look, stable=stable, candidate=candidate, settings=settings)
    for name, pair in pairs.items():
        counts[name] = counting.bet(counts[name], pair, rule=rules[name], settings=settings)
    means = _means(state, stable, candidate, settings=settings)
    return replace(state, counts=counts, means=means)


def pairs_of(
    state: State, look: Look, *, stable: Tally, candidate: Tally, settings: Settings
) -> dict[str, Pair]:
    """Return the counts of both versions per test, of the tests that may count this look."""
    pairs = _ratio_pairs(stable, candidate, settings=settings)
    if _is_warm(state, settings):
        pairs |= _slow_pairs(state, stable, candidate)
    if state.in_step > 1 and splits(state):
        pairs |= share_pairs(look.weight, stable=stable, candidate=candidate)
    if look.weight >= WHOLE:
        pairs["baseline"] = _baseline_pair(state.counts["errors"].background, candidate)
    return pairs


def _is_warm(state: State, settings: Settings) -> bool:
    """Whether latency counts: not while the candidate is cold, nor while a new share of traffic settles."""
    return state.scrapes > settings.warm_up_looks and state.in_step > settings.settle_scrapes


def share_pairs(weight: float, *, stable: Tally, candidate: Tally) -> dict[str, Pair]:
    """Requests as events, declared weights as exposure; nothing to compare at 0 and 100 %."""
    if not 0 < weight < WHOLE:
        return {}
    pair = Pair(x_c=candidate.requests, a_c=weight, x_s=stable.requests, a_s=WHOLE - weight)
    return dict.fromkeys(SHARE_TESTS, pair)


def _ratio_pairs(stable: Tally, candidate: Tally, *, settings: Settings) -> dict[str, Pair]:
    pairs = {}
    for rule in settings.ratios:
        mine, theirs = candidate.ratio(rule.metric), stable.ratio(rule.metric)
        if mine is not None and theirs is not None:
            pairs[rule.metric] = Pair(*mine, *theirs)
    return pairs


def _slow(state: State, tally: Tally) -> dict[str, tuple[float, float]]:
    """Return (slower than the edge, measured) of one version per latency test."""
    edges = zip(SLOW_SHARES, state.edges, strict=False)
    return {
        slow_name(share): pair for share, edge in edges if (pair := slow_of(tally, edge=edge)) is not None
    }


def _slow_pairs(state: State, stable: Tally, candidate: Tally) -> dict[str, Pair]:
    mine, theirs = _slow(state, candidate), _slow(state, stable)
    return {name: Pair(*mine[name], *theirs[name]) for name in mine if name in theirs}


def _learned(
    counts: Mapping[str, CountTest], pairs: Mapping[str, tuple[float, float]]
) -> dict[str, CountTest]:
    """Let tests learn the stable version's (events, exposure) without a bet."""
    fresh = dict(counts)
    for name, (x, a) in pairs.items():
        fresh[name] = replace(fresh[name], background=counting.learn(fresh[name].background, x=x, a=a))
    return fresh


def _baseline_pair(known: Background, candidate: Tally) -> Pair:
    """Compare with the stable version's rate as it was when it last had traffic."""
    rate = (known.events + 0.5) / (known.exposure + _BASELINE_PRIOR)
    exposure = _BASELINE_EXPOSURE * candidate.requests
    return Pair(x_c=candidate.errors, a_c=candidate.requests, x_s=exposure * rate, a_s=exposure)


def _means(state: State, stable: Tally, candidate: Tally, *, settings: Settings) -> dict[str, MeanTest]:
    is_warm, means = _is_warm(state, settings), dict(state.means)
    for rule in settings.means:
        mine, theirs = candidate.mean(rule.metric), stable.mean(rule.metric)
        if theirs is None:
            continue
        if mine is None or (rule.metric == "latency" and not is_warm):
            means[rule.metric] = averaging.remember(means[rule.metric], theirs, settings=settings)
        else:
            means[rule.metric] = averaging.weigh(
                means[rule.metric], mine, theirs, rule=rule, settings=settings
            )
    return means


def _with_edges(state: State, stable: Tally) -> State:
    """Fix the latency edges at the candidate's start, or as soon as the stable version has had enough requests.

    A test takes over what was learned about its edge.
    """
    if state.edges:
        return state
    edges = edges_of(state.latency)
    if not edges:
        return replace(state, latency=learn_latency(state.latency, stable))
    counts = dict(state.counts)
    for share, edge in zip(SLOW_SHARES, edges, strict=False):
        name = slow_name(share)
        counts[name] = replace(counts[name], background=state.latency[edge])
    return replace(state, edges=edges, counts=counts, latency={})


def splits(state: State) -> bool:
    """Say whether the step gives the candidate a random share of the requests, so that the sample ratio means something."""
    steps = state.steps
    return state.step is None or state.step >= len(steps) or steps[state.step].splits
