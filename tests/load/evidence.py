"""The judge at length, on simulated releases: ``python -m tests.load.evidence [SEEDS]`` prints ratios, not seconds.

False rollbacks and promotions per kind of service, harm per kind of fault (requests failed or slowed until one scrape after the
rollback, per 100 requests/s, services of at least 50 requests/s), and the edge of the tolerance for clumps and shared fate.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import mean

from releases.domain.evidence.replay import Replayed, replay
from tests.domain.evidence.test_false_alarms import at_the_edge
from tests.simulated import FAULTS, HEALTHY, WORLDS, Fault, Trace, World, simulate

RATES = (10.0, 50.0, 200.0, 1000.0)
BRISK_RPS = 50.0
EDGE_RUNS = 300


@dataclass(frozen=True, slots=True)
class Ended:
    """One simulated release and what became of it."""

    world: World
    fault: Fault
    rps: float
    decision: str
    harm: float


def main(seeds: int) -> None:
    """Print the three tables."""
    ended = list(_play(seeds))
    print("| service | healthy | false rollbacks % | promoted over 50 rps % |\n|---|---|---|---|")
    for name, rows in _by([e for e in ended if e.fault.is_harmless], of_world=True).items():
        brisk = [row for row in rows if row.rps >= BRISK_RPS]
        print(
            f"| {name} | {len(rows)} | {_percent(rows, 'rollback'):.1f} | {_percent(brisk, 'promote'):.1f} |"
        )
    print("\n| fault | releases | rolled back % | promoted % | harm |\n|---|---|---|---|---|")
    for name, rows in _by([e for e in ended if not e.fault.is_harmless], of_world=False).items():
        brisk = [row for row in rows if row.rps >= BRISK_RPS]
        harm = mean(row.harm for row in brisk)
        print(
            f"| {name} | {len(brisk)} | {_percent(brisk, 'rollback'):.0f} | {_percent(brisk, 'promote'):.0f} | {harm:.1f} |"
        )
    print("\n| clump | psi | errors per scrape | alarms at the edge % (promised: 1) |\n|---|---|---|---|")
    for clump, psi in ((1.0, 0.0), (1.0, 0.1), (1.0, 0.3), (3.0, 0.0), (10.0, 0.0)):
        for per_scrape in (0.5, 5.0, 50.0):
            alarms = sum(
                at_the_edge(seed, clump=clump, psi=psi, per_scrape=per_scrape) for seed in range(EDGE_RUNS)
            )
            print(f"| {clump:g} | {psi:g} | {per_scrape:g} | {100 * alarms / EDGE_RUNS:.1f} |", flush=True)


def _play(seeds: int) -> Iterator[Ended]:
    for fault in (HEALTHY, *FAULTS):
        for place, world in enumerate(WORLDS):
            for rps in RATES:
                # Healthy releases are what false alarms are counted on: three times as many.
                for seed in range(seeds * 3 if fault.is_harmless else seeds):
                    trace = simulate(world, fault, rps=rps, seed=10_000 + 100 * place + seed)
                    found = replay(trace)
                    yield Ended(world, fault, rps, found.decision, _harm(trace, found))
        print(f"{fault.name} played", file=sys.stderr, flush=True)


def _harm(trace: Trace, found: Replayed) -> float:
    last = len(trace["t"]) - 1
    at = last
    if found.decision == "rollback" and found.t is not None:
        at = min(bisect_left(trace["t"], found.t) + 1, last)
    return float(trace["truth"]["harm_cum"][at] * 100 / trace["truth"]["rate_rps"])


def _by(ended: list[Ended], *, of_world: bool) -> dict[str, list[Ended]]:
    rows: dict[str, list[Ended]] = defaultdict(list)
    for one in ended:
        rows[one.world.name if of_world else one.fault.name].append(one)
    return rows


def _percent(rows: list[Ended], decision: str) -> float:
    return 100 * mean(row.decision == decision for row in rows)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4)
