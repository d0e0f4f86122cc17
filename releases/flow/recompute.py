"""Saying a stored verdict again from its stored numbers: the nearest memory of the judge, and the snapshots since."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from releases.domain.evidence import JUDGE_VERSION
from releases.domain.fingerprint import digest
from releases.flow.judging import observe
from releases.flow.measured import as_measured
from releases.models import JudgeMemory, Verdict


class Again(StrEnum):
    """What became of a stored verdict when the judge was asked again."""

    SAME = "same"
    EARLIER = "earlier"
    DIFFERENT = "different"


def said_again(verdict: Verdict) -> Again:
    """Ask the judge again: SAME if it gives exactly the stored numbers, from a memory that it had come to.

    EARLIER if not, and an earlier version of the judge had its part in them: it judged this verdict, or one of those that lead
    from the stored memory to it. DIFFERENT if the same judge says something else, or what it read is not stored any more.
    """
    since = _memory_before(verdict, at__lte=verdict.at)
    try:
        if digest(recomputed(verdict)) == digest(verdict.numbers):
            if _is_remembered(verdict):
                return Again.SAME
            since = _memory_before(verdict, at__lt=verdict.at)
    except (LookupError, TypeError, ValueError):
        # Nothing is stored that could be read, or it has the form that another version of the judge gave it.
        pass
    begun = since.at if since else verdict.at
    looks = Verdict.objects.filter(rollout=verdict.rollout_id, at__gte=begun, at__lte=verdict.at)
    return Again.EARLIER if looks.exclude(judge_version=JUDGE_VERSION).exists() else Again.DIFFERENT


def recomputed(verdict: Verdict) -> dict[str, Any]:
    """Return the numbers that the judge concludes today from what was stored then.

    Raises LookupError if the snapshots or the judge's memory it began with are not there any more.
    """
    first = _memory_before(verdict, at__lte=verdict.at)
    if first is None:
        raise LookupError(f"{verdict}: no memory of the judge is stored before {verdict.at}.")
    memory = JudgeMemory(rollout=verdict.rollout, settings=first.settings, state=first.state_before)
    numbers: dict[str, Any] = {}
    plan = verdict.rollout.plan_value
    for snapshot in as_measured(verdict.rollout, since=first.at, until=verdict.at):
        seen = observe(memory, snapshot, plan=plan)
        memory.state, numbers = seen.memory, seen.numbers
    if not numbers:
        raise LookupError(f"{verdict}: its snapshots are not stored any more.")
    return numbers


def _is_remembered(verdict: Verdict) -> bool:
    """Say whether the memory stored with a verdict follows from the one stored before it; the first follows from nothing."""
    first = _memory_before(verdict, at__lt=verdict.at)
    if verdict.state_before is None or first is None:
        return True
    memory = JudgeMemory(rollout=verdict.rollout, settings=first.settings, state=first.state_before)
    plan = verdict.rollout.plan_value
    for snapshot in as_measured(verdict.rollout, since=first.at, until=verdict.at):
        if snapshot.at < verdict.at:
            memory.state = observe(memory, snapshot, plan=plan).memory
    return digest(memory.state) == digest(verdict.state_before)


def _memory_before(verdict: Verdict, **until: datetime) -> Verdict | None:
    """Return the last verdict of the rollout that the judge's memory is stored with."""
    stored = Verdict.objects.filter(rollout=verdict.rollout_id, **until).exclude(state_before=None)
    return stored.order_by("-at").first()
