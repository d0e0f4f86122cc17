"""Before a release: how small a harm can a step see, and how long would it take?

The design's formula N = phi ln(2 K / (alpha w)) / (p_c ln(p_c / q0) - (p_c - q0)) is what one alternative has to gather. Here the
test itself is played on what a look is expected to bring: every alternative with its cap, the tempering by clumps as it is
learned and by shared fate, the bets that begin later, and the mean over the alternatives. Means likewise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, log

import numpy as np
from numpy.typing import NDArray
from scipy.stats import poisson

from releases.domain.evidence.averaging import MeanTest
from releases.domain.evidence.settings import ALTERNATIVES, CountRule, MeanRule, Settings

ONE_POINT = 0.01
"""A step that cannot see this rise of the error ratio within its bake is blind, and says so."""
LEARNING_LOOKS = 20
"""Looks at the stable version alone before the candidate starts; clumps are learned from them."""
_FINEST = 1e-6
_ROUNDS = 50
_LONGEST_LOOKS = 1e6
_MOST_ONSETS = 4000
_QUANTILES = (np.arange(24) + 0.5) / 24
_FROZEN_EXPOSURE = 20.0
_HEAVIEST, _LIGHTEST = 4.0, 0.05
_CLIP = 4.0

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Flow:
    """What a step can count on: requests per second of both versions and the stable version's error ratio.

    For another metric than errors its own exposure and ratio (payments attempted, failed ones). ``clumps`` is the dispersion of
    the events, 1 where they come one by one.
    """

    candidate_rps: float
    stable_rps: float
    error_ratio: float
    clumps: float = 1.0


@dataclass(frozen=True, slots=True)
class MeanFlow:
    """What a step can count on for a mean: observations per second of both versions and their squared coefficient of variation."""

    candidate_rps: float
    stable_rps: float
    cv2: float


def requests_to_detect(
    rise: float, *, flow: Flow, settings: Settings, rule: CountRule | None = None
) -> float:
    """Return the candidate's requests after which a rise of the ratio (0-1) is expected to be found; inf if never."""
    seconds = seconds_to_detect(rise, flow=flow, settings=settings, rule=rule)
    return seconds * flow.candidate_rps if seconds < inf else inf


def seconds_to_detect(rise: float, *, flow: Flow, settings: Settings, rule: CountRule | None = None) -> float:
    """Return the time after which a rise of the ratio (0-1) is expected to be found; inf if it is tolerated.

    ``rule`` is that of errors unless another metric is asked about.
    """
    path = _Path.of(rise, flow=flow, settings=settings, rule=rule)
    if path is None:
        return inf
    low, high = 1.0, 4.0
    while not path.finds(high):
        low, high = high, high * 4
        if high > _LONGEST_LOOKS:
            return inf
    for _ in range(12):
        middle = (low * high) ** 0.5
        low, high = (low, middle) if path.finds(middle) else (middle, high)
    return high * settings.interval_seconds


def smallest_rise(
    *, within_seconds: float, flow: Flow, settings: Settings, rule: CountRule | None = None
) -> float | None:
    """Return the smallest rise of the ratio (0-1) that a step of this length is expected to find; None: not even failing altogether.

    ``rule`` is that of errors unless another metric is asked about.
    """
    looks = within_seconds / settings.interval_seconds

    def is_found(rise: float) -> bool:
        path = _Path.of(rise, flow=flow, settings=settings, rule=rule)
        return path is not None and looks >= 1 and path.finds(looks)

    return _smallest(is_found, highest=1.0 - flow.error_ratio)


def smallest_change(
    *, within_seconds: float, flow: MeanFlow, rule: MeanRule, settings: Settings
) -> float | None:
    """Return the smallest relative change for the worse of a mean that a step of this length is expected to find; None: not even
    twice as much, or nothing at all. Looks that do not count (latency of a cold candidate) are not part of ``within_seconds``.
    """
    looks = within_seconds / settings.interval_seconds

    def is_found(change: float) -> bool:
        path = _MeanPath.of(change, flow=flow, rule=rule, settings=settings)
        return path is not None and path.finds(looks)

    return _smallest(is_found, highest=1.0)


def seconds_to_see_change(change: float, *, flow: MeanFlow, rule: MeanRule, settings: Settings) -> float:
    """Return the time after which a mean that is worse by ``change`` (relative) is expected to be found; inf if it is tolerated.

    Latency counts only once the candidate is warm.
    """
    path = _MeanPath.of(change, flow=flow, rule=rule, settings=settings)
    if path is None:
        return inf
    looks = 1.0
    while not path.finds(looks):
        looks *= 1.02
        if looks > _LONGEST_LOOKS:
            return inf
    waits = settings.warm_up_looks if rule.metric == "latency" else 0
    return (looks + waits) * settings.interval_seconds


def _smallest(is_found: Callable[[float], bool], *, highest: float) -> float | None:
    """Return the smallest harm that is found, by halving; None if not even the highest is."""
    if not is_found(highest):
        return None
    low, high = 0.0, highest
    for _ in range(_ROUNDS):
        middle = (low + high) / 2
        low, high = (low, middle) if is_found(middle) else (middle, high)
        if high - low < _FINEST:
            break
    return high


