"""One look at a rollout: a snapshot of both versions, a verdict, and whether the mesh is still what was written."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.cache import cache
from django.db import transaction

from istio.telemetry import Counts, Target
from releases.domain.evidence import Scrape, judge
from releases.domain.evidence.scrape import counts_as_json, counts_from_json
from releases.domain.fingerprint import digest
from releases.domain.states import MOVING
from releases.flow.move import change
from releases.flow.shift import drift_of, version_problem
from releases.models import MetricSnapshot, Rollout, StepRun, Verdict
from services.connections import mesh_of, telemetry_of
from services.models import Cluster

SCRAPE_LAG = timedelta(seconds=1)
"""Windows end this long ago, so that the scrape that closes them has been stored."""
_JUDGED_SNAPSHOTS = 2000


def measure(rollout: Rollout, *, now: datetime) -> None:
    """Store a snapshot and the verdict over the step so far, and note drift and a changed image on the row.

    Raises TelemetryError or MeshError when somebody did not answer, LostRace when the row changed meanwhile.
    """
    run = rollout.step_runs.exclude(started_at=None).order_by("-position").first()
    if run is None or run.started_at is None:
        return
    window = next_window(rollout, run=run, now=now)
    if window:
        start, end = window
        counts = window_counts(rollout.service.cluster, end=end, seconds=(end - start).total_seconds()).get(
            rollout.service.target, {}
        )
        _keep(rollout, run=run, end=end, seconds=(end - start).total_seconds(), counts=counts)
    _look_at_mesh(rollout)


def next_window(rollout: Rollout, *, run: StepRun, now: datetime) -> tuple[datetime, datetime] | None:
    """Return the window since the last snapshot (or the step's first traffic), cut to whole seconds; None while it is empty."""
    end = (now - SCRAPE_LAG).replace(microsecond=0)
    last = rollout.snapshots.order_by("-at").values_list("at", flat=True).first()
    begun = run.started_at.replace(microsecond=0) if run.started_at else end
    start = max(last, begun) if last else begun
    return (start, end) if end > start else None


def window_counts(cluster: Cluster, *, end: datetime, seconds: float) -> dict[Target, dict[str, Counts]]:
    """Ask once for every live service of the cluster and share the answer, so that the cost does not grow with them."""
    live = Rollout.objects.filter(state__in=MOVING, service__cluster=cluster).values_list(
        "service__namespace", "service__name"
    )
    targets = sorted({Target(namespace=namespace, service=name) for namespace, name in live}, key=str)
    # A rollout that began a moment ago changes the targets, so they are part of the key.
    key = (
        f"window:{cluster.pk}:{end.timestamp():.0f}:{seconds:g}:{digest([str(target) for target in targets])}"
    )
    answer: dict[Target, dict[str, Counts]] | None = cache.get(key)
    if answer is None:
        found = telemetry_of(cluster).window(targets, end=end, seconds=seconds)
        answer = {target: dict(versions) for target, versions in found.counts.items()}
        cache.set(key, answer, timeout=10)
    return answer


def scrapes_of(rollout: Rollout, *, step: int) -> list[Scrape]:
    """Return the stored snapshots of one step, oldest first, as the judge reads them."""
    rows = rollout.snapshots.filter(step=step).order_by("-at")[:_JUDGED_SNAPSHOTS]
    return [
        Scrape(
            at=row.at,
            seconds=row.window_seconds,
            step=row.step,
            weight=row.weight,
            stable=counts_from_json(row.stable),
            candidate=counts_from_json(row.candidate),
        )
        for row in reversed(rows)
    ]


@transaction.atomic
def _keep(
    rollout: Rollout, *, run: StepRun, end: datetime, seconds: float, counts: dict[str, Counts]
) -> None:
    stable, candidate = counts.get(rollout.stable.name), counts.get(rollout.candidate.name)
    MetricSnapshot.objects.create(
        rollout=rollout,
        step=run.position,
        at=end,
        window_seconds=seconds,
        weight=run.written or 0,
        stable=counts_as_json(stable),
        candidate=counts_as_json(candidate),
    )
    scrapes = scrapes_of(rollout, step=run.position)
    verdict = judge(scrapes, step=run.position)
    Verdict.objects.create(
        rollout=rollout,
        step=run.position,
        at=end,
        outcome=verdict.outcome.value,
        metric=verdict.metric,
        rule=verdict.rule,
        reason_code=verdict.code,
        numbers=dict(verdict.numbers),
        settings=dict(verdict.settings),
        snapshots_from=scrapes[0].at,
        snapshots_hash=digest(
            [
                [scrape.at.isoformat(), counts_as_json(scrape.stable), counts_as_json(scrape.candidate)]
                for scrape in scrapes
            ]
        ),
    )
    observed = _observed_share(scrapes)
    if observed is not None:
        StepRun.objects.filter(pk=run.pk).update(observed=observed)


def _observed_share(scrapes: list[Scrape]) -> float | None:
    """Return the candidate's percent of the requests of the step, or None without any."""
    mine = sum(scrape.candidate.requests for scrape in scrapes if scrape.candidate)
    all_of = mine + sum(scrape.stable.requests for scrape in scrapes if scrape.stable)
    return round(100 * mine / all_of, 2) if all_of else None


def _look_at_mesh(rollout: Rollout) -> None:
    """Note on the row what would bar the next forward write. The engine decides what follows from it."""
    mesh = mesh_of(rollout.service.cluster)
    found = {
        "drift": drift_of(rollout, live=mesh.get(rollout.service.virtual_service_ref)),
        "version_problem": version_problem(rollout, mesh=mesh),
    }
    fresh = {name: value for name, value in found.items() if getattr(rollout, name) != value}
    if fresh:
        change(rollout, event=None, **fresh)
