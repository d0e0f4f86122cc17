"""For machines that watch Weir: is the process alive, may it get requests, and figures for Prometheus.

These pages take no log-in. They name parts and count rows; they say nothing about who or what.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from django.core.cache import cache
from django.db import DatabaseError
from django.db.models import Count, Max
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from releases import selectors
from releases.domain.states import State
from releases.heartbeat import LAST_PULSE
from releases.models import Approval, AuditEvent, Rollout


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Say that the process answers."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Say of each part whether it answers.

    503 without the database, since nothing can be answered then. The rest may be away, or nobody could get in
    to roll back: it is told as ``degraded``, and is 503 only for who asks with ``?all``.
    """
    try:
        parts = selectors.health()
    except DatabaseError as error:
        away = [{"name": "database", "ok": False, "detail": str(error)}]
        return JsonResponse({"status": "unavailable", "parts": away}, status=503)
    is_whole = all(part.ok for part in parts)
    answer = {"status": "ok" if is_whole else "degraded", "parts": [asdict(part) for part in parts]}
    return JsonResponse(answer, status=503 if "all" in request.GET and not is_whole else 200)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer in Prometheus' text format, read from the database: every web process tells the same."""
    return HttpResponse(generate_latest(_registry), content_type=CONTENT_TYPE_LATEST)


class WeirCollector(Collector):
    """Rollouts by state, votes by decision, events of the audit trail, age of the last pulse."""

    def describe(self) -> list[Metric]:
        """Nothing: a registry would otherwise read the database when the process starts."""
        return []

    def collect(self) -> Iterator[Metric]:
        states = dict(Rollout.objects.order_by().values_list("state").annotate(Count("pk")))
        rollouts = GaugeMetricFamily("weir_rollouts", "Rollouts by state.", labels=["state"])
        for state in State:
            rollouts.add_metric([state.value], states.get(state.value, 0))
        yield rollouts
        votes = dict(Approval.objects.order_by().values_list("decision").annotate(Count("pk")))
        decisions = CounterMetricFamily("weir_decisions", "Votes by decision.", labels=["decision"])
        for decision in Approval.Decision.values:
            decisions.add_metric([decision], votes.get(decision, 0))
        yield decisions
        last = AuditEvent.objects.aggregate(last=Max("seq"))["last"] or 0
        yield CounterMetricFamily("weir_audit_events", "Events of the audit trail.", value=last)
        age = pulse_age_seconds()
        if age is not None:
            yield GaugeMetricFamily(
                "weir_last_pulse_age_seconds", "Time since the worker's last pulse.", value=age
            )


def pulse_age_seconds() -> float | None:
    """Return the age of the last pulse, None when there was none yet or the cache does not answer."""
    try:
        last: float | None = cache.get(LAST_PULSE)
    except RedisError:
        return None
    return None if last is None else max(0.0, timezone.now().timestamp() - last)


_registry = CollectorRegistry()
_registry.register(WeirCollector())
ProcessCollector(registry=_registry)
