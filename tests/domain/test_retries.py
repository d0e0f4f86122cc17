"""When a worker tries again what the outside did not do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from releases.domain.retries import JITTER, pause_before_retry


@given(st.integers(1, 10_000))
def test_the_pause_is_doubled_up_to_a_bound_and_never_the_same_for_all(tries: int) -> None:
    expected = min(2 * 2 ** min(tries - 1, 10), 30)
    assert (1 - JITTER) * expected <= pause_before_retry(tries) <= (1 + JITTER) * expected


@given(st.integers(1, 10_000))
def test_a_rollback_is_tried_often_however_long_it_fails(tries: int) -> None:
    assert pause_before_retry(tries, urgent=True) <= 4 * (1 + JITTER)


@given(st.integers(1, 5), st.floats(0, 60))
def test_it_is_never_sooner_than_the_other_side_asked(tries: int, asked: float) -> None:
    assert pause_before_retry(tries, asked=asked) >= asked


def test_nobody_is_kept_away_for_longer_than_a_minute() -> None:
    assert pause_before_retry(1, asked=86_400.0) == 60.0


def test_workers_that_failed_together_do_not_come_back_together() -> None:
    assert len({pause_before_retry(3) for _ in range(20)}) > 1
