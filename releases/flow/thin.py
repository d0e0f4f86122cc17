"""Thinning snapshots by age: as measured, then minutes, then hours. Age counts from the end of the rollout; a live one is left alone.

What the verdicts used stays: before its rows are added up, an hour is packed as it was measured (``flow.measured``), and
``flow.recompute`` reads the pack. An hour whose snapshots are not those that the verdicts hashed stays as it was found.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from releases.clock import Clock
from releases.domain.actor import Actor
from releases.domain.evidence.scrape import counts_as_json, counts_from_json
from releases.domain.evidence.thinning import Window, thinned
from releases.domain.states import LIVE
from releases.flow.measure import hash_after
from releases.flow.measured import packed
from releases.flow.record import record
from releases.models import AuditEvent, MetricSnapshot, Rollout, SnapshotPack, Verdict
from releases.models.rollout import HOUR_SECONDS

MINUTE_SECONDS = 60
_ROLLOUTS_PER_RUN = 500
_UNPROVEN = "keep_unproven_snapshots"
_HOUR = timedelta(seconds=HOUR_SECONDS)

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Thinned:
    """What one run did. ``unproven`` are rollouts whose snapshots do not agree with their verdicts; they stay as they are."""

    rollouts: int = 0
    rows_before: int = 0
    rows_after: int = 0
    packed: int = 0
    unproven: int = 0


class Unproven(Exception):
    """A snapshot is not the one that its verdict hashed."""


def thin_snapshots(*, by: Actor, clock: Clock) -> Thinned:
    """Thin what is old enough, the release that ended first first, until the run's share of rows is done.

    One run is one audit event, if it changed anything; each hour of a rollout is a transaction of its own, so that a run that
    is ended in the middle loses nothing and the next goes on where it was.
    """
    now, done = clock(), Thinned()
    for rollout in _old(now=now).order_by("ended_at")[:_ROLLOUTS_PER_RUN]:
        try:
            is_through = _thin(rollout, resolution=_resolution_of(rollout, now=now), done=done)
        except Unproven as error:
            done.unproven += 1
            with transaction.atomic():
                record(_UNPROVEN, by=by, obj=rollout, why=str(error))
            continue
        except IntegrityError:
            logger.info("Another worker thins the snapshots of %s.", rollout)
            break
        if not is_through:
            break
        done.rollouts += 1
    if done.rows_before:
        logger.info("Snapshots thinned: %d rows became %d.", done.rows_before, done.rows_after)
        with transaction.atomic():
            record("thin_snapshots", by=by, obj=SnapshotPack(), after=asdict(done))
    return done


def rollouts_to_thin(*, now: datetime) -> int:
    """Count the rollouts whose snapshots are older than their resolution allows."""
    return _old(now=now).count()


def _old(*, now: datetime) -> QuerySet[Rollout]:
    raw = now - timedelta(seconds=settings.SNAPSHOTS_RAW_SECONDS)
    finer = Q(ended_at__lt=raw, figures_resolution_seconds__lt=MINUTE_SECONDS)
    coarser = Q(ended_at__lt=_before_minutes(now), figures_resolution_seconds__lt=HOUR_SECONDS)
    told = AuditEvent.objects.filter(rollout=OuterRef("pk"), action=_UNPROVEN)
    ended = Rollout.objects.exclude(state__in=sorted(LIVE)).filter(
        figures_resolution_seconds__lt=HOUR_SECONDS
    )
    return ended.filter(finer | coarser).exclude(Exists(told))


def _resolution_of(rollout: Rollout, *, now: datetime) -> int:
    is_older = rollout.ended_at is not None and rollout.ended_at < _before_minutes(now)
    return HOUR_SECONDS if is_older else MINUTE_SECONDS


def _before_minutes(now: datetime) -> datetime:
    return now - timedelta(seconds=settings.SNAPSHOTS_MINUTES_SECONDS)


def _thin(rollout: Rollout, *, resolution: int, done: Thinned) -> bool:
    """Thin hour after hour; False when the run's share of rows is used up before the last. Raises Unproven."""
    while True:
        finer = rollout.snapshots.filter(resolution_seconds__lt=resolution).order_by("at")
        first = finer.first()
        if first is None:
            Rollout.objects.filter(pk=rollout.pk).update(figures_resolution_seconds=resolution)
            return True
        if done.rows_before >= settings.SNAPSHOTS_THINNED_PER_RUN:
            return False
        until = _end_of_hour(first.at)
        _thin_hour(
            rollout,
            rows=list(finer.filter(at__gt=until - _HOUR, at__lte=until)),
            until=until,
            resolution=resolution,
            done=done,
        )


@transaction.atomic
def _thin_hour(
    rollout: Rollout, *, rows: Sequence[MetricSnapshot], until: datetime, resolution: int, done: Thinned
) -> None:
    """Pack what is still as measured, keep one row per sum, and take the rest away."""
    raw = [row for row in rows if not row.resolution_seconds]
    if raw:
        _check(rollout, raw=raw)
        SnapshotPack.objects.create(rollout=rollout, until=until, snapshots=len(raw), packed=packed(raw))
    sums = thinned([_window(row) for row in rows], resolution_seconds=resolution)
    for found in sums:
        whole = found.whole
        # The last row stays and becomes the sum: new rows would be news to everybody who follows the stream.
        MetricSnapshot.objects.filter(pk=whole.key).update(
            resolution_seconds=resolution,
            windows=whole.windows,
            window_seconds=whole.seconds,
            stable=counts_as_json(whole.stable),
            candidate=counts_as_json(whole.candidate),
        )
    MetricSnapshot.objects.filter(pk__in=[key for found in sums for key in found.absorbed]).delete()
    done.rows_before += len(rows)
    done.rows_after += len(sums)
    done.packed += len(raw)


def _check(rollout: Rollout, *, raw: Sequence[MetricSnapshot]) -> None:
    """Hold the snapshots against the hashes that their verdicts stored. Raises Unproven."""
    verdicts = rollout.verdicts.filter(at__gte=raw[0].at, at__lte=raw[-1].at)
    said = {verdict.at: verdict for verdict in verdicts.only("at", "snapshots_hash")}
    last: Verdict | None = rollout.verdicts.filter(at__lt=raw[0].at).order_by("-at").first()
    missing = set(said) - {row.at for row in raw}
    if missing:
        raise Unproven(f"{rollout}: no snapshot is stored for the verdict of {min(missing)}.")
    for row in raw:
        verdict = said.get(row.at)
        if verdict is None:
            continue
        if verdict.snapshots_hash and verdict.snapshots_hash != hash_after(last, row):
            raise Unproven(f"{rollout}: the snapshot of {row.at} is not the one that its verdict was about.")
        last = verdict


def _window(row: MetricSnapshot) -> Window:
    return Window(
        key=row.pk,
        at=row.at.timestamp(),
        seconds=row.window_seconds,
        windows=row.windows,
        step=row.step,
        weight=row.weight,
        problem=row.problem,
        stable=counts_from_json(row.stable),
        candidate=counts_from_json(row.candidate),
    )


def _end_of_hour(at: datetime) -> datetime:
    """Return the end of the hour that a window's end belongs to; a full hour is its own end."""
    seconds = -(-at.timestamp() // HOUR_SECONDS) * HOUR_SECONDS
    return datetime.fromtimestamp(seconds, tz=UTC)