@dataclass(frozen=True, slots=True)
class _MeanPath:
    """The expected evidence of a test of a mean: what a look adds to the statistic, its weight and its square."""

    rule: MeanRule
    settings: Settings
    drift: float
    w: float
    square: float

    @classmethod
    def of(cls, change: float, *, flow: MeanFlow, rule: MeanRule, settings: Settings) -> _MeanPath | None:
        """Return the path, None where the change is tolerated or nothing is to be seen."""
        mine, theirs = (rps * settings.interval_seconds for rps in (flow.candidate_rps, flow.stable_rps))
        if min(mine, theirs) <= 0 or change <= rule.margin:
            return None
        spread = flow.cv2 * (1 / mine + 1 / theirs)
        w = 1 / (rule.phi * spread + rule.psi)
        drift = min(w * (change - rule.margin), _CLIP * w**0.5)
        square = min(drift * drift + w * w * spread, _CLIP * _CLIP * w)
        return cls(rule=rule, settings=settings, drift=drift, w=w, square=square)

    def finds(self, looks: float) -> bool:
        """Say whether the release is expected to be rolled back by this test after so many looks."""
        if looks <= 0:
            return False
        test = MeanTest(z=looks * self.drift, weights=looks * self.w, squares=looks * self.square)
        return log(self.rule.weight) + test.log_e(eta=self.settings.mean_eta) >= -log(self.settings.alpha)


@dataclass(frozen=True, slots=True)
class _Path:
    """The expected evidence of a test of counts. ``events`` are quantiles of the candidate's events in a look."""

    rule: CountRule
    settings: Settings
    events: Numbers
    beside: float
    mine: float
    theirs: float
    rho: float
    clumps: float

    @classmethod
    def of(cls, rise: float, *, flow: Flow, settings: Settings, rule: CountRule | None) -> _Path | None:
        """Return the path, None where the rise is tolerated or nothing is to be seen."""
        rule = rule or (settings.ratios[0] if flow.stable_rps > 0 else settings.baseline)
        bad = min(flow.error_ratio + rise, 1.0)
        if flow.candidate_rps <= 0 or bad <= rule.r0 * flow.error_ratio + rule.slack:
            return None
        mine = flow.candidate_rps * settings.interval_seconds
        theirs = (flow.stable_rps or _FROZEN_EXPOSURE * flow.candidate_rps) * settings.interval_seconds
        ratio = max(flow.error_ratio, 1e-9)
        return cls(
            rule=rule,
            settings=settings,
            events=poisson.ppf(_QUANTILES, mine * bad),
            beside=theirs * ratio,
            mine=mine,
            theirs=theirs,
            rho=rule.r0 + rule.slack / ratio,
            clumps=flow.clumps,
        )

    def finds(self, looks: float) -> bool:
        """Say whether the release is expected to be rolled back by this test after so many looks."""
        gains = self._gains(self._phi(looks / 2))
        ahead = gains * looks + np.log(self._begun(gains, looks))
        top = float(ahead.max())
        log_e = top + log(float(np.exp(ahead - top).mean()))
        return log(self.rule.weight) + log_e >= -log(self.settings.alpha)

    def _gains(self, phi: float) -> Numbers:
        """Return what each alternative gains in a look."""
        x = self.events + self.beside
        share = self.mine * self.rho / (self.mine * self.rho + self.theirs)
        tempering = phi + self.rule.psi * x * share * (1 - share)
        m = np.array(ALTERNATIVES)[:, None]
        whole = self.mine * self.rho + self.theirs
        bare = self.events * np.log(m) - x * np.log((self.mine * self.rho * m + self.theirs) / whole)
        capped = np.minimum(bare / tempering, self.settings.cap(self.rule.weight))
        return np.asarray(capped.mean(axis=1), dtype=np.float64)

    def _phi(self, looks: float) -> float:
        """Return the dispersion as it is known after so many looks: shrunk to the prior, learned before and since the start."""
        prior_weight, mine = self.settings.dispersion_weight, float(self.events.mean())
        before = min(
            prior_weight, LEARNING_LOOKS * _heavy(self.beside + self.beside * self.mine / self.theirs)
        )
        since = looks * _heavy(mine * self.beside / (mine + self.beside))
        learned = before + since
        known = (prior_weight * self.rule.phi + learned * self.clumps) / (prior_weight + learned)
        return max(1.0, known)

    def _begun(self, gains: Numbers, looks: float) -> Numbers:
        """Return for each alternative the weight of all bets, as if each had begun at the first look."""
        first, n = self.settings.onset_first, self.settings.onset_scrapes
        since = np.arange(1.0, min(looks, _MOST_ONSETS))
        onset = (1 - first) * n / ((n - 1 + since) * (n + since))
        late = np.exp(np.clip(-gains[:, None] * since, -700, 700)) @ onset if since.size else 0.0
        return np.asarray(first + late, dtype=np.float64)


def _heavy(variance: float) -> float:
    """Return how much a look with this variance teaches about clumps."""
    return min(variance, _HEAVIEST) if variance > _LIGHTEST else 0.0
