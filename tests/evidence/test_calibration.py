"""A service's own noise is learnt from releases that ended well, and never makes the judge stricter than the default."""

from __future__ import annotations

import numpy as np
import pytest

from releases.domain.evidence.calibration import PairOf, Sums, calibrated_psi, with_release
from releases.domain.evidence.settings import ERRORS
from releases.domain.states import State
from releases.models import Calibration
from tests.evidence.conftest import Begin


def release(rng: np.random.Generator, *, noise: float, scrapes: int = 200) -> list[PairOf]:
    """Two equally good versions whose rates are apart by a lasting factor, as those of few pods are."""
    factor = float(np.exp(rng.normal(0, noise)))
    mine = rng.poisson(15.0 * factor, scrapes)
    beside = rng.poisson(15.0, scrapes)
    return [PairOf(float(x), 1500.0, float(y), 1500.0) for x, y in zip(mine, beside, strict=True)]


def learnt(*, noise: float, releases: int = 24, seconds: float = 15.0, seed: int = 5) -> float:
    rng, sums = np.random.default_rng(seed), Sums()
    for _ in range(releases):
        sums = with_release(sums, release(rng, noise=noise), phi=1.0, seconds=seconds)
    return calibrated_psi(sums, default=ERRORS.psi)


def test_quiet_services_keep_the_default() -> None:
    assert learnt(noise=0.0) == ERRORS.psi


def test_noisy_services_get_a_larger_psi_and_noisier_ones_a_larger_still() -> None:
    some, much = learnt(noise=0.05), learnt(noise=0.2)

    assert ERRORS.psi < some < much
    # A lasting factor with variance v over n scrapes is worth v n per scrape: 0.04 * 200 = 8.
    assert much == pytest.approx(8, rel=0.5)


def test_one_release_says_less_than_many() -> None:
    assert learnt(noise=0.2, releases=1, seed=6) < learnt(noise=0.2, releases=24)


def test_nothing_learnt_is_the_default() -> None:
    assert calibrated_psi(Sums(), default=0.1) == 0.1


def test_a_release_that_ended_well_teaches_and_a_rolled_back_one_does_not(begin: Begin) -> None:
    story = begin()
    story.run()
    assert story.rollout.state == State.COMPLETED

    row = Calibration.objects.get(service=story.service, metric="errors")

    assert row.releases == 1
    assert row.psi >= ERRORS.psi


def test_a_rolled_back_release_teaches_nothing(begin: Begin) -> None:
    story = begin()
    story.run(until=lambda story: story.weight == 10)
    story.behave("v2", error_ratio=0.3)
    story.run()

    assert story.rollout.state == State.ROLLED_BACK
    assert not Calibration.objects.exists()
