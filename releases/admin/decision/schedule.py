"""The steps of a rollout over time: as they went, and as they will go."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from releases.admin.drawing.strip import Held
from releases.models import Rollout, StepRun
from releases.selectors import StepPreview
from releases.templatetags.weir import clock, span

_LOOKS = {
    StepRun.Outcome.ROLLED_BACK: "bad",
    StepRun.Outcome.PASSED: "done",
    StepRun.Outcome.SKIPPED: "skipped",
}


def schedule_of(rollout: Rollout, *, previews: Sequence[StepPreview], now: datetime) -> list[Held]:
    """Return what can be drawn: each step that began, and each that has a time at which it may begin."""
    plan = rollout.plan_value.steps
    runs = {run.position: run for run in rollout.step_runs.all()}
    starts = {preview.position: preview.starts_at for preview in previews}
    held: list[Held] = []
    for position, step in enumerate(plan):
        run = runs.get(position)
        bake = timedelta(seconds=step.bake_seconds)
        if run and run.started_at:
            held.append(_carried_out(run, weight=step.weight, bake=bake, now=now))
        elif begins := starts.get(position):
            label = _("%(begin)s, %(span)s") % {"begin": clock(begins), "span": span(bake)}
            local = timezone.localtime(begins)
            held.append(Held(weight=step.weight, begins=local, ends=local + bake, css="next", label=label))
    return held


def _carried_out(run: StepRun, *, weight: int, bake: timedelta, now: datetime) -> Held:
    """A step that began: solid; one that still bakes reaches to the end of its bake."""
    begins = timezone.localtime(run.started_at)
    ends = timezone.localtime(run.ended_at) if run.ended_at else max(begins + bake, timezone.localtime(now))
    label = _("%(begin)s, held %(span)s") % {
        "begin": clock(begins),
        "span": span(max((run.ended_at or now) - begins, timedelta(0))),
    }
    css = _LOOKS.get(StepRun.Outcome(run.outcome), "now") if run.outcome else "now"
    return Held(weight=weight, begins=begins, ends=ends, css=css, label=label)
