"""Kinds of services a release may meet. Each is a range of habits; a seed picks one service from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class World:
    """Habits of a service. ``clump`` is the mean number of errors that come together; ``pod_sigma`` the log spread of a
    version's error rate from scrape to scrape (few pods); ``shocks`` how many brown-outs hit both versions in an hour and
    ``shock_factor`` by how much errors rise in one; ``cold`` how much slower the first requests of the candidate are;
    ``sticky`` the log spread of the split because users, not requests, are routed.
    """

    name: str
    clump: float = 1.3
    pod_sigma: float = 0.20
    latency_sigma: float = 0.03
    shocks: float = 1.0
    shock_factor: float = 4.0
    drift: float = 0.3
    cold: float = 1.5
    sticky: float = 0.05


WORLDS: tuple[World, ...] = (
    World("calm", clump=1.0, pod_sigma=0.05, shocks=0.2, sticky=0.02, cold=1.2),
    World("usual"),
    World("clumped", clump=6.0),
    World("shocked", shocks=6.0, shock_factor=30.0),
    World("drifting", drift=0.9, shocks=0.5),
    World("few_pods", pod_sigma=0.30, latency_sigma=0.05, sticky=0.12),
    World("cold", cold=3.5),
)
