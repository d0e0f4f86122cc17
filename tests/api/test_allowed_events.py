"""``allowed_events`` and the events themselves give one answer: nothing is offered that is refused, nothing refused that is offered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from rest_framework.test import APIClient

from releases import flow
from releases.domain.roles import RoleName
from releases.domain.states import Event, State
from releases.domain.traffic_change import ChangeState
from releases.models import Approval, Rollout, StepRun, TrafficChange, TrafficVote, User
from services.models import Policy
from tests.api.conftest import STATEMENTS, World, actor_for, add_person, add_service, approved, secret_of

Bearer = Callable[..., APIClient]
BODY = {"approve": ("fingerprint",), "set-weight": ("weight",)}

DRIFT = {
    **{side: {} for side in ("baseline", "written", "live")},
    "resource_version": "7",
    "manager": "kubectl",
}
SITUATIONS: Mapping[str, tuple[State, dict[str, Any]]] = {
    **{state.value: (state, {}) for state in State},
    "first weight not written yet": (State.RUNNING, {"current_step": None}),
    "drifted": (State.PAUSED, {"drift": DRIFT}),
    "votes void": (State.PAUSED, {"approved_at": None}),
    "completed long ago": (State.COMPLETED, {"ended_at": timezone.now() - timedelta(days=30)}),
    "says nothing": (State.DRAFT, {"impact": ""}),
    "the plan is gone": (State.ROLLED_BACK, {"plan": None}),
}


@contextmanager
def tried() -> Iterator[None]:
    """Whatever is done inside is undone."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def people(world: World) -> list[User]:
    """Everybody whose answer may differ: each role, who asked, who voted, who is the same person by another log-in."""
    robot = add_person(RoleName.APPROVER, name="robot")
    User.objects.filter(pk=robot.pk).update(belongs_to=world.approver)
    return [*User.objects.exclude(pk=robot.pk), add_person(RoleName.APPROVER, name="second"), robot]


def client_of(user: User, *scopes: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret_of(User.objects.get(pk=user.pk), *scopes)}")
    return client


def has_voted(rollout: Rollout, user: User) -> bool:
    """Who gives the vote again that stands is answered 200, and nothing changes; pages do not offer that."""
    return any(
        vote.by.person_id == User.objects.get(pk=user.pk).person_id
        for vote in rollout.approvals.filter(voided_at=None)
    )


def brought_to(world: World, situation: str) -> Rollout:
    """A rollout in this situation, with the first step written where its state has begun."""
    rollout = approved(world)
    state, columns = SITUATIONS[situation]
    begun = state in {State.RUNNING, State.PAUSED, State.ROLLING_BACK, State.COMPLETED}
    if begun:
        step = rollout.plan_value.steps[0].as_json()
        StepRun.objects.create(rollout=rollout, position=0, planned=step, desired=5, written=5)
    if state is State.COMPLETED:
        world.service.stable = rollout.candidate
        world.service.save()
    at = {"current_step": 0 if begun else None, "ended_at": timezone.now()}
    Rollout.objects.filter(pk=rollout.pk).update(**{"state": state, **at, **columns})
    if situation == "votes void":
        Approval.objects.update(voided_at=timezone.now(), voided_why="the content changed")
    return Rollout.objects.get(pk=rollout.pk)


@pytest.mark.parametrize("by_token", [True, False], ids=["tokens decide", "tokens do not decide"])
@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_is_offered_is_done_and_what_is_not_is_refused(
    world: World, situation: str, by_token: bool
) -> None:
    Policy.objects.update(token_approval_allowed=by_token)
    rollout = brought_to(world, situation)
    url = f"/api/v1/rollouts/{rollout.pk}/"
    sent = {"fingerprint": rollout.fingerprint, "weight": 1}
    for user in people(world):
        client = client_of(user)
        for one in client.get(url).json()["allowed_events"]:
            body = {"reason": "tried", **{name: sent[name] for name in BODY.get(one["slug"], ())}}
            with tried():
                if one["slug"] == "edit":
                    answer = client.patch(url, {"ticket": "T-1"})
                else:
                    answer = client.post(f"{url}{one['slug']}/", body)
            is_repeat = one["slug"] == "approve" and has_voted(rollout, user)
            refused = answer.status_code in {400, 403, 409}
            said = f"{user} {one['slug']}: {answer.status_code} {answer.json()}"
            assert one["allowed"] is not refused or is_repeat, said
            assert one["allowed"] is not bool(one["why"]), said
            assert not refused or answer.json()["detail"] == one["why"], said


@pytest.mark.parametrize("scopes", [("read",), ("read", "write"), ("read", "approve")])
def test_a_token_is_offered_what_its_scopes_reach(world: World, scopes: tuple[str, ...]) -> None:
    Policy.objects.update(token_approval_allowed=True)
    rollout = brought_to(world, "votes void")
    url = f"/api/v1/rollouts/{rollout.pk}/"
    both = User.objects.create_user("both")
    for role in (RoleName.APPROVER, RoleName.OPERATOR):
        both.roles.create(name=role.value)
    client = client_of(both, *scopes)
    offered = {one["slug"] for one in client.get(url).json()["allowed_events"] if one["allowed"]}
    deciding, driving = {"approve"}, {"resume", "rollback", "set-weight"}
    expected = (deciding if "approve" in scopes else set()) | (driving if "write" in scopes else set())
    assert offered == expected


