"""The test of counts: is the candidate's rate of events more than ``r0`` times the stable one's, plus a slack?

Given the events of both versions in one scrape, the candidate's part is binomial whatever befalls both. Each alternative
"rho times m" is a bet on that part; its log evidence is tempered by the dispersion and capped per scrape. Bets may begin at
any scrape (onset mixture), so that the past of a healthy hour does not hide a fault. Ville's inequality bounds how often the
evidence of a tolerable candidate ever reaches 1 / alpha by alpha. After Robbins 1970 and Howard et al. 2021.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import exp, log, log1p

from releases.domain.evidence.dispersion import Dispersion, learn_pair, learn_stable
from releases.domain.evidence.settings import ALTERNATIVES, CountRule, Settings, Worse

_NOTHING = -745.0
"""Log of the smallest positive number: a bet that lost everything."""
_SINGLE = 1.0
"""A scrape of so many clumps or fewer is bet on as one clump."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Events and exposure of both versions in one scrape: errors of requests, failures of payments."""

    x_c: float
    a_c: float
    x_s: float
    a_s: float


@dataclass(frozen=True, slots=True)
class Background:
    """What is known of the stable version since it is watched: events in exposure, and how clumped they come."""

    events: float = 0.0
    exposure: float = 0.0
    dispersion: Dispersion = field(default_factory=Dispersion)

    @property
    def rate(self) -> float:
        """The running rate, never 0."""
        return (self.events + 0.5) / (self.exposure + 1.0)


@dataclass(frozen=True, slots=True)
class CountTest:
    """What one test has seen. ``bets`` are log evidence per alternative, ``unspent`` the onset weight still in hand.

    ``candidate`` and ``beside`` are (events, exposure) of the candidate and of the stable version while both ran.
    ``information`` is the sum of the scrapes' inverse variances of the difference of rates, ``weighted`` that of the
    differences so weighted: compared scrape by scrape, so that a shock that came while the weight was small does not bias it.
    """

    bets: tuple[float, ...] = (_NOTHING,) * len(ALTERNATIVES)
    unspent: float = 1.0
    scrapes: int = 0
    background: Background = field(default_factory=Background)
    beside: tuple[float, float] = (0.0, 0.0)
    candidate: tuple[float, float] = (0.0, 0.0)
    information: float = 0.0
    weighted: float = 0.0

    def phi(self, rule: CountRule, *, settings: Settings) -> float:
        """Return the dispersion of the clumps seen so far, shrunk to the rule's prior."""
        return self.background.dispersion.phi(prior=rule.phi, prior_weight=settings.dispersion_weight)

    @property
    def log_e(self) -> float:
        """Log of the e-value: the mean over the alternatives plus what is not yet bet."""
        top = max(self.bets)
        mixed = sum(exp(bet - top) for bet in self.bets) / len(self.bets)
        ahead = top + log(mixed)
        return _log_add(ahead, log(self.unspent)) if self.unspent > 0 else ahead


def learn(known: Background, *, x: float, a: float) -> Background:
    """Learn the stable version's rate and clumps from a scrape in which the candidate does not count."""
    if a <= 0:
        return known
    seen = Background(known.events + x, known.exposure + a, known.dispersion)
    return replace(seen, dispersion=learn_stable(seen.dispersion, x=x, a=a))


def bet(test: CountTest, pair: Pair, *, rule: CountRule, settings: Settings) -> CountTest:
    """Take one scrape into the evidence. A scrape without exposure or events of either version changes nothing but totals."""
    if pair.a_c <= 0 or pair.a_s <= 0:
        return test
    if test.scrapes == 0:
        test = _started(test, settings)
    rho = tolerated_ratio(rule, stable_rate=test.background.rate)
    phi = tempering(test, pair, rho=rho, rule=rule, settings=settings)
    cap = settings.cap(rule.weight)
    fresh = _onset(test, settings)
    log_fresh = log(fresh) if fresh > 0 else _NOTHING
    bets = tuple(
        max(_log_add(held, log_fresh) + min(cap, gain), _NOTHING)
        for held, gain in zip(test.bets, _gains(pair, rho=rho, phi=phi, worse=rule.worse), strict=True)
    )
    known = test.background
    w = inverse_variance(test, pair, rule=rule, settings=settings)
    clumps = learn_pair(known.dispersion, x_c=pair.x_c, a_c=pair.a_c, x_s=pair.x_s, a_s=pair.a_s)
    return CountTest(
        bets=bets,
        unspent=max(test.unspent - fresh, 0.0),
        scrapes=test.scrapes + 1,
        background=Background(known.events + pair.x_s, known.exposure + pair.a_s, clumps),
        beside=_plus(test.beside, pair.x_s, pair.a_s),
        candidate=_plus(test.candidate, pair.x_c, pair.a_c),
        information=test.information + w,
        weighted=test.weighted + w * (pair.x_c / pair.a_c - pair.x_s / pair.a_s),
    )


