"""The operations board: what needs me, what moves, whether Weir itself is well.

The theme calls it for the index page (``UNFOLD["DASHBOARD_CALLBACK"]``).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from releases import selectors
from releases.admin.actor import person
from releases.clock import database_now
from releases.domain.states import FINISHED, LIVE
from releases.models import Rollout, SignedHead, StepRun

ENDED = 6
FREEZES = 4
AHEAD = timedelta(days=7)
_SECTIONS: dict[str | Promise, list[str]] = {
    gettext_lazy("Releases"): [
        "Rollout",
        "RolloutPlan",
        "TrafficChange",
        "Proposal",
        "StandardChange",
    ],
    gettext_lazy("Calendar"): ["Freeze", "ReleaseWindow", "Holiday"],
    gettext_lazy("Catalogue"): ["Service", "Version", "Cluster", "Metric", "Policy", "RolloutLimit"],
    gettext_lazy("Notifications"): ["NotificationChannel", "Delivery"],
    gettext_lazy("People"): ["User", "Group", "Role", "ApiToken"],
}


@require_GET
def health_fragment(request: HttpRequest) -> HttpResponse:
    """Answer with the health of Weir's parts. The board asks for it when it stands: it may take seconds."""
    return TemplateResponse(request, "releases/health.html", {"health": selectors.known_health()})


def board_context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what the board shows. The number of queries does not grow with the number of rollouts."""
    user = person(request)
    rows = selectors.listed_rollouts().prefetch_related(
        Prefetch("step_runs", StepRun.objects.order_by("position"))
    )
    live = list(rows.filter(state__in=LIVE))
    waiting = {rollout.pk for rollout in selectors.waiting_for(user)}
    now = database_now()
    context |= {
        "changes": selectors.changes_waiting_for(user),
        "proposals": selectors.proposals_waiting_for(user),
        "emergencies": list(selectors.emergencies()),
        "overdue": list(selectors.reviews_overdue(now=now)),
        "calendar": _calendar(now=now),
        "chain": selectors.chain(),
        "signed": SignedHead.objects.order_by("-seq").first(),
        "places": _places(context),
        "needs_me": [_line(rollout) for rollout in live if rollout.pk in waiting],
        "mine": [_line(rollout) for rollout in rows.filter(requested_by=user).exclude(state__in=FINISHED)],
        "live": [_line(rollout) for rollout in live],
        "ended": [
            _line(rollout) for rollout in rows.filter(state__in=FINISHED).order_by("-ended_at")[:ENDED]
        ],
    }
    return context


def _calendar(*, now: datetime) -> list[selectors.Occurrence]:
    """Return the freezes that hold now or begin within a week, the next first."""
    zone = ZoneInfo(timezone.get_current_timezone_name())
    view = selectors.calendar_view(since=now, until=now + AHEAD, now=now, zone=zone)
    return sorted(view.freezes, key=lambda found: found.begins)[:FREEZES]


def _places(context: Mapping[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Sort the lists this person may open under what they are about; a list nobody sorted stands with the records."""
    models = [model for app in context.get("app_list", []) for model in app["models"] if model["admin_url"]]
    known = {name for names in _SECTIONS.values() for name in names}
    sections = [
        (str(title), [model for model in models if model["object_name"] in names])
        for title, names in _SECTIONS.items()
    ]
    rest = [model for model in models if model["object_name"] not in known]
    return [(title, found) for title, found in [*sections, (_("Records"), rest)] if found]


def _line(rollout: Rollout) -> dict[str, Any]:
    """A rollout with the sentence that says why it is where it is, and the weight that was last written."""
    written = [run.written for run in rollout.step_runs.all() if run.written is not None]
    return {"rollout": rollout, "why": selectors.why(rollout), "weight": written[-1] if written else 0}
