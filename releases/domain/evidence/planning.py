"""Before a release: how small a harm can a step see, and how long would it take?

At a scrape the bet on a rise from p_s to p_c is expected to gain n (p_c ln(p_c / q0) - (p_c - q0)) / phi, where n is the
candidate's requests and q0 = r0 p_s + slack is what is tolerated. One alternative has to gather ``Settings.need`` on its own, in at
least ``cap_scrapes`` scrapes. phi grows with the events of a scrape by psi, the shared fate of a version's pods.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log

from releases.domain.evidence.settings import CountRule, Settings

ONE_POINT = 0.01
"""A step that cannot see this rise of the error ratio within its bake is blind, and says so."""
_FINEST = 1e-6
_ROUNDS = 50


@dataclass(frozen=True, slots=True)
class Flow:
    """What a step can count on: requests per second of both versions and the stable version's error ratio."""

    candidate_rps: float
    stable_rps: float
    error_ratio: float


def requests_to_detect(rise: float, *, flow: Flow, settings: Settings) -> float:
    """Return the candidate's requests after which a rise of the error ratio (0-1) is expected to be found; inf if never."""
    seconds = seconds_to_detect(rise, flow=flow, settings=settings)
    return seconds * flow.candidate_rps if seconds < inf else inf


def seconds_to_detect(rise: float, *, flow: Flow, settings: Settings) -> float:
    """Return the time after which a rise of the error ratio (0-1) is expected to be found; inf if it is tolerated."""
    rule = _rule(flow, settings)
    bad = min(flow.error_ratio + rise, 1.0)
    tolerated = rule.r0 * flow.error_ratio + rule.slack
    if flow.candidate_rps <= 0 or bad <= tolerated:
        return inf
    mine = flow.candidate_rps * settings.interval_seconds
    beside = (flow.stable_rps or 20 * flow.candidate_rps) * settings.interval_seconds
    share = mine * tolerated / (mine * tolerated + beside * flow.error_ratio)
    events = mine * bad + beside * flow.error_ratio
    phi = rule.phi + rule.psi * events * share * (1 - share)
    need = settings.need(rule.weight)
    gain = mine * (bad * log(bad / tolerated) - (bad - tolerated)) / phi
    return max(need / gain, settings.cap_scrapes) * settings.interval_seconds


def smallest_rise(*, within_seconds: float, flow: Flow, settings: Settings) -> float | None:
    """Return the smallest rise of the error ratio (0-1) that a step of this length is expected to find; None: not even failing altogether."""
    high = 1.0 - flow.error_ratio
    if seconds_to_detect(high, flow=flow, settings=settings) > within_seconds:
        return None
    low = 0.0
    for _ in range(_ROUNDS):
        middle = (low + high) / 2
        if seconds_to_detect(middle, flow=flow, settings=settings) <= within_seconds:
            high = middle
        else:
            low = middle
        if high - low < _FINEST:
            break
    return high


def _rule(flow: Flow, settings: Settings) -> CountRule:
    """At 100 % there is no stable version beside it: the frozen baseline is what is left."""
    return settings.ratios[0] if flow.stable_rps > 0 else settings.baseline
