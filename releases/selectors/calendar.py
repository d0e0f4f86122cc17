"""The calendar as it is shown: what holds when, what runs when, what the days are. A fixed number of queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Prefetch, Q, QuerySet
from django.utils.translation import gettext as _

from releases.domain.calendar import Answer, Calendar, Conflict, Day, Freeze, Planned, answer, forecast
from releases.domain.calendar.ical import Exported
from releases.domain.calendar.schedule import Schedule
from releases.domain.states import FINISHED, LIVE
from releases.flow.authorize import covers
from releases.flow.four_eyes import grants_to_agree, groups_concerned
from releases.flow.opening import calendar_of, own_holidays
from releases.models import Freeze as FreezeRow
from releases.models import Proposal, ReleaseWindow, Role, Rollout, StandardChange, StepRun, User
from releases.models.calendar import Entry
from services.models import Service

MAX_ROLLOUTS = 200
MAX_SPANS = 1000


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time a freeze or window holds. ``ends`` None: until it is lifted."""

    entry: FreezeRow | ReleaseWindow
    begins: datetime
    ends: datetime | None


@dataclass(frozen=True, slots=True)
class StepTime:
    """When a step was, is or would be held. ``planned``: it has not begun."""

    position: int
    weight: int
    begins: datetime
    ends: datetime | None
    planned: bool


@dataclass(frozen=True, slots=True)
class RolloutTimes:
    """A rollout on the calendar."""

    rollout: Rollout
    steps: tuple[StepTime, ...]


@dataclass(frozen=True, slots=True)
class ServiceAnswer:
    """Whether a service may go forward now."""

    service: Service
    answer: Answer


@dataclass(frozen=True, slots=True)
class CalendarView:
    """Everything between two instants. ``days`` are the days that are not what their weekday promises."""

    since: datetime
    until: datetime
    freezes: tuple[Occurrence, ...]
    windows: tuple[Occurrence, ...]
    rollouts: tuple[RolloutTimes, ...]
    days: tuple[Day, ...]
    unknown_years: tuple[int, ...]
    services: tuple[ServiceAnswer, ...]


def freezes() -> QuerySet[FreezeRow]:
    """Return freezes with what a list shows."""
    waiting = Proposal.objects.filter(state=Proposal.State.OPEN)
    rows = FreezeRow.objects.select_related("service__cluster", "cluster", "created_by")
    return rows.prefetch_related(Prefetch("proposals", waiting, to_attr="open_proposals"))


def windows() -> QuerySet[ReleaseWindow]:
    """Return windows with what a list shows."""
    return ReleaseWindow.objects.select_related("service__cluster", "cluster", "created_by")


def proposals() -> QuerySet[Proposal]:
    """Return proposals with what a list shows."""
    return Proposal.objects.select_related(
        "policy",
        "service__cluster",
        "freeze__service",
        "rollout__service",
        "plan",
        "account",
        "asked_by",
        "decided_by",
    ).prefetch_related("policy__services")


def standard_changes() -> QuerySet[StandardChange]:
    """Return approvals in advance with the two people behind them."""
    return StandardChange.objects.select_related(
        "plan", "service__cluster", "proposal__asked_by", "proposal__decided_by"
    )


def proposals_waiting_for(user: User) -> list[Proposal]:
    """Return the proposals that this person may decide: four queries, whatever their number."""
    roles = list(Role.objects.filter(user=user).values_list("name", "group_id"))
    if not roles or not user.is_active:
        return []
    waiting = proposals().filter(state=Proposal.State.OPEN).exclude(asked_by__in=user.logins())
    return [
        row
        for row in waiting.order_by("pk")
        if (row.account is None or row.account.person_id != user.person_id)
        and covers(roles, grants_to_agree(row), concerned=groups_concerned(row))
    ]


def calendar_view(
    *, since: datetime, until: datetime, now: datetime, zone: ZoneInfo, service: Service | None = None
) -> CalendarView:
    """Read the calendar of one service, or of all."""
    here = (
        Q()
        if service is None
        else Q(service=service) | Q(cluster=service.cluster_id) | Q(service=None, cluster=None)
    )
    frozen = list(freezes().filter(here, lifted_at=None).order_by("starts_at"))
    opened = list(windows().filter(here).order_by("starts_at"))
    holidays = own_holidays()
    shown = [service] if service else list(Service.objects.select_related("cluster").order_by("name"))
    calendars = {
        row.pk: Calendar(
            freezes=tuple(entry.value() for entry in frozen if _covers(entry, row)),
            windows=tuple(entry.value() for entry in opened if _covers(entry, row)),
            holidays=holidays,
        )
        for row in shown
    }
    first, last = since.astimezone(zone).date(), until.astimezone(zone).date()
    days = (holidays.of(first + timedelta(days=number)) for number in range((last - first).days + 1))
    return CalendarView(
        since=since,
        until=until,
        freezes=_occurrences(frozen, since=since, until=until),
        windows=_occurrences(opened, since=since, until=until),
        rollouts=tuple(_rollouts(service, calendars, since=since, until=until, now=now)),
        days=tuple(day for day in days if day.is_special),
        unknown_years=holidays.unknown_years(first, last),
        services=tuple(ServiceAnswer(row, answer(calendars[row.pk], at=now)) for row in shown),
    )


