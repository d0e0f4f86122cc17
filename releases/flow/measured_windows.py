"""Which windows of time are measured, and reading each of them once for everybody.

Windows end at multiples of the plan's interval, so that all live rollouts of a cluster share one answer: what Prometheus is
asked depends on the metrics and the intervals in use, never on the number of rollouts.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from istio.telemetry import Question, Window
from releases.domain.decision import SCRAPE_LAG, end_of_window
from releases.domain.fingerprint import digest
from releases.domain.states import CARRYING
from releases.flow.look import shared
from releases.models import Rollout
from services.connections import telemetry_of
from services.models import Cluster, Service

MOST_AT_ONCE = 500
"""After an outage of Weir so many windows of the past are read; what was before them nobody judged."""
_KEPT_SECONDS = 30


def due_ends(*, after: datetime, now: datetime, seconds: int) -> list[datetime]:
    """Return the ends of the windows that are complete by now and end after the given moment, oldest first."""
    last = end_of_window(now - SCRAPE_LAG, seconds=seconds)
    number = math.ceil((last - end_of_window(after, seconds=seconds)).total_seconds() / seconds)
    step = timedelta(seconds=seconds)
    return [last - step * back for back in reversed(range(min(max(number, 0), MOST_AT_ONCE)))]


def shared_window(cluster: Cluster, *, end: datetime, seconds: int) -> Window:
    """Ask once for every service of the cluster with a live rollout, and share the answer. Raises TelemetryError."""
    live = Rollout.objects.filter(state__in=CARRYING, service__cluster=cluster).values("service")
    services = Service.objects.filter(pk__in=live).prefetch_related("metrics").order_by("pk")
    targets = [service.target for service in services]
    questions = sorted({question for service in services for question in questions_of(service)}, key=str)
    # A rollout that began a moment ago changes the targets, so they are part of the key.
    about = digest([[str(target) for target in targets], [str(question) for question in questions]])
    key = f"window:{cluster.pk}:{end.timestamp():.0f}:{seconds}:{about}"
    telemetry = telemetry_of(cluster)
    return shared(
        key,
        lambda: telemetry.window(targets, end=end, seconds=seconds, questions=questions),
        seconds=_KEPT_SECONDS,
    )


def questions_of(service: Service) -> list[Question]:
    """Return what has to be asked for the service's own business metrics."""
    return [question for metric in service.metrics.all() if (question := metric.question)]
