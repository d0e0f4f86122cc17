"""Decisions about production: an old browser session gives the password again, a token needs its scope and the policy's leave.

What leads back asks nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from releases import flow
from releases.domain.roles import RoleName
from releases.domain.states import Event
from releases.models import EmergencyRelease, Proposal, Rollout, StepRun, User
from services.models import Policy
from tests.api.conftest import World, actor_for, add_person, add_service, approved, draft

Bearer = Callable[..., APIClient]
Session = Callable[[User], APIClient]
EMERGENCY: dict[str, Any] = {
    "emergency": True,
    "incident": "INC-7",
    "service_name": "order",
    "reason": "Every order fails since ten o'clock.",
}


def code_of(answer: Any) -> str:
    return str(answer.json()["code"]) if answer.status_code >= 400 else ""


def traffic_change(world: World, client: APIClient, *, weight: int) -> dict[str, Any]:
    answer = client.post(
        "/api/v1/traffic-changes/",
        {"service": "order", "spec": {"candidate_weight": weight}, "reason": "By hand."},
        format="json",
    )
    assert answer.status_code == 201, answer.json()
    made: dict[str, Any] = answer.json()
    return made


def running(world: World, *, weight: int = 20) -> Rollout:
    """A rollout that has written a weight at its second step, where up to 50 percent are approved."""
    rollout = approved(world)
    flow.perform(rollout, Event.START, by=actor_for(world.operator), why="Now.")
    Rollout.objects.filter(pk=rollout.pk).update(current_step=1, leased_until=None)
    step = rollout.plan_value.steps[1].as_json()
    StepRun.objects.create(rollout=rollout, position=1, planned=step, desired=weight, written=weight)
    return Rollout.objects.get(pk=rollout.pk)


def test_an_emergency_by_token_takes_the_scope_and_the_policys_leave(world: World, bearer: Bearer) -> None:
    url = f"/api/v1/rollouts/{draft(world).pk}/submit/"
    refused = bearer(world.operator).post(url, EMERGENCY, format="json")
    assert (refused.status_code, code_of(refused)) == (403, "not_allowed"), "the policy accepts no tokens"
    Policy.objects.update(token_approval_allowed=True)
    refused = bearer(world.operator, "read", "write").post(url, EMERGENCY, format="json")
    assert refused.status_code == 403
    assert "approve" in refused.json()["detail"]
    assert not EmergencyRelease.objects.exists()
    assert bearer(world.operator).post(url, EMERGENCY, format="json").status_code == 200


def test_an_overdue_review_blocks_the_person_whichever_log_in_declares(world: World, bearer: Bearer) -> None:
    Policy.objects.update(token_approval_allowed=True)
    robot = add_person(RoleName.OPERATOR, name="robot")
    User.objects.filter(pk=robot.pk).update(belongs_to=world.operator)
    robot.refresh_from_db()
    second = add_service("product", cluster=world.cluster, policy=world.policy)
    third = add_service("payment", cluster=world.cluster, policy=world.policy)
    first = draft(world)
    assert bearer(robot).post(f"/api/v1/rollouts/{first.pk}/submit/", EMERGENCY).status_code == 200
    EmergencyRelease.objects.update(due_at=timezone.now() - timedelta(minutes=1))
    sibling = add_person(RoleName.OPERATOR, name="sibling")
    User.objects.filter(pk=sibling.pk).update(belongs_to=world.operator)
    sibling.refresh_from_db()
    for service, who in ((second, world.operator), (third, sibling)):
        body = {**EMERGENCY, "service_name": service.name}
        url = f"/api/v1/rollouts/{draft(world, service=service).pk}/submit/"
        answer = bearer(who).post(url, body)
        assert (answer.status_code, "overdue" in answer.json()["detail"]) == (409, True), who


def test_an_old_session_gives_the_password_before_an_emergency(
    world: World, session: Session, settings: Settings
) -> None:
    world.operator.set_password("the right one")
    world.operator.save()
    client = session(world.operator)
    url = f"/api/v1/rollouts/{draft(world).pk}/submit/"
    settings.REAUTHENTICATE_AFTER_SECONDS = -1
    key = {"Idempotency-Key": "one click"}
    refused = client.post(url, EMERGENCY, format="json", headers=key)
    assert (refused.status_code, code_of(refused)) == (403, "password_needed")
    settings.REAUTHENTICATE_AFTER_SECONDS = 900
    assert client.post("/api/v1/me/confirm/", {"password": "the right one"}).status_code == 204
    assert client.post(url, EMERGENCY, format="json", headers=key).status_code == 200, (
        "as the page sends it again"
    )


def test_an_old_session_gives_the_password_before_traffic_goes_forward(
    world: World, session: Session, bearer: Bearer, settings: Settings
) -> None:
    Policy.objects.update(token_approval_allowed=True)
    change = traffic_change(world, bearer(world.requester), weight=5)
    url = f"/api/v1/traffic-changes/{change['id']}"
    vote = {"fingerprint": change["fingerprint"]}
    settings.REAUTHENTICATE_AFTER_SECONDS = -1
    assert code_of(session(world.approver).post(f"{url}/approve/", vote)) == "password_needed"
    assert bearer(world.approver).post(f"{url}/approve/", vote).json()["state"] == "approved"
    assert code_of(session(world.operator).post(f"{url}/apply/")) == "password_needed"
    assert bearer(world.operator).post(f"{url}/apply/").json()["state"] == "applied"
    back = traffic_change(world, bearer(world.requester), weight=0)
    answer = session(world.operator).post(f"/api/v1/traffic-changes/{back['id']}/apply/")
    assert answer.json()["state"] == "applied", "back asks nobody"


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_an_old_session_gives_the_password_before_it_is_the_second_person(
    world: World, session: Session, bearer: Bearer, settings: Settings, decision: str
) -> None:
    bearer(world.policy_administrator).patch(f"/api/v1/policies/{world.policy.pk}/", {"approvals_needed": 2})
    settings.REAUTHENTICATE_AFTER_SECONDS = -1
    url = f"/api/v1/proposals/{Proposal.objects.get().pk}/{decision}/"
    assert code_of(session(world.approver).post(url, {"reason": "Read it."})) == "password_needed"
    assert Proposal.objects.get().state == "open"


@pytest.mark.parametrize(("weight", "asked"), [(10, False), (20, False), (30, True)])
def test_an_old_session_gives_the_password_before_a_larger_weight_only(
    world: World, session: Session, settings: Settings, weight: int, asked: bool
) -> None:
    rollout = running(world)
    client = session(world.operator)
    settings.REAUTHENTICATE_AFTER_SECONDS = -1
    answer = client.post(f"/api/v1/rollouts/{rollout.pk}/set-weight/", {"weight": weight})
    assert (code_of(answer) == "password_needed") is asked, answer.json()
    assert StepRun.objects.get(position=1).desired == (20 if asked else weight)


@pytest.mark.parametrize("event", ["pause", "rollback"])
def test_an_old_session_leads_back_at_once(
    world: World, session: Session, settings: Settings, event: str
) -> None:
    rollout = running(world)
    client = session(world.operator)
    settings.REAUTHENTICATE_AFTER_SECONDS = -1
    assert client.post(f"/api/v1/rollouts/{rollout.pk}/{event}/").status_code == 200


def test_an_old_session_gives_everything_back_and_cancels_at_once(
    world: World, session: Session, settings: Settings
) -> None:
    rollout = approved(world)
    client = session(world.operator)
    settings.REAUTHENTICATE_AFTER_SECONDS = -1
    assert client.post(f"/api/v1/rollouts/{rollout.pk}/cancel/").status_code == 200
    assert client.post(f"/api/v1/services/{world.service.pk}/all-back/").status_code == 200


def test_a_token_operates_with_the_scope_write(world: World, bearer: Bearer) -> None:
    """What was approved is carried out by machines, too: the scope ``approve`` is for deciding. docs/adr/0004."""
    rollout = approved(world)
    client = bearer(world.operator, "read", "write")
    for event, state in (("start", "running"), ("pause", "paused"), ("resume", "running")):
        answer = client.post(f"/api/v1/rollouts/{rollout.pk}/{event}/", {"reason": "CI."})
        assert (answer.status_code, answer.json()["state"]) == (200, state)
