"""Differences, charts and strips as geometry: no database."""

from __future__ import annotations

import difflib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releases.admin.drawing.chart import draw_chart, nice_step
from releases.admin.drawing.difference import read_difference
from releases.admin.drawing.strip import Held, draw_strip, round_instants

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
lines = st.lists(st.text(alphabet="abc: -+", max_size=6), max_size=12)


def _difference(old: list[str], new: list[str]) -> str:
    return "\n".join(difflib.unified_diff(old, new, "before", "after", lineterm="", n=20))


@given(old=lines, new=lines)
def test_a_difference_says_both_texts_again(old: list[str], new: list[str]) -> None:
    if old == new:
        return
    read = read_difference(_difference(old, new)).lines
    assert [line.text for line in read if line.kind in {"same", "removed"}] == old
    assert [line.text for line in read if line.kind in {"same", "added"}] == new


def test_a_difference_numbers_the_lines_of_both_texts() -> None:
    read = read_difference(_difference(["a", "b", "c"], ["a", "x", "y", "c"]))
    numbered = [(line.glyph, line.old, line.new) for line in read.lines if line.kind != "place"]
    assert numbered == [("", 1, 1), ("−", 2, None), ("+", None, 2), ("+", None, 3), ("", 3, 4)]
    assert (read.added, read.removed) == (2, 1)


@given(old=lines, new=lines)
def test_side_by_side_loses_no_line(old: list[str], new: list[str]) -> None:
    if old == new:
        return
    pairs = read_difference(_difference(old, new)).pairs
    left = [pair.left.text for pair in pairs if pair.left and pair.left.kind != "place"]
    right = [pair.right.text for pair in pairs if pair.right and pair.right.kind != "place"]
    assert (left, right) == (old, new)


def test_changed_lines_stand_beside_each_other() -> None:
    pairs = read_difference(_difference(["weight: 100"], ["weight: 95", "weight: 5"])).pairs
    beside = [(pair.left and pair.left.text, pair.right and pair.right.text) for pair in pairs[1:]]
    assert beside == [("weight: 100", "weight: 95"), (None, "weight: 5")]


@given(peak=st.floats(min_value=1e-6, max_value=1e9))
def test_grid_lines_are_few_and_cover_the_peak(peak: float) -> None:
    step = nice_step(peak)
    assert peak / step * 1.000001 >= 1
    assert peak / step <= 3.000001


def test_a_chart_without_a_point_is_no_chart() -> None:
    assert draw_chart("p99", series={"v1": [], "v2": []}, unit="ms", digits=0, clock={}) is None


def test_a_chart_keeps_the_labels_of_close_lines_apart() -> None:
    series = {"v1": [(0.0, 40.0), (60.0, 41.0)], "v2": [(0.0, 40.0), (60.0, 40.9)]}
    chart = draw_chart("p99", series=series, unit="ms", digits=0, clock={})
    assert chart is not None
    first, second = chart.curves
    assert abs(first.label_y - second.label_y) >= 16
    assert chart.summary == "p99: v1 41 ms; v2 41 ms"


def test_a_chart_shows_the_threshold_inside_of_it() -> None:
    chart = draw_chart(
        "errors", series={"v1": [(0.0, 0.1)], "v2": []}, unit="%", digits=2, clock={}, threshold=(5.0, "edge")
    )
    assert chart is not None
    assert chart.threshold is not None
    assert 0 <= chart.threshold.at <= chart.height


@given(
    starts=st.lists(st.integers(min_value=-100_000, max_value=100_000), min_size=1, max_size=6),
    bake=st.integers(min_value=1, max_value=1_000_000),
)
def test_a_strip_stays_inside_of_its_box(starts: list[int], bake: int) -> None:
    steps = [
        Held(
            weight=5,
            begins=NOON + timedelta(seconds=s),
            ends=NOON + timedelta(seconds=s + bake),
            css="next",
            label="",
        )
        for s in sorted(starts)
    ]
    strip = draw_strip(steps, now=NOON)
    assert strip is not None
    assert all(0 <= bar.x <= 100 and bar.width > 0 and bar.x + bar.width <= 101 for bar in strip.bars)
    for bar in strip.bars:
        beside = {"before": bar.x, "inside": bar.width, "after": 100 - bar.x - bar.width}
        assert beside[bar.label_at] >= 25
    assert strip.now_x is not None
    assert 0 <= strip.now_x <= 100


@pytest.mark.parametrize(
    "length", [timedelta(seconds=20), timedelta(hours=3), timedelta(days=4), timedelta(days=400)]
)
def test_round_times_are_few_and_inside(length: timedelta) -> None:
    found = round_instants(NOON, length=length)
    assert 1 <= len(found) <= 9
    assert all(NOON <= at <= NOON + length for at in found)
