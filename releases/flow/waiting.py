"""Waiting for the workers that are in the middle of a pass, so that a stop answers only when nothing more is begun."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime

from django.utils.translation import gettext as _

from releases.clock import Clock, database_now
from releases.domain import LostRace
from releases.models import Rollout

_LEASE_WAIT_SECONDS = 15.0
_LOOK_SECONDS = 0.05


def wait_for_lease(rollout: Rollout, *, clock: Clock) -> None:
    """Wait until no worker is in the middle of a pass over this row, and read the row again. Raises LostRace after 15 s."""
    deadline = time.monotonic() + _LEASE_WAIT_SECONDS
    while True:
        rollout.refresh_from_db()
        if rollout.leased_until is None or rollout.leased_until <= clock():
            return
        if time.monotonic() >= deadline:
            raise LostRace(
                _("A worker has been busy with %(rollout)s for too long; try again.") % {"rollout": rollout}
            )
        time.sleep(_LOOK_SECONDS)


def wait_for_passes(rollouts: Iterable[int]) -> None:
    """Wait until the passes that are under way over these rows have ended, 15 s at most; later ones know better.

    Call it after the commit: a pass that begins then sees what was committed.
    """
    leased = Rollout.objects.filter(pk__in=list(rollouts), leased_until__gt=database_now())
    held: dict[int, datetime | None] = dict(leased.values_list("pk", "leased_until"))
    deadline = time.monotonic() + _LEASE_WAIT_SECONDS
    while held and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
        rows = dict(Rollout.objects.filter(pk__in=held).values_list("pk", "leased_until"))
        now = database_now()
        held = {pk: until for pk, until in held.items() if until and rows.get(pk) == until > now}
