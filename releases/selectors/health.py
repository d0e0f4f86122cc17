"""Is Weir itself well: the pulse, the broker, the database, every mesh and every Prometheus."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from django.core.cache import cache
from django.db import DatabaseError
from django.utils.translation import gettext as _
from redis.exceptions import RedisError

from istio.mesh import GATEWAY, MeshError
from istio.telemetry import TelemetryError
from releases.clock import database_now
from releases.heartbeat import LAST_PULSE
from releases.said import said_of
from services.connections import mesh_of, telemetry_of
from services.models import Cluster

PULSE_IS_LATE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class HealthItem:
    """One part of Weir, whether it is well, and a detail for the reader."""

    name: str
    ok: bool
    detail: str


def health() -> list[HealthItem]:
    """Ask every part once. Never raises: a part that does not answer is an item that is not ok."""
    items = [_item(_("Database"), _database), _pulse()]
    for cluster in Cluster.objects.all():
        items.append(_item(_("Mesh API %(cluster)s") % {"cluster": cluster}, partial(_mesh, cluster)))
        items.append(_item(_("Prometheus %(cluster)s") % {"cluster": cluster}, partial(_telemetry, cluster)))
    return items


def _item(name: str, ask: Callable[[], str]) -> HealthItem:
    started = time.perf_counter()
    try:
        detail = ask()
    except (MeshError, TelemetryError, DatabaseError, RedisError) as error:
        return HealthItem(name=name, ok=False, detail=said_of(error))
    took = (time.perf_counter() - started) * 1000
    return HealthItem(name=name, ok=True, detail=detail or _("answers in %(ms)d ms") % {"ms": took})


def _database() -> str:
    database_now()
    return ""


def _mesh(cluster: Cluster) -> str:
    mesh_of(cluster).list(GATEWAY, namespace="")
    return ""


def _telemetry(cluster: Cluster) -> str:
    telemetry_of(cluster).ping()
    return ""


def _pulse() -> HealthItem:
    name = _("Scheduler, last pulse")
    try:
        last = cache.get(LAST_PULSE)
    except RedisError as error:
        return HealthItem(name=name, ok=False, detail=str(error))
    if last is None:
        return HealthItem(name=name, ok=False, detail=_("no pulse yet"))
    age = max(time.time() - last, 0.0)
    return HealthItem(
        name=name, ok=age <= PULSE_IS_LATE_SECONDS, detail=_("%(seconds)d s ago") % {"seconds": age}
    )
