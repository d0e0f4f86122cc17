"""Sticky users, by counting: exact for decimal ids, nearest 1/256 for hexadecimal ones, and never a swap."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from istio.regex import MAX_PROGRAM_SIZE, full_match, program_size
from istio.spec import Ids, Sticky


def chosen(sticky: Sticky, ids: list[str]) -> set[str]:
    pattern = sticky.pattern()
    return {one for one in ids if pattern is not None and full_match(pattern, one)}


@pytest.mark.parametrize("offset", [0, 7, 37, 99, 255])
@pytest.mark.parametrize("percent", [0, 1, 5, 20, 50, 99, 100])
def test_of_a_thousand_numbered_users_exactly_the_percent_goes(percent: int, offset: int) -> None:
    sticky = Sticky("x-user-id", percent, offset=offset)
    found = chosen(sticky, [str(number) for number in range(1000)])
    assert len(found) == percent * 10
    assert {int(one) % 100 for one in found} == sticky.chosen_endings
    assert sticky.exact_percent == percent


@pytest.mark.parametrize("offset", [0, 7, 200])
@pytest.mark.parametrize(
    ("percent", "endings"), [(0, 0), (1, 3), (5, 13), (20, 51), (50, 128), (99, 253), (100, 256)]
)
def test_of_hexadecimal_ids_the_nearest_256th_goes(percent: int, endings: int, offset: int) -> None:
    sticky = Sticky("x-user-id", percent, offset=offset, ids="hex")
    found = chosen(sticky, [f"{number:x}" for number in range(2560)])
    assert len(found) == endings * 10
    assert chosen(sticky, [one.upper() for one in found]) == {one.upper() for one in found}
    assert sticky.exact_percent == endings * 100 / 256


@given(
    st.sampled_from(["decimal", "hex"]),
    st.integers(0, 255),
    st.integers(0, 100),
    st.integers(0, 100),
    st.lists(
        st.one_of(st.integers(0).map(str), st.uuids().map(UUID.__str__), st.text(max_size=6)), max_size=20
    ),
)
def test_raising_the_percent_only_adds_users(
    ids: Ids, offset: int, one: int, other: int, users: list[str]
) -> None:
    low, high = sorted((one, other))
    few = chosen(Sticky("x-user-id", low, offset=offset, ids=ids), users)
    many = chosen(Sticky("x-user-id", high, offset=offset, ids=ids), users)
    assert few <= many


@pytest.mark.parametrize(
    ("user", "goes"),
    [
        ("7", True),
        ("07", True),
        ("107", True),
        ("17", False),
        ("user-7", True),
        ("user-17", False),
        ("7x", False),
        ("", False),
        ("十7", True),
    ],
)
def test_a_single_digit_counts_as_if_a_0_stood_before_it(user: str, goes: bool) -> None:
    pattern = Sticky("x-user-id", 1, offset=7).pattern()
    assert pattern is not None
    assert full_match(pattern, user) is goes


def test_no_percent_is_no_pattern() -> None:
    assert Sticky("x-user-id", 0).pattern() is None


@pytest.mark.parametrize("ids", ["decimal", "hex"])
def test_every_pattern_stays_below_envoys_default_limit(ids: Ids) -> None:
    for percent in range(1, 101):
        for offset in range(0, 256, 5):
            pattern = Sticky("x-user-id", percent, offset=offset, ids=ids).pattern()
            assert pattern is not None
            assert program_size(pattern) <= MAX_PROGRAM_SIZE
