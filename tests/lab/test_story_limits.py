"""Where the story says no, without a lab: too late, or not measured."""

from __future__ import annotations

import pytest

from deploy.lab.story.api import StoryError
from deploy.lab.story.bad import check_in_time
from deploy.lab.story.good import check_all_measured


def test_weight_zero_within_thirty_seconds_of_the_fault_is_in_time() -> None:
    check_in_time(30.0)


def test_weight_zero_later_than_thirty_seconds_after_the_fault_fails_the_story() -> None:
    with pytest.raises(StoryError, match=r"30\.1 s after the fault; 30 s are allowed"):
        check_in_time(30.1)


def test_every_planned_weight_was_measured() -> None:
    check_all_measured([0, 5, 20, 100], measured={5.0, 20.0, 100.0})


def test_a_planned_weight_that_nobody_could_measure_fails_the_story() -> None:
    with pytest.raises(StoryError, match=r"^Nothing was measured at 5 %, 50 %:"):
        check_all_measured([5, 20, 50, 100], measured={20.0, 100.0})
