"""What the top bar of every page needs. The theme calls it for each page (``UNFOLD["GLOBAL_CALLBACK"]``)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from releases import selectors
from releases.models import User


@dataclass(frozen=True, slots=True)
class Shell:
    """How many decisions wait for this person, and which entry of the bar is the current one."""

    needs_me: int
    place: str


def shell_context(request: HttpRequest) -> dict[str, Any]:
    """Return ``shell`` and ``now`` for the templates."""
    user = request.user
    waiting = 0
    if isinstance(user, User) and user.is_staff:
        waiting = len(selectors.waiting_for(user)) + len(selectors.changes_waiting_for(user))
    now: datetime = timezone.now()
    return {"shell": Shell(needs_me=waiting, place=_place(request)), "now": now}


def _place(request: HttpRequest) -> str:
    match = request.resolver_match
    name = (match.url_name if match else None) or ""
    if name.startswith("releases_rollout_"):
        return "approvals"
    return "plans" if name.startswith("releases_rolloutplan_") else "operations"