def _gains(pair: Pair, *, rho: float, phi: float, worse: Worse) -> list[float]:
    """Return the log evidence of one scrape per alternative, before the cap.

    Usually that of x events tempered to x / phi of them. A scrape with no more events than a clump or two is taken for one single
    clump: (1 + (m - 1) x_c / x) / (1 + (m - 1) s) has the mean 1 whatever the events come in, as x_c / x is the fair share s in the mean,
    and grows faster than so few tempered events.
    """
    x = pair.x_c + pair.x_s
    if x <= 0:
        return [0.0] * len(ALTERNATIVES)
    clumps, part = x / phi, pair.x_c / x
    fair = pair.a_c * rho / (pair.a_c * rho + pair.a_s)
    if clumps <= _SINGLE:
        return [log1p((m - 1) * part) - log1p((m - 1) * fair) for m, _ in _alternatives(worse)]
    return [clumps * (part * log_m - log1p((m - 1) * fair)) for m, log_m in _alternatives(worse)]


def tolerated_ratio(rule: CountRule, *, stable_rate: float) -> float:
    """Return rho, the largest ratio candidate / stable that is still no harm."""
    return rule.r0 + rule.slack / stable_rate


def tempering(test: CountTest, pair: Pair, *, rho: float, rule: CountRule, settings: Settings) -> float:
    """Return phi: what the clumps seen so far and the shared fate of few pods leave of one scrape's evidence."""
    share = pair.a_c * rho / (pair.a_c * rho + pair.a_s)
    return test.phi(rule, settings=settings) + rule.psi * (pair.x_c + pair.x_s) * share * (1 - share)


def inverse_variance(test: CountTest, pair: Pair, *, rule: CountRule, settings: Settings) -> float:
    """Return the weight of a scrape's difference of rates, from what was known before it.

    The variance is that of a candidate at the final margin, where the question "is it no worse than that?" is hardest.
    """
    rate = test.background.rate
    margin = rule.final_margin or 0.0
    sampling = (rate + margin) / pair.a_c + rate / pair.a_s
    return 1 / (test.phi(rule, settings=settings) * sampling + rule.psi * rate * rate)


def _started(test: CountTest, settings: Settings) -> CountTest:
    known = test.background
    believed = known.dispersion.at_start(weight=settings.dispersion_weight)
    return replace(test, background=replace(known, dispersion=believed))


def _onset(test: CountTest, settings: Settings) -> float:
    """Return the weight of the bets that begin at this scrape; all of them sum to 1, and there is some left after any time.

    A constant share for 160 scrapes would leave nothing for a fault that begins after an hour of a long bake.
    """
    if test.scrapes == 0:
        return settings.onset_first
    n = settings.onset_scrapes
    return (1 - settings.onset_first) * n / ((n - 1 + test.scrapes) * (n + test.scrapes))


@lru_cache(maxsize=4)
def _alternatives(worse: Worse) -> tuple[tuple[float, float], ...]:
    up = ALTERNATIVES if worse is Worse.HIGHER else tuple(1 / m for m in ALTERNATIVES)
    return tuple((m, log(m)) for m in up)


def _log_add(a: float, b: float) -> float:
    high, low = (a, b) if a >= b else (b, a)
    return high + log1p(exp(low - high))


def _plus(total: tuple[float, float], x: float, a: float) -> tuple[float, float]:
    return (total[0] + x, total[1] + a)
