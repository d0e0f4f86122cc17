"""Old figures are added up; what the verdicts used is kept, and each of them comes out as it was stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Sum
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from releases import flow, selectors
from releases.domain.states import Event, State
from releases.flow.measured import as_measured, packed
from releases.flow.recompute import Again, said_again
from releases.models import AuditEvent, MetricSnapshot, Rollout, SnapshotPack
from tests.api.conftest import World, actor_for, bearer
from tests.evidence.conftest import WORKER, Begin, Story

pytestmark = pytest.mark.django_db
__all__ = ["bearer"]
MONTH = timedelta(days=31)
YEAR = timedelta(days=366)


@pytest.fixture
def completed(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> Story:
    """A release of some minutes, measured every 15 s, with a gap: for some looks Prometheus had no samples."""
    monkeypatch.setattr("releases.flow.measure.LOOKS_BETWEEN_STATES", 4)
    story = begin(steps=[{"weight": 10, "bake_seconds": 75}, {"weight": 50, "bake_seconds": 75}])
    story.run(until=lambda at: at.rollout.current_step == 1)
    story.world.telemetry.silence(since=story.now, until=story.now + timedelta(seconds=40))
    story.run()
    assert story.rollout.state == State.COMPLETED
    return story


def thin(story: Story, *, after: timedelta) -> flow.Thinned:
    done = flow.thin_snapshots(by=WORKER, clock=lambda: story.now + after)
    story.rollout.refresh_from_db()
    return done


def rows(story: Story) -> list[tuple[int, float, float]]:
    """Return resolution, seconds and the stable version's requests of each row."""
    return [
        (row.resolution_seconds, row.window_seconds, (row.stable or {"requests": 0})["requests"])
        for row in story.rollout.snapshots.order_by("at")
    ]


@pytest.mark.parametrize("ages", [[MONTH], [YEAR], [MONTH, YEAR]], ids=["minutes", "hours", "both in turn"])
def test_every_verdict_is_recomputed_after_as_before(completed: Story, ages: list[timedelta]) -> None:
    verdicts = list(completed.rollout.verdicts.all())
    numbers = [verdict.numbers for verdict in verdicts]
    measured = [(row.at, row.stable, row.candidate) for row in as_measured(completed.rollout)]
    before = completed.rollout.snapshots.count()
    for age in ages:
        thin(completed, after=age)
    assert completed.rollout.snapshots.count() < before
    assert len(verdicts) > 12
    assert all(said_again(verdict) is Again.SAME for verdict in verdicts)
    assert [verdict.numbers for verdict in completed.rollout.verdicts.all()] == numbers
    assert [(row.at, row.stable, row.candidate) for row in as_measured(completed.rollout)] == measured


def test_a_pack_that_was_changed_is_seen(completed: Story) -> None:
    thin(completed, after=MONTH)
    pack = SnapshotPack.objects.latest("until")
    snapshots = [row for row in as_measured(completed.rollout) if row.at > pack.until - timedelta(hours=1)]
    snapshots[0].candidate["errors"] += 50  # type: ignore[index]  # counts are a mapping
    SnapshotPack.objects.filter(pk=pack.pk).update(packed=packed(snapshots))
    assert not all(said_again(verdict) is Again.SAME for verdict in completed.rollout.verdicts.all())


def test_requests_and_seconds_are_neither_lost_nor_made_up(completed: Story) -> None:
    before = rows(completed)
    for age, resolution in ((MONTH, 60), (YEAR, 3600)):
        done = thin(completed, after=age)
        after = rows(completed)
        assert {row[0] for row in after} == {resolution}
        assert sum(row[1] for row in after) == sum(row[1] for row in before)
        assert sum(row[2] for row in after) == pytest.approx(sum(row[2] for row in before))
        assert completed.rollout.snapshots.aggregate(n=Sum("windows"))["n"] == len(before)
        assert done.rows_after == len(after) < done.rows_before


def test_a_gap_stays_a_gap_and_steps_stay_apart(completed: Story) -> None:
    thin(completed, after=YEAR)
    found = {(row.step, bool(row.stable)) for row in completed.rollout.snapshots.all()}
    assert {(0, True), (1, True)} < found
    assert any(not measured for _step, measured in found)


def test_a_live_rollout_is_never_thinned(begin: Begin) -> None:
    story = begin()
    story.run(until=lambda at: at.rollout.current_step == 1)
    before = rows(story)
    assert thin(story, after=YEAR).rows_before == 0
    assert rows(story) == before
    assert not SnapshotPack.objects.exists()


def test_young_figures_stay_as_measured(completed: Story) -> None:
    before = rows(completed)
    assert thin(completed, after=timedelta(days=13)).rows_before == 0
    assert rows(completed) == before


