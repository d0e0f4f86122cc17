"""The operations board: what needs me, what moves, whether Weir itself is well.

The theme calls it for the index page (``UNFOLD["DASHBOARD_CALLBACK"]``).
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_GET

from releases import selectors
from releases.admin.actor import person
from releases.domain.states import FINISHED, LIVE
from releases.models import Rollout

ENDED = 6


@require_GET
def health_fragment(request: HttpRequest) -> HttpResponse:
    """Answer with the health of Weir's parts. The board asks for it when it stands: it may take seconds."""
    return TemplateResponse(request, "releases/health.html", {"health": selectors.health()})


def board_context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what the board shows. The number of queries does not grow with the number of rollouts."""
    user = person(request)
    rows = selectors.rollouts()
    live = list(rows.filter(state__in=LIVE))
    waiting = {rollout.pk for rollout in selectors.waiting_for(user)}
    context |= {
        "changes": selectors.changes_waiting_for(user),
        "needs_me": [_line(rollout) for rollout in live if rollout.pk in waiting],
        "mine": [_line(rollout) for rollout in rows.filter(requested_by=user).exclude(state__in=FINISHED)],
        "live": [_line(rollout) for rollout in live],
        "ended": [
            _line(rollout) for rollout in rows.filter(state__in=FINISHED).order_by("-ended_at")[:ENDED]
        ],
    }
    return context


def _line(rollout: Rollout) -> dict[str, Any]:
    """A rollout with the sentence that says why it is where it is, and the weight that was last written."""
    written = [run.written for run in rollout.step_runs.all() if run.written is not None]
    return {"rollout": rollout, "why": selectors.why(rollout), "weight": written[-1] if written else 0}
