"""The steps of a rollout over time: as they went, and as they will go if nothing comes between."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from releases.admin.drawing.strip import Held, Shade
from releases.domain.calendar import Calendar, Planned, forecast
from releases.models import Rollout, StepRun
from releases.templatetags.weir import clock, span

_LOOKS = {
    StepRun.Outcome.ROLLED_BACK: "bad",
    StepRun.Outcome.PASSED: "done",
    StepRun.Outcome.SKIPPED: "skipped",
}


def schedule_of(rollout: Rollout, *, calendar: Calendar, now: datetime) -> list[Held]:
    """Return the steps that began as they went, and after them those to come, unless the rollout has ended.

    What is to come begins at the start time, when the step before it is over, not before its own time, and when the
    calendar is open. One that waits for a freeze without an end stands where it would begin, and says so.
    """
    runs = {run.position: run for run in rollout.step_runs.all()}
    free = max(rollout.start_at or now, now)
    held: list[Held] = []
    for position, step in enumerate(rollout.plan_value.steps):
        run = runs.get(position)
        bake = timedelta(seconds=step.bake_seconds)
        if run and run.started_at:
            held.append(_carried_out(run, weight=step.weight, bake=bake, now=now))
            free = max(held[-1].ends, now)
        elif rollout.ended_at is None:
            planned = forecast([step], start=free, calendar=calendar)[0]
            held.append(_to_come(planned, weight=step.weight, wanted=free, bake=bake))
            free = held[-1].ends
    return held


def freezes_of(calendar: Calendar, *, schedule: Sequence[Held]) -> list[Shade]:
    """Return when a freeze holds while the steps are laid out."""
    if not schedule:
        return []
    since, until = min(step.begins for step in schedule), max(step.ends for step in schedule)
    return [
        Shade(
            begins=timezone.localtime(held.begins),
            ends=timezone.localtime(held.ends) if held.ends else None,
            label=freeze.name,
        )
        for freeze in calendar.freezes
        for held in freeze.schedule.spans(since=since, until=until, holidays=calendar.holidays)
    ]


def _to_come(planned: Planned, *, weight: int, wanted: datetime, bake: timedelta) -> Held:
    """A step that has not begun, with what of the calendar moves it."""
    conflict = next((found for found in planned.conflicts if not found.rolls_back), None)
    begins = timezone.localtime(planned.begins or wanted)
    said = {"begin": clock(begins), "span": span(bake), "name": conflict.by.name if conflict else ""}
    if planned.begins is None:
        label = _("waits until %(name)s is lifted") % said
    elif conflict:
        label = _("%(begin)s, %(span)s; moved by %(name)s") % said
    else:
        label = _("%(begin)s, %(span)s") % said
    return Held(weight=weight, begins=begins, ends=begins + bake, css="next", label=label)


def _carried_out(run: StepRun, *, weight: int, bake: timedelta, now: datetime) -> Held:
    """A step that began: solid; one that still bakes reaches to the end of its bake."""
    begins = timezone.localtime(run.started_at)
    planned = run.bake_until or begins + bake
    ends = timezone.localtime(run.ended_at or max(planned, now))
    length = max((run.ended_at or now) - begins, timedelta(0))
    label = _("%(begin)s, held %(span)s") % {"begin": clock(begins), "span": span(length)}
    css = _LOOKS.get(StepRun.Outcome(run.outcome), "now") if run.outcome else "now"
    return Held(weight=weight, begins=begins, ends=ends, css=css, label=label)
