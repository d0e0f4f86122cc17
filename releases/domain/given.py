"""Reading the parts of a plan as they were given: known names, whole numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from istio.sentence import Sentence
from releases.domain.errors import BadPlan


def known(given: Mapping[str, Any], *, names: Sequence[str], where: str) -> dict[str, Any]:
    """Return the object as a dictionary with nothing in it but these names. Raises BadPlan naming the place."""
    if not isinstance(given, Mapping):
        raise BadPlan(
            Sentence("{where} is an object, not {kind}.", where=where, kind=type(given).__name__), field=where
        )
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise BadPlan(
            Sentence(
                "{where} does not know {unknown}; it knows {known}.",
                where=where,
                unknown=", ".join(map(str, unknown)),
                known=", ".join(names),
            ),
            field=where,
        )
    return dict(given)


def is_whole(value: object) -> TypeGuard[int]:
    """Whether it is an integer, which in JSON true and false are not."""
    return isinstance(value, int) and not isinstance(value, bool)
