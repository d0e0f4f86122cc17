"""How long a request or an approval lasts that nobody uses."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from releases.domain.states import State
from releases.models import Rollout


def expiry_of(rollout: Rollout) -> datetime | None:
    """Return when a request, or an approval that has not been used, ends; None for a rollout that waits for neither."""
    since = {State.PENDING: rollout.submitted_at, State.APPROVED: rollout.approved_at}.get(
        State(rollout.state)
    )
    return lasts_until(since, start_at=rollout.start_at) if since else None


def lasts_until(since: datetime, *, start_at: datetime | None) -> datetime:
    """Return when what was given ``since`` ends: it is valid for its scheduled window only, or for a fixed time without one."""
    if start_at:
        return start_at + timedelta(seconds=settings.START_WINDOW_SECONDS)
    return since + timedelta(seconds=settings.APPROVAL_VALID_SECONDS)
