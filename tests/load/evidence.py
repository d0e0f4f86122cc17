"""The judge at length, on simulated releases: ``python -m tests.load.evidence [SEEDS]`` prints ratios, not seconds.

False rollbacks and promotions per kind of service, harm per kind of fault (requests failed or slowed until one scrape after the
rollback, per 100 requests/s, services of at least 50 requests/s), and the edge of the tolerance for clumps and shared fate.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from dataclasses import dataclass
from statistics import mean

from releases.domain.evidence.replay import Replayed, replay
from tests.domain.evidence.test_false_alarms import at_the_edge
from tests.simulated import FAULTS, HEALTHY, WORLDS, Fault, Trace, World, simulate

RATES = (10.0, 50.0, 200.0, 1000.0)
BRISK_RPS = 50.0
EDGE_RUNS = 100


@dataclass(frozen=True, slots=True)
class Ended:
    """One simulated release and what became of it."""

    rps: float
    decision: str
    harm: float


def main(seeds: int) -> None:
    """Print the three tables, each row as soon as it is known."""
    print("| service | healthy | false rollbacks % | promoted over 50 rps % |\n|---|---|---|---|")
    for place, world in enumerate(WORLDS):
        # Healthy releases are what false alarms are counted on: three times as many.
        rows = [_ended(world, HEALTHY, rps, seed=100 * place + n) for rps in RATES for n in range(3 * seeds)]
        brisk = [row for row in rows if row.rps >= BRISK_RPS]
        _say(
            f"| {world.name} | {len(rows)} | {_percent(rows, 'rollback'):.1f} | {_percent(brisk, 'promote'):.1f} |"
        )
    print("\n| fault | releases | rolled back % | promoted % | harm |\n|---|---|---|---|---|")
    for fault in FAULTS:
        rows = [
            _ended(world, fault, rps, seed=100 * place + n)
            for place, world in enumerate(WORLDS)
            for rps in RATES
            if rps >= BRISK_RPS
            for n in range(seeds)
        ]
        back, on = _percent(rows, "rollback"), _percent(rows, "promote")
        _say(f"| {fault.name} | {len(rows)} | {back:.0f} | {on:.0f} | {mean(row.harm for row in rows):.1f} |")
    print("\n| clump | psi | errors per scrape | at 20 % of the traffic | at 50 % |\n|---|---|---|---|---|")
    for clump, psi in ((1.0, 0.0), (1.0, 0.1), (1.0, 0.3), (3.0, 0.0), (10.0, 0.0), (20.0, 0.0), (50.0, 0.0)):
        for per_scrape in (0.5, 5.0, 50.0):
            at_fifth, at_half = (
                _alarms(EDGE_RUNS * seeds, clump=clump, psi=psi, per_scrape=per_scrape, share=share)
                for share in (0.2, 0.5)
            )
            _say(f"| {clump:g} | {psi:g} | {per_scrape:g} | {at_fifth:.1f} | {at_half:.1f} |")


def _alarms(runs: int, *, clump: float, psi: float, per_scrape: float, share: float) -> float:
    """Return the percent of releases at the very edge of the tolerance that errors roll back; 1 is promised."""
    found = (at_the_edge(n, clump=clump, psi=psi, per_scrape=per_scrape, share=share) for n in range(runs))
    return 100 * sum(found) / runs


def _ended(world: World, fault: Fault, rps: float, *, seed: int) -> Ended:
    trace = simulate(world, fault, rps=rps, seed=10_000 + seed)
    found = replay(trace)
    return Ended(rps, found.decision, _harm(trace, found))


def _say(row: str) -> None:
    print(row, flush=True)


def _harm(trace: Trace, found: Replayed) -> float:
    last = len(trace["t"]) - 1
    at = last
    if found.decision == "rollback" and found.t is not None:
        at = min(bisect_left(trace["t"], found.t) + 1, last)
    return float(trace["truth"]["harm_cum"][at] * 100 / trace["truth"]["rate_rps"])


def _percent(rows: list[Ended], decision: str) -> float:
    return 100 * mean(row.decision == decision for row in rows)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
