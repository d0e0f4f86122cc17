"""One look at a rollout: a snapshot of both versions, a verdict, and whether the mesh is still what was written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.db import transaction

from istio.telemetry import Counts, Missing, Reading, TelemetryError
from releases.domain.evidence import JUDGE_VERSION
from releases.domain.evidence.scrape import counts_as_json
from releases.domain.fingerprint import digest
from releases.flow.judging import RULE, Observed, effective_weight, memory_of, observe
from releases.flow.look import look_at_mesh
from releases.flow.measured_windows import due_ends, measured, questions_of, stored_queries
from releases.flow.move import change
from releases.models import JudgeMemory, MetricSnapshot, Rollout, StepRun, Verdict
from services.connections import telemetry_of

LOOKS_BETWEEN_STATES = 20
"""The judge's memory is stored with every so many verdicts, and with each that says something else than the one before or
is the first by another version of the judge."""
_SHOWN_SNAPSHOTS = 60


def measure(rollout: Rollout, *, now: datetime) -> None:
    """Store a snapshot and a verdict per window that is over, and note drift and a changed image on the row.

    A Prometheus that does not answer is a verdict too: no data. Raises MeshError when the mesh did not answer, LostRace when
    the row changed meanwhile.
    """
    runs = list(rollout.step_runs.exclude(started_at=None).order_by("position"))
    if not runs or runs[0].started_at is None:
        return
    begun = runs[0].started_at
    memory = memory_of(rollout, begun=begun)
    seconds = rollout.plan_value.evidence.interval_seconds
    last = rollout.snapshots.order_by("-at").values_list("at", flat=True).first()
    due = due_ends(after=last or begun, now=now, seconds=seconds)
    ends = [end for end in due if not _split_unknown(runs, end=end)]
    for snapshot in _snapshots(rollout, runs=runs, ends=ends, seconds=seconds):
        seen = observe(memory, snapshot, plan=rollout.plan_value)
        _keep(rollout, snapshot, memory=memory, seen=seen)
    _note_split(rollout, run=runs[-1])
    found = look_at_mesh(rollout, now=now)
    fresh = {name: value for name, value in found.items() if getattr(rollout, name) != value}
    if fresh:
        change(rollout, event=None, **fresh)


def _split_unknown(runs: list[StepRun], *, end: datetime) -> bool:
    """Say whether a window ended between the intent to write a weight and the moment the write was known to have landed.

    That takes long when a worker ended in between: by which weight its requests were split nobody can say.
    """
    return any(run.desired_at and run.started_at and run.desired_at < end <= run.started_at for run in runs)


def _snapshots(
    rollout: Rollout, *, runs: list[StepRun], ends: list[datetime], seconds: int
) -> Iterator[MetricSnapshot]:
    """Yield what was measured in each window, oldest first, not yet stored."""
    if len(ends) > 1:
        yield from _past(rollout, runs=runs, ends=ends[:-1], seconds=seconds)
    if ends:
        yield _present(rollout, runs=runs, end=ends[-1], seconds=seconds)


def _present(rollout: Rollout, *, runs: list[StepRun], end: datetime, seconds: int) -> MetricSnapshot:
    snapshot = _blank(rollout, runs=runs, end=end, seconds=seconds)
    try:
        seen = measured(rollout.service, end=end, seconds=seconds)
    except TelemetryError:
        snapshot.problem = Missing.UNREACHABLE
        return snapshot
    snapshot.asked_id = seen.asked
    return _filled(snapshot, stable=seen.of(rollout.stable.name), candidate=seen.of(rollout.candidate.name))


def _past(
    rollout: Rollout, *, runs: list[StepRun], ends: list[datetime], seconds: int
) -> Iterator[MetricSnapshot]:
    """Read the windows that nobody looked at while Weir was away, in one go."""
    try:
        history = telemetry_of(rollout.service.cluster).history(
            rollout.service.target,
            start=ends[0] - timedelta(seconds=seconds),
            end=ends[-1],
            step_seconds=seconds,
            questions=questions_of(rollout.service),
        )
    except TelemetryError:
        return
    asked = stored_queries(history.queries)
    for end in ends:
        snapshot = _blank(rollout, runs=runs, end=end, seconds=seconds)
        snapshot.asked = asked
        yield _filled(
            snapshot,
            stable=history.of(end.timestamp(), version=rollout.stable.name),
            candidate=history.of(end.timestamp(), version=rollout.candidate.name),
        )


def _blank(rollout: Rollout, *, runs: list[StepRun], end: datetime, seconds: int) -> MetricSnapshot:
    """Return a snapshot of the step that was under way when the window ended."""
    begun = [run for run in runs if run.started_at and run.started_at < end] or runs[:1]
    run, steps = begun[-1], rollout.plan_value.steps
    step = steps[min(run.position, len(steps) - 1)]
    weight = effective_weight(step, weight=run.written or 0)
    return MetricSnapshot(
        rollout=rollout, step=run.position, at=end, window_seconds=seconds, weight=round(weight)
    )


def _filled(snapshot: MetricSnapshot, *, stable: Reading, candidate: Reading) -> MetricSnapshot:
    snapshot.stable = counts_as_json(stable) if isinstance(stable, Counts) else None
    snapshot.candidate = counts_as_json(candidate) if isinstance(candidate, Counts) else None
    missing = [reading for reading in (candidate, stable) if isinstance(reading, Missing)]
    snapshot.problem = missing[0].value if missing else ""
    if Missing.NO_DATA in missing:
        snapshot.problem = ""  # a version nobody mentions: what that means is the judge's business
    return snapshot


@transaction.atomic
def _keep(rollout: Rollout, snapshot: MetricSnapshot, *, memory: JudgeMemory, seen: Observed) -> None:
    """Store the snapshot, what was concluded from it, and what the judge remembers from now on."""
    snapshot.save(force_insert=True)
    last = rollout.verdicts.order_by("-at").first()
    is_kept = (
        last is None
        or last.step != snapshot.step
        or last.outcome != seen.outcome.value
        or last.judge_version != JUDGE_VERSION
        or memory.looks % LOOKS_BETWEEN_STATES == 0
    )
    Verdict.objects.create(
        rollout=rollout,
        step=snapshot.step,
        at=snapshot.at,
        outcome=seen.outcome.value,
        metric=seen.metric,
        rule=RULE,
        judge_version=JUDGE_VERSION,
        reason_code=seen.code,
        numbers=seen.numbers,
        settings=memory.settings,
        state_before=memory.state if is_kept else None,
        shadow=rollout.service.shadow,
        snapshots_from=snapshot.at - timedelta(seconds=snapshot.window_seconds),
        snapshots_hash=hash_after(last, snapshot),
    )
    memory.state, memory.looks = seen.memory, memory.looks + 1
    memory.save()


def hash_after(last: Verdict | None, snapshot: MetricSnapshot) -> str:
    """Return the digest of a snapshot and of every one before it."""
    before = last.snapshots_hash if last else ""
    at = snapshot.at.astimezone(UTC).isoformat()
    return digest([before, at, snapshot.weight, snapshot.stable, snapshot.candidate])


def _note_split(rollout: Rollout, *, run: StepRun) -> None:
    """Note the candidate's percent of the requests of the step's newest windows; nothing without any."""
    rows = rollout.snapshots.filter(step=run.position).order_by("-at")[:_SHOWN_SNAPSHOTS]
    pairs = [(row.candidate, row.stable) for row in rows]
    mine = sum(candidate["requests"] for candidate, _ in pairs if candidate)
    whole = mine + sum(stable["requests"] for _, stable in pairs if stable)
    if whole:
        StepRun.objects.filter(pk=run.pk).update(observed=round(100 * mine / whole, 2))
