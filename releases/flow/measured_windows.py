"""Which windows of time are measured, and reading each of them once for everybody.

Windows end at multiples of the plan's interval, so that all live rollouts of a cluster share one answer: what Prometheus is
asked depends on the metrics and the intervals in use, never on the number of rollouts. Each rollout reads its own part of the
answer, so that a look costs the same whatever else is live.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from istio.telemetry import Counts, Missing, Question, Reading
from releases.domain.decision import SCRAPE_LAG, end_of_window
from releases.domain.fingerprint import digest
from releases.domain.states import CARRYING
from releases.flow.shared_answers import keep, kept
from releases.models import AskedQueries, Rollout
from services.connections import telemetry_of
from services.models import Service

MOST_AT_ONCE = 500
"""After an outage of Weir so many windows of the past are read; what was before them nobody judged."""
_KEPT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Measured:
    """One service's part of a window: the counts of each version, or why one has none, and the row of what was asked."""

    counts: Mapping[str, Counts]
    missing: Mapping[str, Missing]
    asked: str

    def of(self, version: str) -> Reading:
        """Return the counts of one version, or why there are none."""
        counted = self.counts.get(version)
        return self.missing.get(version, Missing.NO_DATA) if counted is None else counted


def due_ends(*, after: datetime, now: datetime, seconds: int) -> list[datetime]:
    """Return the ends of the windows that are complete by now and end after the given moment, oldest first."""
    last = end_of_window(now - SCRAPE_LAG, seconds=seconds)
    number = math.ceil((last - end_of_window(after, seconds=seconds)).total_seconds() / seconds)
    step = timedelta(seconds=seconds)
    return [last - step * back for back in reversed(range(min(max(number, 0), MOST_AT_ONCE)))]


def measured(service: Service, *, end: datetime, seconds: int) -> Measured:
    """Return what was measured of one service in one window. Raises TelemetryError.

    Whoever looks first asks for every service of the cluster with a live rollout; the others find their part and read
    nothing else. A service whose rollout began since, or whose metrics changed, asks again.
    """
    key = _key(service, end=end, seconds=seconds)
    known: Measured | None = kept(key)
    if known is not None:
        return known
    parts = _ask(service, end=end, seconds=seconds)
    keep(parts, seconds=_KEPT_SECONDS)
    return parts[key]


def _ask(asking: Service, *, end: datetime, seconds: int) -> dict[str, Measured]:
    """Ask once for all of a cluster, one query per metric, and give each service its part."""
    live = Rollout.objects.filter(state__in=CARRYING, service__cluster=asking.cluster_id).values("service")
    services = (
        Service.objects.filter(Q(pk__in=live) | Q(pk=asking.pk)).prefetch_related("metrics").order_by("pk")
    )
    questions = sorted({question for service in services for question in questions_of(service)}, key=str)
    window = telemetry_of(asking.cluster).window(
        [service.target for service in services], end=end, seconds=seconds, questions=questions
    )
    asked = stored_queries(window.queries).pk
    return {
        _key(service, end=end, seconds=seconds): Measured(
            counts=window.counts.get(service.target, {}),
            missing=window.missing.get(service.target, {}),
            asked=asked,
        )
        for service in services
    }


def _key(service: Service, *, end: datetime, seconds: int) -> str:
    about = digest([str(service.target), *(str(question) for question in questions_of(service))])
    return f"window:{service.pk}:{end.timestamp():.0f}:{seconds}:{about}"


def stored_queries(queries: Sequence[str]) -> AskedQueries:
    """Return the row of these queries: what many windows were asked is stored once."""
    wording = list(queries)
    row, _new = AskedQueries.objects.get_or_create(digest=digest(wording), defaults={"queries": wording})
    return row


def questions_of(service: Service) -> list[Question]:
    """Return what has to be asked for the service's own business metrics."""
    return [question for metric in service.metrics.all() if (question := metric.question)]
