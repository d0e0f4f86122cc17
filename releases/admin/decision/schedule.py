"""The steps of a rollout over time: as they went, and as they will go if nothing comes between."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from releases.admin.drawing.strip import Held
from releases.models import Rollout, StepRun
from releases.templatetags.weir import clock, span

_LOOKS = {
    StepRun.Outcome.ROLLED_BACK: "bad",
    StepRun.Outcome.PASSED: "done",
    StepRun.Outcome.SKIPPED: "skipped",
}


def schedule_of(rollout: Rollout, *, now: datetime) -> list[Held]:
    """Return the steps that began as they went, and after them those to come, unless the rollout has ended.

    What is to come begins at the start time, when the step before it is over, or not before its own time.
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
            begins = timezone.localtime(max(free, step.not_before or free))
            free = begins + bake
            label = _("%(begin)s, %(span)s") % {"begin": clock(begins), "span": span(bake)}
            held.append(Held(weight=step.weight, begins=begins, ends=free, css="next", label=label))
    return held


def _carried_out(run: StepRun, *, weight: int, bake: timedelta, now: datetime) -> Held:
    """A step that began: solid; one that still bakes reaches to the end of its bake."""
    begins = timezone.localtime(run.started_at)
    planned = run.bake_until or begins + bake
    ends = timezone.localtime(run.ended_at or max(planned, now))
    length = max((run.ended_at or now) - begins, timedelta(0))
    label = _("%(begin)s, held %(span)s") % {"begin": clock(begins), "span": span(length)}
    css = _LOOKS.get(StepRun.Outcome(run.outcome), "now") if run.outcome else "now"
    return Held(weight=weight, begins=begins, ends=ends, css=css, label=label)
