"""Are the votes enough? Pure: policies, voters and people as values.

What was submitted under one policy is held to that one and to the one in force now, both: loosening a policy frees nothing
that waits, tightening it binds at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Signing(StrEnum):
    """How many of the signers: as many as needed, every one (会签), any one (或签)."""

    QUORUM = "quorum"
    ALL = "all"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Terms:
    """A policy at one moment. Groups are ids with the names they had; no signers means every approver."""

    name: str
    number: int
    approvals_needed: int = 1
    signing: Signing = Signing.QUORUM
    required_groups: Mapping[int, str] | None = None
    signers: Mapping[int, str] | None = None
    guard_allowed: bool = False
    token_approval_allowed: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "number": self.number,
            "approvals_needed": self.approvals_needed,
            "signing": self.signing.value,
            "required_groups": {str(key): name for key, name in sorted((self.required_groups or {}).items())},
            "signers": {str(key): name for key, name in sorted((self.signers or {}).items())},
            "guard_allowed": self.guard_allowed,
            "token_approval_allowed": self.token_approval_allowed,
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Terms:
        groups = {
            name: {int(key): said for key, said in given[name].items()}
            for name in ("required_groups", "signers")
        }
        return cls(**{**given, **groups, "signing": Signing(given["signing"])})


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may decide: whose decisions they are, and the groups they are in."""

    key: int
    name: str
    groups: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Standing:
    """How the votes stand. ``missing`` names what is still needed: groups, people, or a number of approvers."""

    count: int
    needed: int
    missing: tuple[str, ...] = ()

    @property
    def full(self) -> bool:
        return not self.missing


def standing(terms: Sequence[Terms], *, votes: Sequence[Person], electorate: Sequence[Person]) -> Standing:
    """Say how the votes stand under every one of the terms.

    ``votes`` are those that count, ``electorate`` everybody who may decide; a person counts once however they signed.
    """
    people = {vote.key: vote for vote in votes}
    found = [_under(one, people=list(people.values()), electorate=electorate) for one in terms]
    return Standing(
        count=len(people),
        needed=max(one.needed for one in found),
        missing=tuple(dict.fromkeys(name for one in found for name in one.missing)),
    )


def _under(terms: Terms, *, people: Sequence[Person], electorate: Sequence[Person]) -> Standing:
    signed = _signers(terms, people)
    missing = [
        name
        for group, name in (terms.required_groups or {}).items()
        if not any(group in person.groups for person in people)
    ]
    if terms.signing is Signing.ALL:
        everyone = _signers(terms, electorate)
        keys = {person.key for person in signed}
        absent = [person.name for person in everyone if person.key not in keys]
        if not everyone:
            absent = [", ".join((terms.signers or {}).values()) or terms.name]
        return Standing(len(signed), max(len(everyone), 1), tuple(missing + absent))
    needed = 1 if terms.signing is Signing.ANY else terms.approvals_needed
    if len(signed) < needed:
        missing.append(f"{needed - len(signed)}")
    return Standing(len(signed), needed, tuple(missing))


def _signers(terms: Terms, people: Sequence[Person]) -> list[Person]:
    return [person for person in people if not terms.signers or person.groups & set(terms.signers)]
