"""Draw one release: what Prometheus would have counted of both versions, scrape by scrape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from tests.simulated.faults import Fault
from tests.simulated.worlds import World

Trace = dict[str, Any]
Numbers = NDArray[np.float64]

EDGES_MS = (0.5, 1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10000.0, 30000.0)
PLAN = ((0.01, 600.0), (0.05, 600.0), (0.2, 600.0), (0.5, 600.0), (1.0, 600.0))
BEFORE_SECONDS = 300.0
_LATENCY_SIGMA = 0.7
_DWELL_CV2 = 1.4
_TAIL_GRID = 400


def simulate(
    world: World,
    fault: Fault,
    *,
    rps: float,
    seed: int,
    plan: Sequence[tuple[float, float]] = PLAN,
    interval: float = 15.0,
) -> Trace:
    """Return a trace with ``truth`` (harm: requests the candidate failed or slowed, cumulative; excess over a healthy one)."""
    rng = np.random.default_rng([seed, int(rps * 10)])
    release = _Release(world, fault, rps=rps, plan=plan, interval=interval, rng=rng)
    return release.draw(f"{world.name}/{fault.name}@{rps:g}rps#{seed}")


class _Release:
    """One service, one candidate, one time line. Everything drawn comes from ``rng``, in a fixed order."""

    def __init__(
        self,
        world: World,
        fault: Fault,
        *,
        rps: float,
        plan: Sequence[tuple[float, float]],
        interval: float,
        rng: np.random.Generator,
    ) -> None:
        self.world, self.fault, self.plan, self.interval, self.rng = world, fault, plan, interval, rng
        total = BEFORE_SECONDS + sum(seconds for _, seconds in plan)
        self.t = np.arange(1, int(total / interval) + 1) * interval - BEFORE_SECONDS
        self.rps = rps
        self.error_rate = float(rng.uniform(0.0005, 0.006))
        self.payment_failures = float(rng.uniform(0.02, 0.05))
        self.payments_each = float(rng.uniform(0.05, 0.2))
        self.median_ms = float(rng.uniform(12.0, 50.0))
        self.onset = fault.onset_seconds
        self.shock = self._shocks()

    def draw(self, name: str) -> Trace:
        weight, share = self._shares()
        requests = self.rng.poisson(self.rps * self.interval * self._diurnal()).astype(float)
        mine = self.rng.binomial(requests.astype(int), np.clip(share, 0, 1)).astype(float)
        stable = self._version(requests - mine, is_candidate=False)
        candidate = self._version(mine, is_candidate=True)
        harm = np.cumsum(candidate.pop("harm"))
        stable.pop("harm")
        return {
            "id": name,
            "scrape_s": self.interval,
            "t": self.t.tolist(),
            "weight": weight.tolist(),
            "plan": [list(step) for step in self.plan],
            "le": [*EDGES_MS, "+Inf"],
            "stable": stable,
            "canary": candidate,
            "truth": {
                "healthy": self.fault.is_harmless,
                "kind": self.fault.name,
                "onset_s": self.onset,
                "harm_cum": harm.tolist(),
                "rate_rps": self.rps,
            },
        }

    def _diurnal(self) -> Numbers:
        phase = self.rng.uniform(0, 2 * np.pi)
        return 1 + self.world.drift / 2 * np.sin(2 * np.pi * self.t / 7200 + phase)

    def _shares(self) -> tuple[Numbers, Numbers]:
        """Declared weight per scrape, and the share that really goes there: late by a lag, sticky, broken by the fault."""
        ends = np.cumsum([seconds for _, seconds in self.plan])
        weights = np.array([0.0, *[share for share, _ in self.plan]])
        step = np.where(self.t <= 0, 0, 1 + np.minimum(np.searchsorted(ends, self.t), len(self.plan) - 1))
        weight = weights[step]
        lag = self.rng.uniform(1, 8) / self.interval
        arrived = weight.copy()
        changed = np.flatnonzero(np.diff(weight)) + 1
        arrived[changed] = weight[changed - 1] * min(lag, 1) + weight[changed] * (1 - min(lag, 1))
        wander = self._wander(self.world.sticky * min(1.0, np.sqrt(20 / self.rps)) + 0.01)
        wobbled = arrived * np.exp(wander) / (1 - arrived + arrived * np.exp(wander))
        # A wrong split is one of the partial steps: at 100 % there is nobody else to send it to.
        return weight, np.where((arrived > 0) & (arrived < 1), wobbled * self.fault.split, arrived)

    def _wander(self, sigma: float, *, keep: float = 0.3) -> Numbers:
        """Log-normal noise with memory, mean 1 after exp."""
        noise = self.rng.normal(size=self.t.size) * sigma * np.sqrt(1 - keep * keep)
        level, out = self.rng.normal() * sigma, np.empty(self.t.size)
        for i, step in enumerate(noise):
            level = keep * level + step
            out[i] = level
        return out - sigma * sigma / 2

    def _shocks(self) -> Numbers:
        """Factor on the error rate of both versions over time."""
        factor = np.ones(self.t.size)
        hours = (self.t[-1] - self.t[0]) / 3600
        starts = self.rng.uniform(self.t[0], self.t[-1], self.rng.poisson(self.world.shocks * hours))
        if self.fault.in_shock:
            starts = np.append(starts, -60.0)
        for start in starts:
            height = 1 + (self.world.shock_factor - 1) * self.rng.uniform(0.3, 1.0)
            inside = (self.t > start) & (self.t <= start + self.rng.uniform(60, 400))
            factor[inside] = np.maximum(factor[inside], height)
        return factor

    def _version(self, requests: Numbers, *, is_candidate: bool) -> dict[str, Any]:
        harmful = is_candidate & (self.t > self.onset)
        spread = self.world.pod_sigma if is_candidate else self.world.pod_sigma / 2
        rate = self.error_rate * self.shock * np.exp(self._wander(spread))
        added = np.where(harmful, rate * (self.fault.error_factor - 1) + self.fault.error_add, 0.0)
        errors = self._clumps(requests, rate)
        extra = self._clumps(requests - errors, added, clump=1.0)
        buckets, sums, slowed = self._latency(requests, harmful, is_candidate=is_candidate)
        attempted = self.rng.binomial(requests.astype(int), self.payments_each).astype(float)
        lost = np.where(harmful, self.fault.payment_add, 0.0)
        wander = np.exp(self._wander(0.02))
        failed = self.rng.binomial(
            attempted.astype(int), np.clip(self.payment_failures * wander + lost, 0, 1)
        )
        count, total, squares = self._dwell(requests, harmful)
        misrouted = self._misrouted(requests) if is_candidate else 0.0
        series = {
            "requests": requests,
            "errors": errors + extra,
            "latency_sum_ms": sums,
            "payments_attempted": attempted,
            "payments_succeeded": attempted - failed,
            "dwell_count": count,
            "dwell_sum": total,
            "dwell_sum_sq": squares,
        }
        running = {name: np.cumsum(values).tolist() for name, values in series.items()}
        return {
            **running,
            "latency_bucket": np.cumsum(buckets, axis=0).tolist(),
            "harm": errors + extra + slowed + attempted * lost + misrouted,
        }

    def _misrouted(self, requests: Numbers) -> Numbers:
        """Requests of the candidate that the declared split did not send there."""
        return requests * (1 - 1 / self.fault.split) if self.fault.split > 1 else np.zeros(self.t.size)

    def _clumps(self, requests: Numbers, rate: Numbers, *, clump: float | None = None) -> Numbers:
        """Errors that come in clumps of geometric size, never more than requests."""
        mean = self.world.clump if clump is None else clump
        events = self.rng.poisson(requests * np.clip(rate, 0, 1) / mean)
        more = np.where(events > 0, self.rng.negative_binomial(np.maximum(events, 1), 1 / mean), 0)
        return np.minimum(events + more, requests)

    def _latency(
        self, requests: Numbers, harmful: NDArray[np.bool_], *, is_candidate: bool
    ) -> tuple[Numbers, Numbers, Numbers]:
        """Cumulative buckets per scrape, sums, and requests slowed by the fault (over twice the edge of the slowest 5 %)."""
        level = np.log(self.median_ms) + self._wander(self.world.latency_sigma) + 0.05 * np.log(self.shock)
        if is_candidate:
            level = level + np.log(self.world.cold) * np.exp(-np.maximum(self.t, 0) / 60)
        edges = np.array([*EDGES_MS, np.inf])
        quantiles = (np.arange(_TAIL_GRID) + 0.5) / _TAIL_GRID
        normal = ndtri(quantiles)
        buckets = np.zeros((self.t.size, edges.size))
        sums, slowed = np.zeros(self.t.size), np.zeros(self.t.size)
        is_tail = quantiles > 1 - self.fault.tail_share
        for i, count in enumerate(requests.astype(int)):
            values = np.exp(level[i] + _LATENCY_SIGMA * normal)
            if harmful[i]:
                values = values * self.fault.slower * np.where(is_tail, self.fault.tail, 1.0)
                changed = max(self.fault.tail_share if self.fault.tail > 1 else 0.0, self.fault.slower - 1)
                slowed[i] = count * changed
            share = np.searchsorted(np.sort(values), edges, side="right") / _TAIL_GRID
            drawn = self.rng.multinomial(count, np.diff(share, prepend=0.0))
            buckets[i] = np.cumsum(drawn)
            sums[i] = count * values.mean() + np.sqrt(count) * values.std() * self.rng.normal()
        return buckets, np.maximum(sums, 0.0), slowed

    def _dwell(self, requests: Numbers, harmful: NDArray[np.bool_]) -> tuple[Numbers, Numbers, Numbers]:
        count = self.rng.binomial(requests.astype(int), 0.3).astype(float)
        mean = 40.0 * np.exp(self._wander(0.01)) * np.where(harmful, self.fault.dwell, 1.0)
        shape = 1 / _DWELL_CV2
        total = np.where(count > 0, self.rng.gamma(np.maximum(count, 1) * shape, mean / shape), 0.0)
        return count, total, count * (mean**2) * (1 + _DWELL_CV2)
