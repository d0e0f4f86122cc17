"""What the trail points back to: votes behind a write, a verdict behind a decision, and the queries behind the verdict."""

from __future__ import annotations

from datetime import timedelta

import pytest

from releases.domain.states import Event, State
from releases.models import AuditEvent, Rollout
from tests.factories import Scene

pytestmark = pytest.mark.django_db


def last(rollout: Rollout, action: str) -> AuditEvent:
    return AuditEvent.objects.filter(rollout=rollout, action=action).latest("seq")


def test_each_write_of_a_worker_names_the_votes_that_authorised_it(scene: Scene) -> None:
    rollout = scene.rollout(at=State.RUNNING, step=1)
    writes = AuditEvent.objects.filter(rollout=rollout, action="mesh_write")
    votes = list(rollout.approvals.values_list("pk", flat=True))
    assert len(votes) == 1
    assert writes.count() == 3  # the subset, and two steps
    assert all((write.after or {})["authorised_by"] == {"approvals": votes} for write in writes)


def test_a_rollback_by_a_guard_names_its_verdict_and_what_was_asked(scene: Scene) -> None:
    rollout = scene.rollout(at=State.RUNNING, step=1)
    scene.behaviour["v2"] = {"error_ratio": 0.5}
    rollout = scene.until(rollout, State.ROLLED_BACK)
    told = (last(rollout, "roll_back").after or {})["verdict"]
    verdict = rollout.verdicts.get(pk=told["id"])
    snapshot = rollout.snapshots.get(at=verdict.at)
    assert snapshot.asked is not None
    assert (told["outcome"], told["samples_hash"]) == ("fail", verdict.snapshots_hash)
    assert told["queries_hash"] == snapshot.asked.digest
    assert len(told["queries_hash"]) == 64


def test_windows_read_again_after_an_outage_tell_what_was_asked(scene: Scene) -> None:
    rollout = scene.rollout(at=State.RUNNING, step=1)
    scene.behaviour["v2"] = {"error_ratio": 0.5}
    rollout = scene.pulse(rollout, after=timedelta(seconds=60))
    past = rollout.snapshots.exclude(at=rollout.snapshots.latest("at").at)
    assert past.filter(asked__queries__0__startswith="history").exists(), "windows were read again"
    assert not rollout.snapshots.filter(asked=None).exists()
    rollout = scene.until(rollout, State.ROLLED_BACK)
    told = (last(rollout, "roll_back").after or {})["verdict"]
    assert (len(told["queries_hash"]), len(told["samples_hash"])) == (64, 64)


def test_a_hold_for_want_of_evidence_names_its_verdict(scene: Scene) -> None:
    rollout = scene.rollout(at=State.RUNNING, step=0)
    scene.telemetry.unreachable = True
    rollout = scene.until(rollout, State.PAUSED)
    told = last(rollout, "pause").after or {}
    assert told["reason"] == "evidence_unclear"
    assert told["verdict"]["id"] == rollout.verdicts.latest("at").pk


def test_what_a_person_decides_names_no_verdict(scene: Scene) -> None:
    rollout = scene.by_hand(scene.rollout(at=State.RUNNING, step=1), Event.PAUSE)
    assert "verdict" not in (last(rollout, "pause").after or {})
