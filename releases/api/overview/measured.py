"""The figures of every version on the overview: the last minute in numbers, the last quarter of an hour as a
line.

Prometheus is asked once per cluster for the numbers. Lines cost one question per service, so they are kept
for half a minute, and a cluster whose Prometheus does not answer is not asked again for its other services.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.cache import cache
from redis.exceptions import RedisError

from istio.telemetry import TelemetryError
from releases.api.rollouts.figures import figures_of
from releases.api.series import figures_over_time
from services.connections import telemetry_of
from services.models import Service

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 60
LINE_SECONDS = 900
LINE_STEP_SECONDS = 60
LINE_KEPT_SECONDS = 30
LINE_FIGURE = "success_ratio"

Numbers = dict[str, dict[str, float | None]]
Lines = dict[str, list[tuple[float, float]]]


def last_minute(services: Sequence[Service], *, now: datetime) -> dict[int, Numbers]:
    """Return service id -> version -> success_ratio, rps, p95_ms. Services without data are absent."""
    found: dict[int, Numbers] = {}
    for cluster in {service.cluster_id: service.cluster for service in services}.values():
        mine = [service for service in services if service.cluster_id == cluster.pk]
        try:
            counted = telemetry_of(cluster).window(
                [service.target for service in mine], end=now, seconds=WINDOW_SECONDS
            )
        except TelemetryError as error:
            logger.info("Cluster %s: %s", cluster, error)
            continue
        for service in mine:
            versions = {
                name: figures_of(counts, seconds=WINDOW_SECONDS)
                for name, counts in counted.counts.get(service.target, {}).items()
            }
            found[service.pk] = {
                name: {"success_ratio": one.success_ratio, "rps": one.rps, "p95_ms": one.p95_ms}
                for name, one in versions.items()
            }
    return found


def success_lines(services: Sequence[Service], *, now: datetime) -> dict[int, Lines]:
    """Return service id -> version -> points ``[epoch seconds, ratio]``. Services without data are absent."""
    known = _kept([service.pk for service in services])
    silent: set[int] = set()
    fresh: dict[int, Lines] = {}
    for service in services:
        if service.pk in known or service.cluster_id in silent:
            continue
        try:
            versions = figures_over_time(service, end=now, seconds=LINE_SECONDS, step=LINE_STEP_SECONDS)
        except TelemetryError as error:
            logger.info("Service %s: %s", service, error)
            silent.add(service.cluster_id)
            continue
        fresh[service.pk] = {
            name: lines[LINE_FIGURE] for name, lines in versions.items() if LINE_FIGURE in lines
        }
    _keep(fresh)
    return known | fresh


def _kept(service_ids: Sequence[int]) -> dict[int, Lines]:
    try:
        found: dict[str, Any] = cache.get_many([_key(pk) for pk in service_ids])
    except RedisError:
        return {}
    return {pk: found[_key(pk)] for pk in service_ids if _key(pk) in found}


def _keep(lines: dict[int, Lines]) -> None:
    try:
        cache.set_many({_key(pk): value for pk, value in lines.items()}, timeout=LINE_KEPT_SECONDS)
    except RedisError:
        logger.warning("The cache does not answer; the overview asks Prometheus each time.")


def _key(service_id: int) -> str:
    return f"overview-lines:{service_id}"
