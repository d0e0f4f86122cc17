"""Wall-clock times: the hour that does not exist is refused, the one that exists twice is asked about."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from releases.domain import BadPlan
from releases.domain.calendar import instant_of, zone_of

NEW_YORK = "America/New_York"
wall = datetime.fromisoformat


def test_a_local_time_means_one_instant() -> None:
    assert instant_of(wall("2026-11-11T00:00"), zone="Asia/Shanghai") == datetime(
        2026, 11, 10, 16, tzinfo=UTC
    )


def test_a_time_in_the_gap_is_refused() -> None:
    with pytest.raises(BadPlan, match="does not exist in America/New_York"):
        instant_of(wall("2026-03-08T02:30"), zone=NEW_YORK, fold=0, field="starts_at")


def test_a_time_that_exists_twice_must_be_chosen() -> None:
    twice = wall("2026-11-01T01:30")
    with pytest.raises(BadPlan, match="exists twice") as refused:
        instant_of(twice, zone=NEW_YORK, field="starts_at")
    assert refused.value.field == "starts_at"
    earlier, later = (instant_of(twice, zone=NEW_YORK, fold=fold) for fold in (0, 1))
    assert (later - earlier).total_seconds() == 3600


@pytest.mark.parametrize("name", ["Mars/Base", "", "/etc/passwd", "../UTC", "Asia"])
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(BadPlan, match="no time zone"):
        zone_of(name)
