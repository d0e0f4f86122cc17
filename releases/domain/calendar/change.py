"""Whether a change of a freeze leaves less of it: then, while it is active, it takes two people."""

from __future__ import annotations

from dataclasses import dataclass

from releases.domain.calendar.answer import Effect
from releases.domain.calendar.schedule import Schedule

_STRICTNESS = {Effect.FINISH_STEP: 0, Effect.HOLD: 1, Effect.ROLL_BACK: 2}


@dataclass(frozen=True, slots=True)
class FreezeTerms:
    """What of a freeze binds: when, where (None: everywhere), and what it does."""

    schedule: Schedule
    effect: Effect
    cluster: int | None = None
    service: int | None = None


def weakens(before: FreezeTerms, after: FreezeTerms) -> bool:
    """Say whether ``after`` binds anything less than ``before``. What can not be compared counts as less."""
    if _STRICTNESS[after.effect] < _STRICTNESS[before.effect]:
        return True
    wider = (after.cluster, after.service) in {(before.cluster, before.service), (None, None)}
    return not wider or _shortens(before.schedule, after.schedule)


def _shortens(before: Schedule, after: Schedule) -> bool:
    if before == after:
        return False
    if before.rule or after.rule or before.days is not after.days:
        return True
    ends_sooner = after.ends is not None and (before.ends is None or after.ends < before.ends)
    return ends_sooner or after.begins > before.begins