def schedule_forecast(rollout: Rollout, *, now: datetime) -> tuple[Planned, ...]:
    """Say when each step would be held, and what of the calendar it meets."""
    calendar = calendar_of(rollout.service, now=now, rollout=rollout)
    start = rollout.started_at or max(rollout.start_at or now, now)
    return forecast(rollout.plan_value.steps, start=start, calendar=calendar)


def conflict_sentence(conflict: Conflict) -> str:
    """Say what a step meets, as "step 4 falls into 双十一封网"."""
    said = {"step": conflict.position + 1, "name": conflict.by.name}
    if conflict.rolls_back:
        return _("Step %(step)s is rolled back when %(name)s begins.") % said
    if isinstance(conflict.by, Freeze):
        return _("Step %(step)s falls into %(name)s and waits until it is over.") % said
    return _("Step %(step)s falls outside the release windows and waits for %(name)s.") % said


def unknown_years_sentence(years: Sequence[int]) -> str:
    """Say of which years the holidays are not known: weekends and the operator's own list count there."""
    if not years:
        return ""
    return _("Holidays of %(years)s not known.") % {"years": ", ".join(map(str, years))}


def exported(*, service: Service | None = None) -> list[Exported]:
    """Return freezes and windows for other calendars, and the rollouts that run or wait."""
    here = (
        Q()
        if service is None
        else Q(service=service) | Q(cluster=service.cluster_id) | Q(service=None, cluster=None)
    )
    events = [
        Exported(row.uid, f"{_('Freeze')}: {row.name}", _about(row), "FREEZE", row.schedule)
        for row in freezes().filter(here, lifted_at=None).order_by("pk")
    ]
    events += [
        Exported(row.uid, f"{_('Release window')}: {row.name}", _about(row), "WINDOW", row.schedule)
        for row in windows().filter(here).order_by("pk")
    ]
    live = Rollout.objects.filter(state__in=LIVE).select_related("service__cluster", "candidate")
    for rollout in (live.filter(service=service) if service else live).order_by("pk")[:MAX_ROLLOUTS]:
        begins = rollout.started_at or rollout.start_at
        if begins:
            length = sum(step.bake_seconds for step in rollout.plan_value.steps)
            schedule = Schedule(begins, begins + timedelta(seconds=length), rollout.service.cluster.time_zone)
            name = f"{rollout} {rollout.service} {rollout.candidate.name}"
            events.append(Exported(f"rollout-{rollout.pk}@weir", name, rollout.reason, "ROLLOUT", schedule))
    return events


def _about(row: Entry) -> str:
    return f"{row.scope}. {row.reason}".strip()


def _covers(entry: Entry, service: Service) -> bool:
    if entry.service_id:
        return bool(entry.service_id == service.pk)
    return entry.cluster_id in {None, service.cluster_id}


def _occurrences(
    entries: Sequence[FreezeRow | ReleaseWindow], *, since: datetime, until: datetime
) -> tuple[Occurrence, ...]:
    holidays = own_holidays() if any(entry.days != "any" for entry in entries) else Calendar().holidays
    found = [
        Occurrence(entry, span.begins, span.ends)
        for entry in entries
        for span in entry.schedule.spans(since=since, until=until, holidays=holidays)
    ]
    return tuple(sorted(found, key=lambda one: one.begins)[:MAX_SPANS])


def _rollouts(
    service: Service | None,
    calendars: dict[int, Calendar],
    *,
    since: datetime,
    until: datetime,
    now: datetime,
) -> list[RolloutTimes]:
    rows = Rollout.objects.filter(
        Q(state__in=LIVE)
        | Q(started_at__lt=until, started_at__isnull=False) & (Q(ended_at__gte=since) | Q(ended_at=None))
    )
    if service is not None:
        rows = rows.filter(service=service)
    rows = rows.select_related("service__cluster", "candidate", "stable").prefetch_related(
        Prefetch("step_runs", StepRun.objects.order_by("position"))
    )
    found = (
        RolloutTimes(row, _steps(row, calendars.get(row.service_id, Calendar()), now=now))
        for row in rows.order_by("-pk")[:MAX_ROLLOUTS]
    )
    return [times for times in found if any(_within(step, since, until) for step in times.steps)]


def _steps(rollout: Rollout, calendar: Calendar, *, now: datetime) -> tuple[StepTime, ...]:
    """The steps that began as they went, and those to come as the calendar lets them."""
    runs = {run.position: run for run in rollout.step_runs.all() if run.started_at}
    steps = rollout.plan_value.steps
    times: list[StepTime] = []
    free = max(rollout.start_at or now, now)
    for position, step in enumerate(steps):
        run = runs.get(position)
        if run is None or run.started_at is None:
            continue
        ends = (
            run.ended_at or run.bake_until or max(run.started_at + timedelta(seconds=step.bake_seconds), now)
        )
        times.append(StepTime(position, step.weight, run.started_at, ends, planned=False))
        free = max(free, ends)
    if rollout.state in FINISHED:
        return tuple(times)
    begun = len(times)
    for planned in forecast(steps[begun:], start=free, calendar=calendar):
        if planned.begins:
            position = begun + planned.position
            times.append(
                StepTime(position, steps[position].weight, planned.begins, planned.ends, planned=True)
            )
    return tuple(times)


def _within(step: StepTime, since: datetime, until: datetime) -> bool:
    return step.begins < until and (step.ends is None or step.ends > since)
