"""For machines that watch Weir: is the process alive, may it get requests, and figures for Prometheus.

These pages take no log-in. They name parts and count rows; they say nothing about who or what.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict

from django.core.cache import cache
from django.db import DatabaseError
from django.db.models import Count, Max, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from releases import flow, selectors
from releases.domain.reasons import Reason
from releases.domain.states import LIVE, State
from releases.heartbeat import LAST_PULSE
from releases.models import Approval, AuditEvent, Rollout, Verdict

ROLL_BACK_CAUSES = (Reason.GUARD_FAILED, Reason.EVIDENCE_UNCLEAR, Reason.ROLLED_BACK_BY_PERSON)
"""Shown from the start, so that an alert on their increase sees the first one."""
_VERDICTS_KEY = "verdicts_by_outcome"
_UNSETTLED_VERDICTS = 1_000
"""So many keys before the newest may still be uncommitted; these are counted anew each time."""


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Say that the process answers."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Say of each part whether it answers: what is outside, by an answer of the last seconds.

    503 without the database, since nothing can be answered then. The rest may be away, or nobody could get in
    to roll back: it is told as ``degraded``, and is 503 only for who asks with ``?all``.
    """
    try:
        parts = selectors.health()
    except DatabaseError as error:
        away = [{"id": "database", "name": "database", "ok": False, "detail": str(error)}]
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
        yield from _own_decisions()
        last = AuditEvent.objects.aggregate(last=Max("seq"))["last"] or 0
        yield CounterMetricFamily("weir_audit_events", "Events of the audit trail.", value=last)
        yield GaugeMetricFamily(
            "weir_rollouts_to_thin",
            "Ended rollouts whose snapshots are finer than their age allows.",
            value=flow.rollouts_to_thin(now=timezone.now()),
        )
        age = pulse_age_seconds()
        if age is not None:
            yield GaugeMetricFamily(
                "weir_last_pulse_age_seconds", "Time since the worker's last pulse.", value=age
            )


def _own_decisions() -> Iterator[Metric]:
    """What Weir itself concluded and did: verdicts by outcome, rollbacks by cause, live rollouts by what they wait for."""
    verdicts = CounterMetricFamily("weir_verdicts", "Verdicts by outcome.", labels=["outcome"])
    counted = _counted_verdicts()
    for outcome in Verdict.Outcome.values:
        verdicts.add_metric([outcome], counted.get(outcome, 0))
    yield verdicts
    ended = Rollout.objects.filter(state__in=[State.ROLLING_BACK.value, State.ROLLED_BACK.value])
    causes = dict(ended.order_by().values_list("reason_code").annotate(Count("pk")))
    rollbacks = CounterMetricFamily("weir_rollbacks", "Rollbacks by cause.", labels=["cause"])
    for cause in sorted({*causes, *ROLL_BACK_CAUSES}):
        rollbacks.add_metric([cause], causes.get(cause, 0))
    yield rollbacks
    live = Rollout.objects.filter(state__in=sorted(LIVE)).order_by().values_list("reason_code")
    waiting = GaugeMetricFamily(
        "weir_live_rollouts", "Live rollouts by why they are where they are.", labels=["reason"]
    )
    for reason, number in live.annotate(Count("pk")):
        waiting.add_metric([reason], number)
    yield waiting


def _counted_verdicts() -> dict[str, int]:
    """Count the verdicts by outcome. They are only ever added, so what was counted once is kept: each time reads the newest."""
    upto, counted = 0, {}
    with suppress(RedisError):
        upto, counted = cache.get(_VERDICTS_KEY) or (0, {})
    newest = Verdict.objects.aggregate(last=Max("pk"))["last"] or 0
    if newest < upto:  # another database, or an older one that was restored
        upto, counted = 0, {}
    settled = max(newest - _UNSETTLED_VERDICTS, upto)
    kept = _added(counted, Verdict.objects.filter(pk__gt=upto, pk__lte=settled) if settled > upto else None)
    with suppress(RedisError):
        cache.set(_VERDICTS_KEY, (settled, kept), timeout=None)
    return _added(kept, Verdict.objects.filter(pk__gt=settled))


def _added(counted: Mapping[str, int], rows: QuerySet[Verdict] | None) -> dict[str, int]:
    """Return the counts with these verdicts on top."""
    total = Counter(counted)
    if rows is not None:
        total.update(dict(rows.order_by().values_list("outcome").annotate(Count("pk"))))
    return dict(total)


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
