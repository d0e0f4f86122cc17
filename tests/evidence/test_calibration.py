"""A service's own noise is learnt from releases that ended well, and never makes the judge stricter than the default."""

from __future__ import annotations

from releases.domain.evidence.settings import ERRORS
from releases.domain.states import State
from releases.models import Calibration
from tests.evidence.conftest import Begin


def test_a_release_that_ended_well_teaches_and_a_rolled_back_one_does_not(begin: Begin) -> None:
    story = begin()
    story.run()
    assert story.rollout.state == State.COMPLETED

    row = Calibration.objects.get(service=story.service, metric="errors")

    assert row.releases == 1
    assert list(row.sums) == ["15"]
    assert row.psi >= ERRORS.psi


def test_a_rolled_back_release_teaches_nothing(begin: Begin) -> None:
    story = begin()
    story.run(until=lambda story: story.weight == 10)
    story.behave("v2", error_ratio=0.3)
    story.run()

    assert story.rollout.state == State.ROLLED_BACK
    assert not Calibration.objects.exists()
