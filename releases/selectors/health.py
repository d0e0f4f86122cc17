"""Is Weir itself well: the pulse, the broker, the database, every mesh and every Prometheus.

What is outside is asked by the worker every few seconds and remembered in the cache: a cluster that is away makes no page wait.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError
from django.utils.translation import gettext as _
from kombu import Connection
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from istio.mesh import GATEWAY, MeshError
from istio.sentence import message_of
from istio.telemetry import TelemetryError
from releases.clock import database_now
from releases.heartbeat import LAST_PULSE
from releases.said import said, said_of
from services.connections import mesh_of, telemetry_of
from services.models import Cluster

PULSE_IS_LATE_SECONDS = 15.0
ASKED_AGAIN_SECONDS = 10.0
"""A machine that asks gets an answer no older than this."""
STALE_SECONDS = 60.0
"""An answer older than this is no answer: the worker that should have asked is away."""
_KNOWN = "health_of_parts"
_KEPT_SECONDS = 24 * 3600
_AT_ONCE = 8
_BROKER_SECONDS = 2


@dataclass(frozen=True, slots=True)
class HealthItem:
    """One part of Weir, whether it is well, and a detail for the reader.

    ``id`` is the same in every language: ``database``, ``broker``, ``beat``, ``mesh:CLUSTER``, ``prometheus:CLUSTER``.
    """

    id: str
    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a part outside answered when it was asked; ``problem`` keeps its parts, for readers of any language."""

    id: str
    ok: bool
    took_ms: float
    problem: str = ""


def health(*, within_seconds: float = ASKED_AGAIN_SECONDS) -> list[HealthItem]:
    """Return every part. Only the database and the pulse are asked now; what is remembered is asked again when older.

    Raises nothing but DatabaseError, when nothing is remembered: what does not answer is an item that is not ok.
    """
    asked_at, answers = _known()
    if time.time() - asked_at > within_seconds:
        asked_at, answers = ask_parts()
    age = time.time() - asked_at
    return [_database(), _pulse(), *(_item(answer, age_seconds=age) for answer in answers)]


def known_health() -> list[HealthItem]:
    """Return every part for a page that is polled: as last remembered, however long ago; asked now only the first time."""
    return health(within_seconds=_KEPT_SECONDS)


def ask_parts() -> tuple[float, list[_Answer]]:
    """Ask the broker and every cluster, at once, and remember when and what they answered. Takes as long as the slowest."""
    asks: list[tuple[str, Callable[[], object]]] = [("broker", _broker)]
    for cluster in Cluster.objects.order_by("name"):
        asks.append((f"mesh:{cluster.name}", partial(_mesh, cluster)))
        asks.append((f"prometheus:{cluster.name}", partial(_telemetry, cluster)))
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as threads:
        answers = list(threads.map(lambda ask: _asked(*ask), asks))
    found = (time.time(), answers)
    with suppress(RedisError):
        cache.set(_KNOWN, found, timeout=_KEPT_SECONDS)
    return found


def _known() -> tuple[float, list[_Answer]]:
    with suppress(RedisError):
        known: tuple[float, list[_Answer]] | None = cache.get(_KNOWN)
        if known is not None:
            return known
    return 0.0, []


def _asked(part: str, ask: Callable[[], object]) -> _Answer:
    started = time.perf_counter()
    try:
        ask()
    except (MeshError, TelemetryError, OperationalError, OSError) as error:
        return _Answer(id=part, ok=False, took_ms=0.0, problem=message_of(error))
    return _Answer(id=part, ok=True, took_ms=(time.perf_counter() - started) * 1000)


def _item(answer: _Answer, *, age_seconds: float) -> HealthItem:
    name = _name(answer.id)
    if age_seconds > STALE_SECONDS:
        late = _("not asked for %(seconds)d s") % {"seconds": age_seconds}
        return HealthItem(id=answer.id, name=name, ok=False, detail=late)
    took = _("answers in %(ms)d ms") % {"ms": answer.took_ms}
    return HealthItem(
        id=answer.id, name=name, ok=answer.ok, detail=took if answer.ok else said(answer.problem)
    )


def _name(part: str) -> str:
    kind, _colon, cluster = part.partition(":")
    if kind == "mesh":
        return _("Mesh API %(cluster)s") % {"cluster": cluster}
    if kind == "prometheus":
        return _("Prometheus %(cluster)s") % {"cluster": cluster}
    return _("Message broker")


def _broker() -> None:
    """Open a connection as a worker does; the Redis transport pings. Raises OperationalError."""
    options = {**settings.CELERY_BROKER_TRANSPORT_OPTIONS, "socket_connect_timeout": _BROKER_SECONDS}
    url = settings.CELERY_BROKER_URL
    with Connection(url, connect_timeout=_BROKER_SECONDS, transport_options=options) as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=_BROKER_SECONDS)


def _mesh(cluster: Cluster) -> None:
    mesh_of(cluster).list(GATEWAY, namespace="")


def _telemetry(cluster: Cluster) -> None:
    telemetry_of(cluster).ping()


def _database() -> HealthItem:
    started = time.perf_counter()
    try:
        database_now()
    except DatabaseError as error:
        return HealthItem(id="database", name=_("Database"), ok=False, detail=said_of(error))
    took = _("answers in %(ms)d ms") % {"ms": (time.perf_counter() - started) * 1000}
    return HealthItem(id="database", name=_("Database"), ok=True, detail=took)


def _pulse() -> HealthItem:
    name = _("Scheduler, last pulse")
    try:
        last = cache.get(LAST_PULSE)
    except RedisError as error:
        return HealthItem(id="beat", name=name, ok=False, detail=str(error))
    if last is None:
        return HealthItem(id="beat", name=name, ok=False, detail=_("no pulse yet"))
    age = max(time.time() - last, 0.0)
    detail = _("%(seconds)d s ago") % {"seconds": age}
    return HealthItem(id="beat", name=name, ok=age <= PULSE_IS_LATE_SECONDS, detail=detail)