@pytest.mark.parametrize("state", sorted(set(ChangeState) - {ChangeState.WRITING}))
def test_changes_of_traffic_give_one_answer_too(world: World, state: str) -> None:
    Policy.objects.update(token_approval_allowed=True)
    made = client_of(world.requester).post(
        "/api/v1/traffic-changes/",
        {"service": "order", "spec": {"candidate_weight": 5}, "reason": "By hand."},
        format="json",
    )
    url = f"/api/v1/traffic-changes/{made.json()['id']}/"
    TrafficChange.objects.update(state=state)
    for user in people(world):
        client = client_of(user)
        for one in client.get(url).json()["allowed_events"]:
            body = {"reason": "tried"}
            if one["event"] == "approve":
                body["fingerprint"] = made.json()["fingerprint"]
            with tried():
                answer = client.post(f"{url}{one['event']}/", body)
            permitted = answer.status_code not in {400, 403, 409}
            assert permitted is one["allowed"], f"{user} {one}: {answer.json()}"


@pytest.mark.parametrize(
    ("path", "body"), [("reject/", {}), ("set-weight/", {}), ("set-weight/", {"weight": "much"})]
)
def test_who_may_not_is_told_so_before_what_is_wrong_with_the_input(
    world: World, bearer: Bearer, path: str, body: dict[str, str]
) -> None:
    rollout = approved(world)
    Rollout.objects.filter(pk=rollout.pk).update(state=State.PENDING)
    assert bearer(world.viewer).post(f"/api/v1/rollouts/{rollout.pk}/{path}", body).status_code == 403
    other = add_person(RoleName.APPROVER, name="second")
    Policy.objects.update(token_approval_allowed=True)
    assert bearer(other).post(f"/api/v1/rollouts/{rollout.pk}/reject/", {}).status_code == 400


def test_changes_and_trains_ask_who_before_what(world: World, bearer: Bearer) -> None:
    second = add_service("product", cluster=world.cluster, policy=world.policy)
    members = [
        {"service": row.pk, "candidate": "v2", "plan": world.plan.pk} for row in (world.service, second)
    ]
    train = bearer(world.requester).post("/api/v1/trains/", {"members": members, **STATEMENTS}, format="json")
    change = bearer(world.requester).post(
        "/api/v1/traffic-changes/",
        {"service": "order", "spec": {"candidate_weight": 5}, "reason": "By hand."},
        format="json",
    )
    for url in (f"trains/{train.json()['id']}", f"traffic-changes/{change.json()['id']}"):
        assert bearer(world.viewer).post(f"/api/v1/{url}/reject/", {}).status_code == 403, url
    emergency = f"/api/v1/rollouts/{train.json()['rollouts'][0]['id']}/submit/"
    bad = {"emergency": True, "incident": "x" * 200}
    assert bearer(world.requester).post(emergency, bad, format="json").status_code == 403
    Policy.objects.update(token_approval_allowed=True)
    assert bearer(world.operator).post(emergency, bad, format="json").status_code == 400


def test_the_same_vote_again_changes_nothing_also_after_the_quorum(world: World, bearer: Bearer) -> None:
    Policy.objects.update(token_approval_allowed=True)
    rollout = approved(world)
    url = f"/api/v1/rollouts/{rollout.pk}/approve/"
    vote = {"fingerprint": rollout.fingerprint, "reason": "Read it."}
    again = bearer(world.approver).post(url, vote)
    assert (again.status_code, again.json()["state"]) == (200, "approved")
    assert Approval.objects.count() == 1
    stranger = add_person(RoleName.APPROVER, name="second")
    assert bearer(stranger).post(url, vote).status_code == 409, "the quorum is full"
    assert bearer(world.approver).post(url, {"fingerprint": "0" * 64}).status_code == 409
    Rollout.objects.filter(pk=rollout.pk).update(state=State.REJECTED)
    assert bearer(world.approver).post(url, vote).status_code == 409, "it has ended"


def test_the_same_vote_on_a_change_again_changes_nothing(world: World, bearer: Bearer) -> None:
    Policy.objects.update(token_approval_allowed=True)
    change = bearer(world.requester).post(
        "/api/v1/traffic-changes/",
        {"service": "order", "spec": {"candidate_weight": 5}, "reason": "By hand."},
        format="json",
    )
    url = f"/api/v1/traffic-changes/{change.json()['id']}/approve/"
    for _again in range(2):
        answer = bearer(world.approver).post(url, {"fingerprint": change.json()["fingerprint"]})
        assert (answer.status_code, answer.json()["state"]) == (200, "approved")
    assert TrafficVote.objects.count() == 1


def test_a_rollback_is_asked_for_twice_and_an_ended_one_is_not(world: World, bearer: Bearer) -> None:
    rollout = approved(world)
    flow.perform(rollout, Event.START, by=actor_for(world.operator), why="Now.")
    Rollout.objects.filter(pk=rollout.pk).update(state=State.ROLLING_BACK)
    url = f"/api/v1/rollouts/{rollout.pk}/rollback/"
    assert bearer(world.operator).post(url).status_code == 200
    Rollout.objects.filter(pk=rollout.pk).update(state=State.ROLLED_BACK)
    assert bearer(world.operator).post(url).status_code == 409
