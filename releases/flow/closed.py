"""Whether the calendar lets a person send more traffic forward now. What leads back never asks."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from releases.domain.calendar import answer
from releases.flow.opening import calendar_of
from releases.models import Rollout
from services.models import Service


def closed_sentence(service: Service, *, now: datetime, rollout: Rollout | None = None) -> str:
    """Say what closes the service to forward changes and until when, or return an empty text.

    Freezes that were overridden for ``rollout`` do not count.
    """
    found = answer(calendar_of(service, now=now, rollout=rollout), at=now)
    if not found.closed:
        return ""
    name = found.by.name if found.by else ""
    if found.reason == "freeze":
        text = _("%(service)s is frozen by %(name)s until %(until)s; going back stays possible.")
    else:
        text = _(
            "No release window of %(service)s is open; the next one opens at %(until)s. Going back stays possible."
        )
    opens = date_format(timezone.localtime(found.next_open), "Y-m-d H:i") if found.next_open else "-"
    return text % {"service": service, "name": name, "until": opens}
