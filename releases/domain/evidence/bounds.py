"""Anytime-valid intervals: true at every look together, with probability 1 - beta per side.

For an event rate a Gamma-Poisson mixture: the prior Gamma(1/2, 1/(2 p)) is centred at the stable rate p. After Robbins 1970; see also Howard,
Ramdas, McAuliffe, Sekhon 2021, section 3.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, lgamma, log, sqrt

_SHAPE = 0.5
_ROUNDS = 60


@dataclass(frozen=True, slots=True)
class Interval:
    """Both ends of an interval."""

    low: float
    high: float


def rate_interval(
    *, events: float, exposure: float, centre: float, beta: float, phi: float = 1.0
) -> Interval:
    """Return the interval of a Poisson rate. ``events`` and ``exposure`` are divided by ``phi``, as clumps are fewer events."""
    x, a = events / phi, exposure / phi
    prior = _SHAPE / centre
    shape = _SHAPE + x
    # The rate q is inside while ln M(q) = constant - x ln q + q a stays below ln(2 / beta).
    constant = _SHAPE * log(prior) - lgamma(_SHAPE) + lgamma(shape) - shape * log(prior + a)
    limit = log(2 / beta) - constant
    return Interval(low=_low(x, a, limit), high=_high(x, a, limit))


def mixture_width(information: float, *, beta: float, eta: float) -> float:
    """Return the half-width of a normal-mixture confidence sequence at this much information (1 / variance)."""
    spread = information + eta
    return sqrt(spread * (2 * log(1 / beta) + log(spread / eta))) / information


def _high(x: float, a: float, limit: float) -> float:
    """Solve q a - x ln q = limit above the minimum at x / a by Newton's method, from the right: convex, so it cannot overshoot."""
    if a <= 0:
        return float("inf")
    if x <= 0:
        return max(limit, 0.0) / a
    q = 2 * (x + max(limit, 0.0) + 1) / a
    while q * a - x * log(q) < limit:
        q *= 2
    for _ in range(_ROUNDS):
        step = (q * a - x * log(q) - limit) / (a - x / q)
        q -= step
        if abs(step) <= 1e-12 * q:
            break
    return q


def _low(x: float, a: float, limit: float) -> float:
    """Solve the same below the minimum, in ln q, where the left branch is convex and steep."""
    if x <= 0 or a <= 0:
        return 0.0
    y = -limit / x  # where -x ln q alone reaches the limit: left of the root
    for _ in range(_ROUNDS):
        q = _exp(y)
        step = (q * a - x * y - limit) / (q * a - x)
        y -= step
        if abs(step) <= 1e-12:
            break
    return _exp(y)


def _exp(y: float) -> float:
    return exp(y) if y > -700 else 0.0
