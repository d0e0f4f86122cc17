"""What the calendar says about one rollout now: rows into the values of ``releases.domain.calendar``. No network."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from releases.domain.calendar import Answer, Calendar, Days, Effect, Holidays, OwnDay, answer
from releases.domain.decision import Opening
from releases.domain.reasons import Reason
from releases.models import Freeze, Holiday, ReleaseWindow, Rollout
from services.models import Service


def calendar_of(service: Service, *, now: datetime, rollout: Rollout | None = None) -> Calendar:
    """Return the freezes and windows that cover a service, less the freezes overridden for this rollout.

    What was over before ``now`` is left out. Two queries, three where an entry goes by working days.
    """
    here = Q(service=service) | Q(cluster=service.cluster_id) | Q(service=None, cluster=None)
    to_come = Q(ends_at=None) | Q(ends_at__gt=now) | ~Q(rule="")
    freezes = Freeze.objects.filter(here & to_come, lifted_at=None)
    if rollout is not None and rollout.pk:
        freezes = freezes.exclude(overrides__rollout=rollout)
    windows = list(ReleaseWindow.objects.filter(here).order_by("pk"))
    found = list(freezes.order_by("pk"))
    by_days = any(entry.days != Days.ANY for entry in (*found, *windows))
    return Calendar(
        freezes=tuple(freeze.value() for freeze in found),
        windows=tuple(window.value() for window in windows),
        holidays=own_holidays() if by_days else Holidays(),
    )


def own_holidays() -> Holidays:
    """Return what each day is, with the operator's own list."""
    return Holidays(own={row.day: OwnDay(row.name, row.working) for row in Holiday.objects.all()})


def opening_of(rollout: Rollout, *, now: datetime) -> Opening:
    """Say whether the calendar lets this rollout go forward now, as ``decide`` reads it."""
    return as_opening(answer(calendar_of(rollout.service, now=now, rollout=rollout), at=now))


def as_opening(found: Answer) -> Opening:
    if not found.closed:
        return Opening()
    code = Reason.HELD_BY_FREEZE if found.reason == "freeze" else Reason.WAITING_FOR_WINDOW
    return Opening(
        is_open=False,
        code=code,
        name=found.by.name if found.by else "",
        next_open=found.next_open,
        effect=found.effect or Effect.HOLD,
    )
