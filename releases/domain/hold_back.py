"""Which new plans keep a part of the traffic on the stable version until the promotion, without being asked.

At 100 % there is nobody to compare with. ``Plan.carried_out`` says what a hold-back does; here is who gets one by default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from releases.domain.plan import Strategy

HOLD_BACK = 5
"""Percent."""


def with_hold_back(
    evidence: Mapping[str, Any] | None, *, strategy: str, weights: Sequence[object]
) -> Mapping[str, Any] | None:
    """Return the evidence policy of a new plan, with a hold-back where it asks for the gate and does not say.

    A plan that says nothing about evidence is carried out as it is written: its weights are what its author counts on.
    """
    if not evidence or evidence.get("policy") != "gate" or "hold_back" in evidence:
        return evidence
    if strategy != Strategy.CANARY or len(weights) < 2 or weights[-1] != 100:
        return evidence
    before = weights[-2]
    if not isinstance(before, int) or not 0 < before <= 100 - HOLD_BACK:
        return evidence
    return {**evidence, "hold_back": HOLD_BACK}
