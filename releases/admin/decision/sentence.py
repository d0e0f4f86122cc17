"""One sentence that says what an approval leads to: who goes where, when, and what brings them back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from releases.admin.drawing.strip import Held
from releases.models import Rollout
from releases.templatetags.weir import clock


def sentence_of(rollout: Rollout, *, schedule: Sequence[Held], now: datetime) -> SafeString:
    """Say it in the reader's language, weights and times bold. The schedule has every step."""
    steps = rollout.plan_value.steps
    first, rest = steps[0], steps[1:]
    names = {
        "service": rollout.service.name,
        "candidate": rollout.candidate.name,
        "stable": rollout.stable.name,
        "first": f"{first.weight} %",
        "begin": _begin(schedule[0].begins, now=now),
        "rest": f"{_joined([step.weight for step in rest])} %",
        "end": clock(schedule[-1].begins),
    }
    opening = _shadowed_opening if rollout.service.shadow else _opening
    return format_html(
        "{} {}",
        format_html(opening(weight=first.weight, more=bool(rest)), **names),
        format_html(_promise(shadow=rollout.service.shadow), **names),
    )


def _opening(*, weight: int, more: bool) -> str:
    if weight and more:
        return _(
            "If you approve, <b>{first} of requests to {service}</b> go to {candidate} <b>{begin}</b>, "
            "then {rest} by <b>{end}</b>, each step only on passing evidence;"
        )
    if weight:
        return _("If you approve, <b>{first} of requests to {service}</b> go to {candidate} <b>{begin}</b>;")
    if more:
        return _(
            "If you approve, <b>chosen requests to {service}</b> go to {candidate} <b>{begin}</b>, "
            "then {rest} of all by <b>{end}</b>, each step only on passing evidence;"
        )
    return _("If you approve, <b>chosen requests to {service}</b> go to {candidate} <b>{begin}</b>;")


def _shadowed_opening(*, weight: int, more: bool) -> str:
    """In shadow mode the time of a step is all that is waited for."""
    if weight and more:
        return _(
            "If you approve, <b>{first} of requests to {service}</b> go to {candidate} <b>{begin}</b>, "
            "then {rest} by <b>{end}</b>, whatever the evidence says;"
        )
    if more:
        return _(
            "If you approve, <b>chosen requests to {service}</b> go to {candidate} <b>{begin}</b>, "
            "then {rest} of all by <b>{end}</b>, whatever the evidence says;"
        )
    return _opening(weight=weight, more=more)


def _promise(*, shadow: bool) -> str:
    if shadow:
        return _("in shadow mode no guard brings the traffic back by itself.")
    return _("if a guard fails, all traffic returns to {stable} in one write.")


def _begin(begins: datetime, *, now: datetime) -> str:
    """When the first step begins: a time, or at once when the last vote is in."""
    if begins <= now + timedelta(minutes=1):
        return _("at once")
    local, today = timezone.localtime(begins), timezone.localtime(now).date()
    if local.date() == today:
        return _("today at %(time)s") % {"time": f"{local:%H:%M}"}
    if local.date() == today + timedelta(days=1):
        return _("tomorrow at %(time)s") % {"time": f"{local:%H:%M}"}
    return _("on %(moment)s") % {"moment": clock(begins)}


def _joined(weights: Sequence[int]) -> str:
    """Write ``5, 20, 50 and 100``."""
    if len(weights) < 2:
        return "".join(map(str, weights))
    return _("%(list)s and %(last)s") % {"list": ", ".join(map(str, weights[:-1])), "last": weights[-1]}
