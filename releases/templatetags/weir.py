"""How the operators' face writes an icon, a state, a moment. Looks only: no tag asks the database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import yaml
from django import template
from django.conf import settings
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from releases.domain import fingerprint
from releases.domain.states import State
from releases.models import AuditEvent, Verdict
from releases.said import said

register = template.Library()


@register.simple_tag
def sign_on_url() -> str:
    """Where single sign-on begins, empty when none is configured."""
    return reverse("oidc_authentication_init") if settings.OIDC_ENABLED else ""


# Icon + word + colour: (tone, icon). Violet needs a person, red went back, green is through, grey waits.
STATE_LOOKS: Mapping[State, tuple[str, str]] = {
    State.DRAFT: ("none", "none"),
    State.PENDING: ("hold", "person"),
    State.APPROVED: ("wait", "clock"),
    State.RUNNING: ("wait", "play"),
    State.PAUSED: ("hold", "pause"),
    State.ROLLING_BACK: ("fail", "undo"),
    State.COMPLETED: ("pass", "check"),
    State.ROLLED_BACK: ("fail", "undo"),
    State.REJECTED: ("fail", "cross"),
    State.CANCELLED: ("none", "none"),
    State.EXPIRED: ("none", "clock"),
    State.REVERTED: ("fail", "undo"),
}
OUTCOME_LOOKS: Mapping[str, tuple[str, str]] = {
    Verdict.Outcome.PASS: ("pass", "check"),
    Verdict.Outcome.FAIL: ("fail", "cross"),
    Verdict.Outcome.INCONCLUSIVE: ("wait", "half"),
    Verdict.Outcome.NO_DATA: ("none", "none"),
    AuditEvent.Outcome.DONE: ("pass", "check"),
    AuditEvent.Outcome.REFUSED: ("hold", "lock"),
    AuditEvent.Outcome.FAILED: ("fail", "cross"),
}
_NOTE_LOOKS = {"success": ("pass", "check"), "error": ("fail", "cross"), "warning": ("hold", "warn")}


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """Draw a symbol of the sprite. It says nothing to a screen reader: the word stands beside it."""
    return format_html(
        '<svg class="i {}" aria-hidden="true"><use href="{}#{}"/></svg>', css, static("weir/icons.svg"), name
    )


@register.simple_tag
def chip(tone: str, name: str, label: str) -> SafeString:
    """Draw a status: tint, icon and word."""
    return format_html('<span class="chip {}">{}{}</span>', tone, icon(name), capfirst(label))


@register.simple_tag
def state_chip(rollout: Any) -> SafeString:
    """Draw the state of a rollout."""
    tone, name = STATE_LOOKS[State(rollout.state)]
    return chip(tone, name, rollout.get_state_display())


@register.simple_tag
def outcome_chip(row: Any) -> SafeString:
    """Draw the outcome of a verdict or of an audit event."""
    tone, name = OUTCOME_LOOKS[row.outcome]
    return chip(tone, name, row.get_outcome_display())


@register.simple_tag
def outcome_mark(row: Any) -> SafeString:
    """Draw the outcome where most are alike: only the icon for what was done, the chip for what was not."""
    if row.outcome != AuditEvent.Outcome.DONE:
        return outcome_chip(row)
    return format_html('{}<span class="sr">{}</span>', icon("check", "pass"), row.get_outcome_display())


@register.filter(name="said")
def translated(text: str) -> str:
    """Say a sentence of a check in the reader's language."""
    return said(text)


@register.filter
def note_tone(level: str) -> str:
    """The colour of a message."""
    return _NOTE_LOOKS.get(level, ("wait", "clock"))[0]


@register.filter
def note_icon(level: str) -> str:
    """The icon of a message."""
    return _NOTE_LOOKS.get(level, ("wait", "clock"))[1]


@register.filter
def shown(value: str) -> str:
    """The twelve digits of a fingerprint that a page shows."""
    return fingerprint.shown(value)


@register.filter
def clock(moment: datetime | None) -> str:
    """Absolute time in the reader's zone: ``Tue 10 Nov 14:00``; with the year when it is not this one."""
    if moment is None:
        return ""
    local = timezone.localtime(moment)
    this_year = local.year == timezone.localtime().year
    # Translators: Django's date format for a time of this year, e.g. Tue 10 Nov 14:00.
    short = pgettext("date format", "D j M H:i")
    # Translators: Django's date format for a time of another year.
    full = pgettext("date format", "D j M Y H:i")
    return date_format(local, short if this_year else full)


@register.filter
def ago(moment: datetime | None) -> str:
    """Relative time: ``in 3 h 36 min``, ``26 min ago``."""
    if moment is None:
        return ""
    away = moment - timezone.now()
    if away.total_seconds() >= 0:
        return _("in %(span)s") % {"span": span(away)}
    return _("%(span)s ago") % {"span": span(-away)}


@register.simple_tag
def moment(value: datetime | None, css: str = "") -> SafeString:
    """Write a time absolute and relative, for people and for machines."""
    if value is None:
        return SafeString("")
    return format_html(
        '<time class="{}" datetime="{}">{}, {}</time>', css, value.isoformat(), clock(value), ago(value)
    )


@register.filter
def span(length: timedelta | float | None) -> str:
    """A length of time in its two largest units: ``3 h 36 min``, ``24 h``, ``45 s``."""
    if length is None:
        return ""
    seconds = round(length.total_seconds() if isinstance(length, timedelta) else length)
    days, rest = divmod(seconds, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    if days > 1:
        hours_part, days_part = hours, days
    else:
        hours_part, days_part = hours + 24 * days, 0
    parts = [
        _("%(count)d d") % {"count": days_part} if days_part else "",
        _("%(count)d h") % {"count": hours_part} if hours_part else "",
        _("%(count)d min") % {"count": minutes} if minutes and not days_part else "",
        _("%(count)d s") % {"count": left} if left and not (days_part or hours_part) else "",
    ]
    return " ".join([part for part in parts if part][:2]) or _("%(count)d s") % {"count": 0}


@register.filter
def as_yaml(value: object) -> str:
    """Write a JSON value as YAML, keys in their order."""
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
    return text.rstrip()


@register.filter
def as_side(value: object) -> str:
    """Write one side of a difference in one line: a plain value as it is, else JSON; a dash for nothing there."""
    if value is None:
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@register.filter
def state_look(rollout: Any) -> tuple[str, str]:
    """The tone and the icon of a rollout's state."""
    return STATE_LOOKS[State(rollout.state)]


@register.filter
def weight_reached(rollout: Any) -> int:
    """The largest weight that was written, in percent. Needs the step runs read."""
    return max((run.written or 0 for run in rollout.step_runs.all()), default=0)