def test_a_run_is_one_event_and_nothing_is_none(completed: Story) -> None:
    assert thin(completed, after=MONTH).rollouts == 1
    assert thin(completed, after=MONTH).rollouts == 0
    told = AuditEvent.objects.get(action="thin_snapshots")
    assert told.rollout is None
    assert told.after is not None
    assert told.after["packed"] == completed.rollout.verdicts.count()
    assert "rows became" in selectors.audit_sentence(told)


def test_a_run_takes_its_share_and_the_next_goes_on(
    completed: Story, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("releases.flow.thin.HOUR_SECONDS", 60)  # an hour of a minute: a release of many parts
    monkeypatch.setattr("releases.flow.thin._HOUR", timedelta(seconds=60))
    monkeypatch.setattr("releases.flow.measured.HOUR_SECONDS", 60)
    settings.SNAPSHOTS_THINNED_PER_RUN = 1
    shares = [thin(completed, after=MONTH) for _ in range(100)]
    assert all(done.rows_before <= 5 for done in shares)
    assert sum(done.rollouts for done in shares) == 1
    assert sum(done.packed for done in shares) == completed.rollout.verdicts.count()
    assert all(said_again(verdict) is Again.SAME for verdict in completed.rollout.verdicts.all())


def test_a_run_that_breaks_loses_nothing(completed: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    before = rows(completed)
    with monkeypatch.context() as patch:
        patch.setattr("releases.flow.thin.thinned", _break)
        with pytest.raises(RuntimeError, match="ended here"):
            thin(completed, after=MONTH)
    assert rows(completed) == before
    assert not SnapshotPack.objects.exists()
    assert thin(completed, after=MONTH).rollouts == 1


def _break(*_args: object, **_given: object) -> None:
    raise RuntimeError("ended here")


def test_figures_that_are_not_those_of_the_verdicts_stay_as_found(completed: Story) -> None:
    row = completed.rollout.snapshots.exclude(candidate=None).order_by("at")[2]
    row.candidate["errors"] += 50  # type: ignore[index]  # counts are a mapping
    row.save()
    before = rows(completed)
    assert thin(completed, after=MONTH).unproven == 1
    assert thin(completed, after=MONTH).unproven == 0  # told once, not every minute
    assert rows(completed) == before
    told = AuditEvent.objects.get(action="keep_unproven_snapshots")
    assert str(row.at) in told.reason
    assert told.rollout == completed.rollout


def test_a_snapshot_that_was_deleted_is_missed(completed: Story) -> None:
    completed.rollout.snapshots.order_by("at")[5].delete()
    assert thin(completed, after=MONTH).unproven == 1


def test_what_was_never_measured_is_through_at_once(world: World, begin: Begin) -> None:
    story = begin()
    flow.perform(story.rollout, Event.CANCEL, by=actor_for(world.requester))
    thin(story, after=MONTH)
    assert story.rollout.figures_resolution_seconds == 60
    assert flow.rollouts_to_thin(now=story.now + MONTH) == 0


def test_the_stream_does_not_take_sums_for_news(completed: Story) -> None:
    place = selectors.newest_place()
    thin(completed, after=YEAR)
    assert not [item for item in selectors.news_after(place).items if item.kind == "snapshot"]


def test_charts_say_how_coarse_they_are(
    world: World, completed: Story, bearer: Callable[..., APIClient]
) -> None:
    client = bearer(world.viewer)
    path = f"/api/v1/rollouts/{completed.rollout.pk}/"
    fine = client.get(f"{path}snapshots/").json()["results"]
    assert {point["resolution_seconds"] for point in fine} == {0}
    thin(completed, after=MONTH)
    coarse = client.get(f"{path}snapshots/").json()["results"]
    assert client.get(path).json()["figures_resolution_seconds"] == 60
    assert {point["resolution_seconds"] for point in coarse} == {60}
    assert sum(point["windows"] for point in coarse) == len(fine)
    assert [point["at"] for point in coarse] == sorted(point["at"] for point in coarse)
    before, after = (_rates(points) for points in (fine, coarse))
    assert min(before) <= min(after) <= max(after) <= max(before)


def _rates(points: list[dict[str, Any]]) -> list[float]:
    return [point["stable"]["rps"] for point in points if point["stable"]]


def test_the_evidence_pack_holds_what_was_measured(completed: Story) -> None:
    def lines(rollout: Rollout) -> list[Any]:
        return [
            json.loads(line) for line in selectors.evidence_of(rollout).files["snapshots.jsonl"].splitlines()
        ]

    before = lines(completed.rollout)
    thin(completed, after=YEAR)
    assert lines(completed.rollout) == before
    assert len(before) > MetricSnapshot.objects.count()
