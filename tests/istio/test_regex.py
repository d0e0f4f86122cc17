"""Regular expressions as Envoy runs them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from istio.regex import (
    BadRegex,
    alternations,
    character_class,
    check_regex,
    escaped,
    full_match,
    program_size,
)

VISIBLE = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FFF, exclude_categories=["Cs"]), min_size=1, max_size=8
)


def test_the_whole_text_must_match() -> None:
    assert full_match("a.c", "abc")
    assert not full_match("a.c", "xabc")
    assert not full_match("a.c", "abcx")


@pytest.mark.parametrize("pattern", ["(a", "(?=a)", "a**", r"\1", "[z-a]", "\ud800", "x{1001}"])
def test_what_re2_does_not_take_is_refused_with_a_reason(pattern: str) -> None:
    with pytest.raises(BadRegex) as refused:
        check_regex(pattern)
    assert str(refused.value)


def test_half_a_character_matches_nothing() -> None:
    assert not full_match(".*", "\ud800")


@given(VISIBLE, VISIBLE)
def test_an_escaped_text_matches_itself_alone(text: str, other: str) -> None:
    assert full_match(escaped(text), text)
    assert full_match(escaped(text), other) is (text == other)


@given(st.lists(VISIBLE, min_size=1, max_size=60, unique=True), VISIBLE)
def test_alternations_match_exactly_their_texts_within_the_limit(texts: list[str], other: str) -> None:
    patterns = alternations(tuple(texts))
    assert all(program_size(pattern) <= 100 for pattern in patterns)
    for text in [*texts, other]:
        assert any(full_match(pattern, text) for pattern in patterns) is (text in texts)


def test_alternations_are_few() -> None:
    patterns = alternations(tuple(str(1_000_000 + number) for number in range(1000)))
    assert len(patterns) < 60


def test_a_text_longer_than_the_limit_is_refused() -> None:
    with pytest.raises(BadRegex):
        alternations(("short", "x" * 200))


@pytest.mark.parametrize(
    ("characters", "pattern"),
    [("7", "7"), ("01", "[01]"), ("012", "[0-2]"), ("0379", "[0379]"), ("ABCabc", "[A-Ca-c]")],
)
def test_a_class_is_written_with_ranges(characters: str, pattern: str) -> None:
    assert character_class(characters) == pattern
