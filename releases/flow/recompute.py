"""Saying a stored verdict again from its stored numbers: the nearest memory of the judge, and the snapshots since."""

from __future__ import annotations

from typing import Any

from releases.domain.fingerprint import digest
from releases.flow.judging import observe
from releases.flow.measured import as_measured
from releases.models import JudgeMemory, Verdict


def recomputed(verdict: Verdict) -> dict[str, Any]:
    """Return the numbers that the judge concludes today from what was stored then.

    Raises LookupError if the snapshots or the judge's memory it began with are not there any more.
    """
    earlier = Verdict.objects.filter(rollout=verdict.rollout_id, at__lte=verdict.at)
    first = earlier.exclude(state_before=None).order_by("-at").first()
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


def is_reproduced(verdict: Verdict) -> bool:
    """Say whether the judge, asked again, gives exactly the stored numbers, from a memory that it had come to."""
    return digest(recomputed(verdict)) == digest(verdict.numbers) and _is_remembered(verdict)


def _is_remembered(verdict: Verdict) -> bool:
    """Say whether the memory stored with a verdict follows from the one stored before it; the first follows from nothing."""
    earlier = Verdict.objects.filter(rollout=verdict.rollout_id, at__lt=verdict.at)
    first = earlier.exclude(state_before=None).order_by("-at").first()
    if verdict.state_before is None or first is None:
        return True
    memory = JudgeMemory(rollout=verdict.rollout, settings=first.settings, state=first.state_before)
    plan = verdict.rollout.plan_value
    for snapshot in as_measured(verdict.rollout, since=first.at, until=verdict.at):
        if snapshot.at < verdict.at:
            memory.state = observe(memory, snapshot, plan=plan).memory
    return digest(memory.state) == digest(verdict.state_before)
