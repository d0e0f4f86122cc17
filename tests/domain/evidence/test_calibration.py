"""psi is learned from releases that ended well, and what was put in is found again."""

from __future__ import annotations

import json

import numpy as np
import pytest

from releases.domain.evidence import PlannedStep, Settings
from releases.domain.evidence.calibration import Noise, noise_of, noise_of_pairs
from releases.domain.evidence.counting import Pair
from releases.domain.evidence.replay import looks_of
from tests.simulated import HEALTHY, WORLDS, simulate


def release(psi: float, *, seed: int, keep: float = 0.0, scrapes: int = 160) -> list[Pair]:
    """Half the traffic each, 40 errors per scrape in all, and a log-normal fate of the candidate with variance psi."""
    rng, pairs, fate = np.random.default_rng(seed), [], 0.0
    for _ in range(scrapes):
        fate = keep * fate + rng.normal() * np.sqrt(psi * (1 - keep * keep))
        pairs.append(Pair(float(rng.poisson(20 * np.exp(fate - psi / 2))), 500, float(rng.poisson(20)), 500))
    return pairs


def learned(psi: float, *, keep: float = 0.0, releases: int = 24) -> Noise:
    noise = Noise()
    for seed in range(releases):
        noise = noise.plus(noise_of_pairs(release(psi, seed=seed, keep=keep)))
    return noise


@pytest.mark.parametrize("psi", [0.05, 0.1, 0.2])
def test_the_noise_that_was_put_in_is_found(psi: float) -> None:
    noise = learned(psi)
    assert noise.releases == 24
    assert noise.psi(phi=1.0, default=0.0) == pytest.approx(psi, rel=0.35)


def test_a_quiet_service_keeps_the_default() -> None:
    assert learned(0.0).psi(phi=1.0, default=0.1) == 0.1
    assert Noise().psi(phi=1.0, default=0.1) == 0.1


def test_noise_with_memory_counts_for_more() -> None:
    """The evidence adds up scrape by scrape as if they were strangers; where they are not, psi has to make up for it."""
    assert learned(0.1, keep=0.8).psi(phi=1.0, default=0.0) > 2 * learned(0.1).psi(phi=1.0, default=0.0)


def test_what_is_stored_is_read_back() -> None:
    noise = learned(0.1, releases=2)
    assert Noise.from_json(json.loads(json.dumps(noise.as_json()))) == noise
    assert Noise.from_json({}) == Noise()


def test_a_whole_release_teaches_every_metric_that_counted() -> None:
    trace = simulate(WORLDS[1], HEALTHY, rps=1000, seed=3)
    steps = [PlannedStep(100 * share, seconds) for share, seconds in trace["plan"]]

    noise = noise_of([look for _t, look in looks_of(trace)], steps=steps, settings=Settings())

    assert set(noise) == {"errors", "payments", "slow", "sample_ratio"}
    assert all(0 <= known.psi(phi=2.0, default=0.0) < 1 for known in noise.values())
