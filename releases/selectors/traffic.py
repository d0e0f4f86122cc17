"""The split of a service three times over: declared by Weir, configured in the mesh, observed by Prometheus."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from istio.documents import TrafficError
from istio.effective import effective_split
from istio.mesh import VIRTUAL_SERVICE, Manifest, MeshError
from istio.sentence import message_of
from istio.telemetry import Counts, TelemetryError
from istio.traffic import TrafficSpec
from releases.clock import database_now
from releases.domain.states import State
from releases.flow.in_force import changes_in_force
from releases.models import Rollout, TrafficChange
from services.connections import mesh_of, telemetry_of
from services.models import Cluster, Service

OBSERVED_SECONDS = 60.0
"""Requests of the last minute are counted, of less when the traffic was moved since: see :func:`_since`."""

SETTLING_SECONDS = 5.0
"""So soon after a write Prometheus has seen too little of it to say anything."""

_CARRYING = (State.RUNNING, State.PAUSED, State.ROLLING_BACK)
_TOLERATED_POINTS = 3.0
_FEW_REQUESTS = 200


@dataclass(frozen=True, slots=True)
class Traffic:
    """Percent by version name; None where nobody knows. ``problem`` says who did not answer.

    ``declared`` and ``configured`` are of ordinary requests, ``observed`` is of all. It counts ``observed_seconds``; 0: the
    traffic was moved just now, and what came before says nothing about it.
    """

    declared: dict[str, float] | None = None
    configured: dict[str, float] | None = None
    observed: dict[str, float] | None = None
    requests: dict[str, float] | None = None
    observed_seconds: float = OBSERVED_SECONDS
    matched: bool = True
    rules: list[dict[str, Any]] = field(default_factory=list)
    sticky: dict[str, Any] | None = None
    mirror: dict[str, Any] | None = None
    drift: dict[str, Any] | None = None
    problem: str = ""


def traffic(service: Service) -> Traffic:
    """Return the split of one service."""
    return traffic_of([service])[service.pk]


def traffic_of(services: Iterable[Service]) -> dict[int, Traffic]:
    """Return the split of many services: one list per namespace, one set of queries per cluster."""
    rows, now = list(services), database_now()
    lately = Q(state__in=_CARRYING) | Q(ended_at__gt=now - timedelta(seconds=OBSERVED_SECONDS))
    found_rollouts = list(
        Rollout.objects.filter(lately, service__in=rows)
        .select_related("candidate", "stable")
        .prefetch_related("step_runs")
        .defer("baseline", "last_written", "writing")
    )
    carrying = {row.service_id: row for row in found_rollouts if row.state in _CARRYING}
    by_hand = {
        row.service_id: row for row in changes_in_force().filter(service__in=rows).order_by("ended_at")
    }
    seconds = _observed_seconds(rows, rollouts=found_rollouts, changes=by_hand.values(), now=now)
    clusters: dict[int, list[Service]] = defaultdict(list)
    for row in rows:
        clusters[row.cluster_id].append(row)
    found: dict[int, Traffic] = {}
    for members in clusters.values():
        documents, mesh_problem = _documents(members[0].cluster, members)
        counts, telemetry_problem = _counts(members[0].cluster, members, seconds=seconds, now=now)
        for row in members:
            problem = mesh_problem or telemetry_problem
            found[row.pk] = _one(
                row,
                rollout=carrying.get(row.pk),
                change=by_hand.get(row.pk),
                document=documents.get(row.pk),
                counts=counts.get(row.pk),
                seconds=seconds[row.pk],
                problem=problem,
            )
    return found


def _one(
    service: Service,
    *,
    rollout: Rollout | None,
    change: TrafficChange | None,
    document: Manifest | None,
    counts: dict[str, Counts] | None,
    seconds: float,
    problem: str,
) -> Traffic:
    declared = declared_split(service, rollout=rollout, change=change)
    shaped = _shaped_by(rollout, change)
    configured = _configured(service, document)
    requests = {name: round(of.requests, 1) for name, of in counts.items()} if counts else None
    whole = sum(requests.values()) if requests else 0
    observed = (
        {name: round(100 * n / whole, 2) for name, n in requests.items()} if requests and whole else None
    )
    expected = _of_all(configured, shaped=shaped, rollout=rollout, change=change)
    return Traffic(
        declared=declared,
        configured=configured,
        observed=observed,
        requests=requests,
        observed_seconds=seconds,
        matched=_matches(declared, configured, points=0.5)
        and (whole < _FEW_REQUESTS or _matches(expected, observed, points=_TOLERATED_POINTS)),
        rules=shaped["rules"],
        sticky=shaped["sticky"],
        mirror=shaped["mirror"],
        drift=rollout.drift if rollout else None,
        problem=problem,
    )


def declared_split(
    service: Service, *, rollout: Rollout | None, change: TrafficChange | None = None
) -> dict[str, float] | None:
    """Return what Weir last decided, percent by version name: the live rollout, else the change by hand in force."""
    if service.stable is None:
        return None
    if rollout is None:
        if change is not None and 0 < change.weight < 100:
            return {change.stable.name: 100.0 - change.weight, change.candidate.name: float(change.weight)}
        return {service.stable.name: 100.0}
    weights = [run.written for run in rollout.step_runs.all() if run.written is not None]
    weight = 0 if rollout.state == State.ROLLING_BACK or not weights else weights[-1]
    return {rollout.stable.name: 100.0 - weight, rollout.candidate.name: float(weight)}


def _configured(service: Service, document: Manifest | None) -> dict[str, float] | None:
    if document is None:
        return None
    try:
        split = effective_split(
            document,
            host=service.host,
            routes=service.routes,
            namespace=service.namespace,
            stable=service.stable.subset if service.stable else None,
        )
    except TrafficError:
        return None
    names = {version.subset: version.name for version in service.versions.all()}
    return {names.get(subset, subset): share for subset, share in split.items()}


def _shaped_by(rollout: Rollout | None, change: TrafficChange | None) -> dict[str, Any]:
    """Return rules, sticky users and mirror of what has the traffic now: a live rollout before a change by hand."""
    if rollout is not None:
        step = rollout.current_step
        spec = TrafficSpec() if step is None else rollout.plan_value.steps[step].traffic
        return spec.as_json()
    return (change.spec_value if change else TrafficSpec()).as_json()


def _of_all(
    ordinary: dict[str, float] | None,
    *,
    shaped: dict[str, Any],
    rollout: Rollout | None,
    change: TrafficChange | None,
) -> dict[str, float] | None:
    """Add the users who always see the candidate to the split of the others; ids are spread evenly. Header rules pick
    requests that nobody can foretell the number of: None.
    """
    sticky, mover = shaped["sticky"], rollout or change
    if shaped["rules"]:
        return None
    if ordinary is None or sticky is None or mover is None:
        return ordinary
    percent = float(sticky["percent"])
    candidate = mover.candidate.name
    spread = {name: share * (100 - percent) / 100 for name, share in ordinary.items()}
    return spread | {candidate: spread.get(candidate, 0.0) + percent}


def _matches(left: dict[str, float] | None, right: dict[str, float] | None, *, points: float) -> bool:
    if left is None or right is None:
        return True
    return all(abs(left.get(name, 0) - right.get(name, 0)) <= points for name in left | right)


def _documents(cluster: Cluster, services: list[Service]) -> tuple[dict[int, Manifest], str]:
    try:
        mesh = mesh_of(cluster)
        listed = {
            (namespace, item["metadata"]["name"]): item
            for namespace in {row.namespace for row in services}
            for item in mesh.list(VIRTUAL_SERVICE, namespace=namespace)
        }
    except MeshError as error:
        return {}, message_of(error)
    pairs = ((row.pk, listed.get((row.namespace, row.virtual_service))) for row in services)
    return {pk: item for pk, item in pairs if item is not None}, ""


def _observed_seconds(
    services: list[Service],
    *,
    rollouts: Iterable[Rollout],
    changes: Iterable[TrafficChange],
    now: datetime,
) -> dict[int, float]:
    """Return over how many seconds each service's requests are counted, 0: its traffic has just been moved.

    Requests from before the last write say nothing about it, and side by side with it they look like a fault.
    """
    seconds = dict.fromkeys((row.pk for row in services), OBSERVED_SECONDS)
    for rollout in rollouts:
        moved = [run.started_at for run in rollout.step_runs.all()] + [rollout.ended_at]
        since = min(((now - at).total_seconds() for at in moved if at), default=OBSERVED_SECONDS)
        whole = float(
            since // SETTLING_SECONDS * SETTLING_SECONDS
        )  # few sizes, so that services share queries
        seconds[rollout.service_id] = min(seconds[rollout.service_id], whole)
    return seconds


def _counts(
    cluster: Cluster, services: list[Service], *, seconds: Mapping[int, float], now: datetime
) -> tuple[dict[int, dict[str, Counts]], str]:
    """Count requests by version: one set of queries per length of the window, nearly always one."""
    end = (now - timedelta(seconds=1)).replace(microsecond=0)
    counts: dict[int, dict[str, Counts]] = {}
    for size in sorted(set(seconds.values()) - {0.0}):
        members = [row for row in services if seconds[row.pk] == size]
        try:
            found = telemetry_of(cluster).window([row.target for row in members], end=end, seconds=size)
        except TelemetryError as error:
            return counts, message_of(error)
        counts |= {row.pk: dict(found.counts[row.target]) for row in members if row.target in found.counts}
    return counts, ""
