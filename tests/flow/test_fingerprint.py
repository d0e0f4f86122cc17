"""Votes bind themselves to one content: each input of the fingerprint, changed, makes them count no more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from releases.clock import database_now
from releases.domain import Stale
from releases.domain.states import State
from releases.flow.approve import approval_problem
from releases.models import AuditEvent, Rollout
from services.models import Metric, Policy, Service, Version
from tests.admin.world import World
from tests.flow.voting import approve, fresh


def change_plan(rollout: Rollout, change: Callable[[dict[str, Any]], None]) -> None:
    change(rollout.frozen_plan)
    Rollout.objects.filter(pk=rollout.pk).update(frozen_plan=rollout.frozen_plan)


def change_baseline(rollout: Rollout) -> None:
    baseline = rollout.baseline or {}
    baseline["virtual_service"]["spec"]["http"][0]["timeout"] = "9s"
    Rollout.objects.filter(pk=rollout.pk).update(baseline=baseline)


def change_step(rollout: Rollout, name: str, value: Any) -> None:
    change_plan(rollout, lambda plan: plan["steps"][0].update({name: value}))


Flip = Callable[[Rollout], object]
FLIPS: dict[str, Flip] = {
    "the service's host": lambda row: Service.objects.filter(pk=row.service_id).update(namespace="other"),
    "its routes": lambda row: Service.objects.filter(pk=row.service_id).update(http_routes=["primary"]),
    "the candidate's image": lambda row: Version.objects.filter(pk=row.candidate_id).update(image="other:2"),
    "the candidate's labels": lambda row: Version.objects.filter(pk=row.candidate_id).update(
        labels={"version": "v3"}
    ),
    "the candidate's commit": lambda row: Version.objects.filter(pk=row.candidate_id).update(commit="abc"),
    "the stable version's image": lambda row: Version.objects.filter(pk=row.stable_id).update(
        image="other:1"
    ),
    "the rollback target": lambda row: Version.objects.filter(pk=row.stable_id).update(name="v0"),
    "a weight": lambda row: change_step(row, "weight", 6),
    "a bake": lambda row: change_step(row, "bake_seconds", 1),
    "a gate": lambda row: change_step(row, "gate", "manual"),
    "a wall-clock time": lambda row: change_step(row, "not_before", "2027-01-01T00:00:00+08:00"),
    "a rule": lambda row: change_step(row, "rules", [{"header": "x-beta", "exact": "1"}]),
    "the evidence policy": lambda row: change_plan(
        row, lambda plan: plan["evidence"].update(wait_limit_seconds=1)
    ),
    "the start time": lambda row: Rollout.objects.filter(pk=row.pk).update(
        start_at=database_now() - timedelta(minutes=1)
    ),
    "the impact": lambda row: Rollout.objects.filter(pk=row.pk).update(impact="none"),
    "the compatibility note": lambda row: Rollout.objects.filter(pk=row.pk).update(changes_data=True),
    "shadow mode": lambda row: Service.objects.filter(pk=row.service_id).update(shadow=True),
    "where requests are counted": lambda row: Service.objects.filter(pk=row.service_id).update(
        metrics_source="spring_boot"
    ),
    "a metric it is judged by": lambda row: row.service.metrics.add(
        Metric.objects.create(name="refunds", kind="ratio", role="guard", direction="lower", margin=0.5)
    ),
    "the policy's number": lambda row: Policy.objects.filter(pk=row.service.policy_id).update(number=9),
    "the approvals needed": lambda row: Policy.objects.filter(pk=row.service.policy_id).update(
        approvals_needed=2
    ),
    "the baseline": change_baseline,
}


@pytest.mark.parametrize("flip", FLIPS.values(), ids=FLIPS.keys())
def test_each_input_of_the_fingerprint_stops_the_next_forward_write(shop: World, flip: Flip) -> None:
    rollout = shop.approved()
    assert approval_problem(fresh(rollout)) == ""
    flip(fresh(rollout))
    assert approval_problem(fresh(rollout)), "the votes are about something else"
    shop.mesh.log.clear()
    shop.pulse(rollout, times=3)
    assert [write for write in shop.mesh.log if not write.dry_run] == []
    rollout.refresh_from_db()
    assert rollout.state in {State.PENDING, State.PAUSED}
    assert AuditEvent.objects.filter(rollout=rollout, action="void").exists()


def test_a_vote_on_content_that_changed_is_stale_and_the_new_content_can_be_voted_on(shop: World) -> None:
    rollout = shop.pending()
    looked_at = rollout.fingerprint
    Version.objects.filter(pk=rollout.candidate_id).update(commit="another")
    with pytest.raises(Stale):
        approve(rollout, shop.approver, fingerprint=looked_at)
    rollout = fresh(rollout)
    assert rollout.fingerprint != looked_at
    assert approve(rollout, shop.approver).state == State.APPROVED


def test_votes_on_content_that_changed_are_kept_with_the_reason(shop: World) -> None:
    Policy.objects.update(approvals_needed=2)
    rollout = approve(shop.pending(), shop.approver)
    Version.objects.filter(pk=rollout.candidate_id).update(commit="another")
    with pytest.raises(Stale):
        approve(rollout, shop.operator)
    vote = rollout.approvals.get()
    assert vote.voided_at is not None
    assert "content changed" in vote.voided_why
