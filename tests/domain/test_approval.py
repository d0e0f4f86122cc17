"""Are the votes enough? One row, one sentence. No Django."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releases.domain.approval import Person, Signing, Terms, standing

SRE, OWNERS = 1, 2
ANN = Person(1, "an owner", frozenset({OWNERS}))
BOB = Person(2, "an engineer", frozenset({SRE}))
CAT = Person(3, "a colleague")
ALL = [ANN, BOB, CAT]


def terms(needed: int = 1, **others: object) -> Terms:
    return Terms("policy", 1, needed, **others)  # type: ignore[arg-type]  # a test names what it needs


@pytest.mark.parametrize(
    ("given_terms", "votes", "full"),
    [
        pytest.param([terms()], [], False, id="no vote is not enough"),
        pytest.param([terms()], [CAT], True, id="one of one is enough"),
        pytest.param([terms(2)], [CAT], False, id="one of two is not enough"),
        pytest.param([terms(2)], [CAT, CAT], False, id="one person twice is one"),
        pytest.param([terms(2)], [CAT, ANN], True, id="two people are two"),
        pytest.param([terms(required_groups={SRE: "SRE"})], [ANN], False, id="a required group is missing"),
        pytest.param(
            [terms(2, required_groups={SRE: "SRE", OWNERS: "owners"})],
            [ANN, BOB],
            True,
            id="one of each required group",
        ),
        pytest.param([terms(signers={SRE: "SRE"})], [ANN], False, id="who is no signer does not count"),
        pytest.param([terms(signers={SRE: "SRE"})], [BOB], True, id="a signer counts"),
        pytest.param([terms(signing=Signing.ALL)], [ANN, BOB], False, id="all must sign: one is missing"),
        pytest.param([terms(signing=Signing.ALL)], ALL, True, id="all signed"),
        pytest.param(
            [terms(signing=Signing.ALL, signers={SRE: "SRE"})], [BOB], True, id="all of the signers signed"
        ),
        pytest.param(
            [terms(signing=Signing.ALL, signers={9: "nobody"})], ALL, False, id="all of nobody is never full"
        ),
        pytest.param([terms(5, signing=Signing.ANY)], [CAT], True, id="any one signs"),
        pytest.param(
            [terms(1), terms(2)],
            [CAT],
            False,
            id="what was submitted under two needs two after it is loosened",
        ),
        pytest.param([terms(2), terms(1)], [CAT], False, id="a policy made stricter binds at once"),
    ],
)
def test_votes_are_enough(given_terms: list[Terms], votes: list[Person], full: bool) -> None:
    found = standing(given_terms, votes=votes, electorate=ALL)
    assert found.full is full, found.missing


def test_what_is_missing_is_named() -> None:
    found = standing([terms(2, required_groups={SRE: "SRE"})], votes=[ANN], electorate=ALL)
    assert (found.count, found.needed, found.missing) == (1, 2, ("SRE", "1"))


groups = st.dictionaries(st.integers(1, 3), st.sampled_from(["SRE", "owners", "security"]), max_size=2)
some_terms = st.builds(
    Terms,
    name=st.just("policy"),
    number=st.integers(1, 9),
    approvals_needed=st.integers(1, 4),
    signing=st.sampled_from(Signing),
    required_groups=groups,
    signers=groups,
    guard_allowed=st.booleans(),
)


@given(then=some_terms, now=some_terms, votes=st.lists(st.sampled_from(ALL)))
def test_a_policy_that_is_loosened_frees_nothing(then: Terms, now: Terms, votes: list[Person]) -> None:
    if standing([now, then], votes=votes, electorate=ALL).full:
        assert standing([then], votes=votes, electorate=ALL).full
        assert standing([now], votes=votes, electorate=ALL).full


@given(one=some_terms)
def test_terms_read_back_are_the_same(one: Terms) -> None:
    assert Terms.from_json(one.as_json()) == one
