"""Rehearsing a plan: its steps played over a service's recorded past by the judge that will watch the release.

Reading the past is network, playing it is arithmetic; both tell how far they are. Nothing here moves a rollout.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from istio.sentence import message_of, parts_of
from istio.telemetry import Counts, TelemetryError
from releases.clock import Clock
from releases.domain import BadPlan
from releases.domain.actor import Actor
from releases.domain.decision import end_of_window
from releases.domain.evidence.planning import ONE_POINT
from releases.domain.evidence.rehearsal import Rehearsed, TooShort, rehearse
from releases.domain.fingerprint import digest
from releases.domain.plan import Plan
from releases.domain.roles import Action
from releases.flow.authorize import check_may
from releases.flow.experimenting import is_experiment
from releases.flow.judging import planned_step, rules_for, tally_for
from releases.flow.measured_windows import questions_of
from releases.flow.record import record
from releases.models import Rehearsal, Rollout, RolloutPlan
from services.connections import telemetry_of
from services.models import Service

DEFAULT_SECONDS = 24 * 3600
SHORTEST_SECONDS, LONGEST_SECONDS = 300, 14 * 24 * 3600
AT_ONCE_WINDOWS = 300
"""A past of so many windows is rehearsed while the caller waits; a longer one is a job."""
BEFORE_VOTE_WINDOWS = 600
_FRESH = timedelta(hours=1)
_CHUNK_WINDOWS = 240
_READING_SHARE = 0.5
_GIVEN_UP_AFTER = timedelta(minutes=10)


def ask_rehearsal(
    service: Service,
    plan: Plan,
    *,
    by: Actor,
    now: datetime,
    window_seconds: int = DEFAULT_SECONDS,
    row: RolloutPlan | None = None,
) -> Rehearsal:
    """Write down that a rehearsal is wanted; a worker or the caller carries it out. Raises NotAllowed, BadPlan."""
    check_may(Action.REHEARSE, by=by, service=service)
    if not SHORTEST_SECONDS <= window_seconds <= LONGEST_SECONDS:
        raise BadPlan(_("The recorded past is from 5 minutes to 14 days long."), field="window")
    with transaction.atomic():
        rehearsal = Rehearsal.objects.create(
            service=service,
            plan=row,
            frozen_plan=plan.as_json(),
            plan_digest=digest(plan.as_json()),
            until=now,
            window_seconds=window_seconds,
            requested_by_id=by.user_id,
        )
        record(
            "rehearse", by=by, obj=service, after={"plan": row.name if row else "", "seconds": window_seconds}
        )
    return rehearsal


def rehearse_before_vote(rollout: Rollout, *, now: datetime) -> None:
    """Have the plan of a submitted rollout rehearsed over the newest windows, unless that was done within the hour."""
    plan = rollout.plan_value
    known = Rehearsal.objects.filter(
        service=rollout.service_id, plan_digest=digest(plan.as_json()), created_at__gt=now - _FRESH
    )
    if known.exists():
        return
    seconds = min(BEFORE_VOTE_WINDOWS * plan.evidence.interval_seconds, LONGEST_SECONDS)
    Rehearsal.objects.create(
        service=rollout.service,
        plan_id=rollout.plan_id,
        frozen_plan=plan.as_json(),
        plan_digest=digest(plan.as_json()),
        until=now,
        window_seconds=seconds,
    )


def is_short(rehearsal: Rehearsal) -> bool:
    """Say whether it is over before a caller grows impatient."""
    interval: int = rehearsal.frozen_plan["evidence"]["interval_seconds"]
    return rehearsal.window_seconds <= AT_ONCE_WINDOWS * interval


def carry_out_rehearsal(rehearsal_id: int, *, clock: Clock) -> Rehearsal | None:
    """Take a waiting rehearsal (or one whose worker ended) and play it. None when another worker has it.

    What goes wrong is written on the row for the reader; nothing is tried twice by itself.
    """
    now = clock()
    free = Q(state=Rehearsal.State.WAITING) | Q(
        state=Rehearsal.State.RUNNING, started_at__lt=now - _GIVEN_UP_AFTER
    )
    mine = Rehearsal.objects.filter(free, pk=rehearsal_id)
    if not mine.update(state=Rehearsal.State.RUNNING, started_at=now, progress=0):
        return None
    rehearsal = Rehearsal.objects.select_related("service__cluster", "service__stable").get(pk=rehearsal_id)
    try:
        rehearsal.result = _played(rehearsal, on_progress=lambda share: _tell(rehearsal, share))
        rehearsal.state, rehearsal.progress = Rehearsal.State.DONE, 100
    except TelemetryError as error:
        rehearsal.state, rehearsal.problem = Rehearsal.State.FAILED, str(error)
        rehearsal.problem_parts = parts_of(message_of(error))
    except TooShort:
        rehearsal.state = Rehearsal.State.FAILED
        rehearsal.problem = "too_short"
    rehearsal.ended_at = clock()
    rehearsal.save()
    return rehearsal


def rehearsed_now(
    service: Service, plan: Plan, *, until: datetime, seconds: int, on_progress: Callable[[float], None]
) -> tuple[Rehearsed, int]:
    """Read the past and play the plan over it; the number is of windows without a sample. Raises TelemetryError, TooShort."""
    interval = plan.evidence.interval_seconds
    past, missing = _past(service, until=until, seconds=seconds, interval=interval, on_progress=on_progress)
    rules = rules_for(service, past=past, seconds=interval)
    tallies = [tally for counts in past if (tally := tally_for(counts, own=rules.own))]
    found = rehearse(
        tallies,
        [planned_step(step, splits_users=is_experiment(plan)) for step in plan.steps],
        settings=rules.settings,
        on_progress=lambda share: on_progress(_READING_SHARE + (1 - _READING_SHARE) * share),
    )
    return found, missing


def _played(rehearsal: Rehearsal, *, on_progress: Callable[[float], None]) -> dict[str, object]:
    found, missing = rehearsed_now(
        rehearsal.service,
        Plan.from_json(rehearsal.frozen_plan),
        until=rehearsal.until,
        seconds=rehearsal.window_seconds,
        on_progress=on_progress,
    )
    first = next((step for step in found.steps if step.weight > 0), None)
    rise = first.smallest_rise if first else None
    return {**asdict(found), "windows_missing": missing, "is_blind": rise is None or rise > ONE_POINT}


def _past(
    service: Service, *, until: datetime, seconds: int, interval: int, on_progress: Callable[[float], None]
) -> tuple[list[Counts], int]:
    """Read the stable version's windows in chunks, oldest first; a window without a sample is left out and counted."""
    end = end_of_window(until, seconds=interval)
    wanted = seconds // interval
    telemetry, name = telemetry_of(service.cluster), service.stable.name if service.stable else ""
    found: list[Counts] = []
    for begun in range(0, wanted, _CHUNK_WINDOWS):
        length = min(_CHUNK_WINDOWS, wanted - begun)
        start = end - timedelta(seconds=(wanted - begun) * interval)
        history = telemetry.history(
            service.target,
            start=start,
            end=start + timedelta(seconds=length * interval),
            step_seconds=interval,
            questions=questions_of(service),
        )
        found += [versions[name] for _at, versions in sorted(history.windows.items()) if name in versions]
        on_progress(_READING_SHARE * (begun + length) / wanted)
    return found, wanted - len(found)


def _tell(rehearsal: Rehearsal, share: float) -> None:
    """Write the progress on the row when it moved by a percent."""
    progress = min(round(100 * share), 99)
    if progress > rehearsal.progress:
        rehearsal.progress = progress
        Rehearsal.objects.filter(pk=rehearsal.pk).update(progress=progress)


def due_rehearsals(*, now: datetime) -> list[int]:
    """Return the ids of rehearsals that nobody carries out. One query."""
    late = (now - _GIVEN_UP_AFTER).astimezone(UTC)
    free = Q(state=Rehearsal.State.WAITING) | Q(state=Rehearsal.State.RUNNING, started_at__lt=late)
    return list(Rehearsal.objects.filter(free).order_by("id").values_list("pk", flat=True)[:10])
