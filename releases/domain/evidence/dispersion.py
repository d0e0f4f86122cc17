"""How clumped a metric's events are, learned while watching: phi = 1 is Poisson, more is clumps.

What is compared is the difference of the versions' rates in one scrape with that in the scrape before (von Neumann). A shock that hits
both versions, slow drift and a fault that lasts all cancel in it; for events that come one by one its square is in the mean the sum
of the events over their squared exposures, whatever the rates are. A scrape without events counts as one: five clumps that happen
to fall on one version look like a rate to whoever reads only the scrapes that have some. The estimate is shrunk to the
rule's prior and never goes below 1. What a scrape teaches is used from the next scrape on, so that bets stay fair.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

_LARGEST = 16.0
"""A squared difference counts at most this many times the dispersion known before the candidate started: one outage must not
blind the judge, and clumps that the service always had are no outage."""
_PRIOR_WEIGHT = 8.0
"""Scrapes like one Poisson scrape each that the dispersion is shrunk to where it says how surprising a scrape is."""
_HEAVIEST = 4.0
_LIGHTEST = 0.05


@dataclass(frozen=True, slots=True)
class Contrast:
    """One scrape: the candidate's rate less the stable one's, its variance if events come one by one, and the exposure in which
    ``exposure ** 2 * variance`` is about the number of events that bear on it (half the harmonic mean of both versions')."""

    difference: float
    variance: float
    exposure: float


@dataclass(frozen=True, slots=True)
class Dispersion:
    """``squares`` over ``weight`` is the estimate, ``last`` the scrape the next one is compared with.

    ``largest`` is what a squared difference may count: it grows with the clumps of the stable version alone and stays as it
    is from the candidate's start, since a candidate's own fault must not make its next scrapes less surprising.
    """

    squares: float = 0.0
    weight: float = 0.0
    last: Contrast | None = None
    largest: float = _LARGEST

    def phi(self, *, prior: float, prior_weight: float) -> float:
        """Return the dispersion to use in the next scrape."""
        return max(1.0, (prior_weight * prior + self.squares) / (prior_weight + self.weight))

    def at_start(self, *, weight: float) -> Dispersion:
        """Return what is still believed when the candidate starts: the same estimate with no more than this weight.

        The stable version alone says something about the noise between two versions, but not everything: a candidate has
        fewer pods and is colder. So what was learned before it started weighs no more than the prior.
        """
        kept = min(1.0, weight / self.weight) if self.weight > 0 else 1.0
        return replace(self, squares=self.squares * kept, weight=self.weight * kept, last=None)


def learn_pair(known: Dispersion, *, x_c: float, a_c: float, x_s: float, a_s: float) -> Dispersion:
    """Learn from one scrape of both versions: events and exposure (above 0) of candidate and stable."""
    return _step(
        known,
        Contrast(
            difference=x_c / a_c - x_s / a_s,
            variance=x_c / (a_c * a_c) + x_s / (a_s * a_s),
            exposure=a_c * a_s / (a_c + a_s),
        ),
    )


def learn_stable(known: Dispersion, *, x: float, a: float) -> Dispersion:
    """Learn from one scrape of the stable version alone, before the candidate starts."""
    seen = _step(known, Contrast(difference=x / a, variance=x / (a * a), exposure=a))
    return replace(seen, largest=_LARGEST * seen.phi(prior=1.0, prior_weight=_PRIOR_WEIGHT))


def _step(known: Dispersion, seen: Contrast) -> Dispersion:
    learned, before = replace(known, last=seen), known.last
    if before is None:
        return learned
    variance = seen.variance + before.variance
    events = seen.exposure * before.exposure * variance / 2
    if events <= _LIGHTEST:
        return learned
    heavy = min(events, _HEAVIEST)
    square = min((seen.difference - before.difference) ** 2 / variance, known.largest)
    return replace(learned, squares=known.squares + heavy * square, weight=known.weight + heavy)
