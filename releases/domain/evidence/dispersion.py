"""How clumped a metric's events are, learned while watching: phi = 1 is Poisson, more is clumps.

Successive differences of Pearson residuals (von Neumann) see clumps and are blind to slow drift. The estimate is shrunk to
the rule's prior and never goes below 1. What a scrape teaches is used from the next scrape on, so that bets stay fair.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt

_LARGEST = 16.0
"""A squared half-difference counts at most this many times the dispersion known before the candidate started: one outage must not
blind the judge, and clumps that the service always had are no outage."""
_PRIOR_WEIGHT = 8.0
"""Scrapes like one Poisson scrape each that the dispersion is shrunk to where it says how surprising a scrape is."""
_HEAVIEST = 4.0
_LIGHTEST = 0.05


@dataclass(frozen=True, slots=True)
class Dispersion:
    """``squares`` over ``weight`` is the estimate; ``above`` over ``below`` the Mantel-Haenszel ratio of the versions.

    ``largest`` is what a squared half-difference may count: it grows with the clumps of the stable version alone and stays as it
    is from the candidate's start, since a candidate's own fault must not make its next scrapes less surprising.
    """

    squares: float = 0.0
    weight: float = 0.0
    last: float | None = None
    above: float = 0.0
    below: float = 0.0
    largest: float = _LARGEST

    def phi(self, *, prior: float, prior_weight: float) -> float:
        """Return the dispersion to use in the next scrape."""
        return max(1.0, (prior_weight * prior + self.squares) / (prior_weight + self.weight))

    def at_most(self, weight: float) -> Dispersion:
        """Return the same estimate with no more than this weight.

        The stable version alone says something about the noise between two versions, but not everything: a candidate has
        fewer pods and is colder. So what was learned before it started weighs no more than the prior.
        """
        if self.weight <= weight:
            return self
        return replace(self, squares=self.squares * weight / self.weight, weight=weight)


def learn_pair(
    known: Dispersion, *, x_c: float, a_c: float, x_s: float, a_s: float, keeps: float = 0.5
) -> Dispersion:
    """Learn from one scrape of both versions. ``keeps`` events on either side pull the ratio of the versions to 1."""
    above = known.above + x_c * a_s / (a_c + a_s)
    below = known.below + x_s * a_c / (a_c + a_s)
    ratio = (above + keeps) / (below + keeps)
    share = a_c * ratio / (a_c * ratio + a_s)
    x = x_c + x_s
    return _step(known, deviation=x_c - x * share, variance=x * share * (1 - share), above=above, below=below)


def learn_stable(known: Dispersion, *, x: float, a: float, rate: float) -> Dispersion:
    """Learn from one scrape of the stable version alone against its own running ``rate``, before the candidate starts."""
    seen = _step(
        known, deviation=x - a * rate, variance=a * rate * (1 - rate), above=known.above, below=known.below
    )
    return replace(seen, largest=_LARGEST * seen.phi(prior=1.0, prior_weight=_PRIOR_WEIGHT))


def _step(known: Dispersion, *, deviation: float, variance: float, above: float, below: float) -> Dispersion:
    seen = replace(known, above=above, below=below)
    if variance <= _LIGHTEST:
        return seen
    residual = deviation / sqrt(variance)
    if known.last is None:
        return replace(seen, last=residual)
    heavy = min(variance, _HEAVIEST)
    square = min((residual - known.last) ** 2 / 2, known.largest)
    return replace(seen, squares=known.squares + heavy * square, weight=known.weight + heavy, last=residual)
