"""How a share of traffic and the steps of a rollout are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from releases.models import StepRun

register = template.Library()

_MARKS = {
    StepRun.Outcome.PASSED: "done",
    StepRun.Outcome.SKIPPED: "done",
    StepRun.Outcome.ROLLED_BACK: "bad",
}
_LEAST = 2.0
"""A share that is not zero is drawn at least so wide, in percent."""


def percent(value: float) -> str:
    """Write a share without needless decimals."""
    return f"{value:.1f}".removesuffix(".0")


@register.simple_tag
def bar(candidate: float | None, css: str = "") -> SafeString:
    """Draw a bar: stable left, candidate right. The numbers stand outside of it."""
    if candidate is None:
        return format_html('<svg class="bar {}" aria-hidden="true"></svg>', css)
    share = float(candidate)
    right = 0.0 if share <= 0 else 100.0 if share >= 100 else min(max(share, _LEAST), 100 - _LEAST)
    left = 100 - right
    stable = (
        format_html('<rect class="b1" width="{}%" height="100%"/>', f"{max(left - 0.6, 0):g}") if left else ""
    )
    new = (
        format_html('<rect class="b2" x="{}%" width="{}%" height="100%"/>', f"{left:g}", f"{right:g}")
        if right
        else ""
    )
    return format_html('<svg class="bar {}" aria-hidden="true">{}{}</svg>', css, stable, new)


@register.simple_tag
def split(candidate: float | None) -> SafeString:
    """Draw a bar with the shares of both versions, in percent, beside it."""
    if candidate is None:
        return format_html(
            '<div class="split"><span class="n zero">–</span>{}<span class="n zero">–</span></div>', bar(None)
        )
    numbers = (100 - float(candidate), float(candidate))
    left, right = (
        format_html('<span class="n{}">{}</span>', "" if number else " zero", percent(number))
        for number in numbers
    )
    return format_html('<div class="split">{}{}{}</div>', left, bar(candidate), right)


@register.simple_tag
def steps_of(rollout: Any) -> SafeString:
    """Draw the steps: filled done, ring now, red square rolled back, hollow to come. Reads ``step_runs``."""
    runs = {run.position: run for run in rollout.step_runs.all()}
    items = [
        (_mark(runs.get(position)), step["weight"])
        for position, step in enumerate(rollout.frozen_plan["steps"])
    ]
    said = _("Steps in percent, with how far it came")
    return format_html(
        '<ol class="steps" aria-label="{}">{}</ol>',
        said,
        format_html_join("", '<li class="{}">{}</li>', items),
    )


def _mark(run: StepRun | None) -> str:
    if run is None or run.started_at is None:
        return ""
    return _MARKS.get(StepRun.Outcome(run.outcome), "now") if run.outcome else "now"


@register.filter
def share(value: float | None) -> str:
    """Write a share of the traffic in percent, or a dash where it is not known."""
    return "–" if value is None else percent(float(value))


@register.simple_tag
def shares(of: Mapping[str, float], candidate: str) -> SafeString:
    """Draw the shares by version name as a bar with the candidate at the right; nothing known draws an empty one."""
    return split(of.get(candidate, 0.0) if of else None)
