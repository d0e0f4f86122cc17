"""Every event a person can cause, as a path; what is checked first; what a token may decide."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from istio.mesh import SERVICE, Ref, Unreachable
from releases import flow
from releases.domain.states import OPERATOR_EVENTS, Event
from releases.models import AuditEvent, Rollout, User
from services.models import Policy
from tests.api.conftest import World, actor_for, approved, draft, pending

Bearer = Callable[..., APIClient]
Session = Callable[[User], APIClient]


def path(rollout: Rollout, event: str) -> str:
    return f"/api/v1/rollouts/{rollout.pk}/{event}/"


@pytest.fixture
def tokens_decide(world: World) -> None:
    Policy.objects.update(token_approval_allowed=True)


def running(world: World) -> Rollout:
    """A rollout whose first step is written."""
    rollout = approved(world)
    for _ in range(3):
        Rollout.objects.filter(pk=rollout.pk).update(next_wake_up=timezone.now(), leased_until=None)
        flow.advance(rollout.pk, clock=timezone.now, by=actor_for(world.operator))
    rollout.refresh_from_db()
    assert (rollout.state, rollout.current_step) == ("running", 0)
    return rollout


def test_a_release_is_asked_for_approved_and_started_by_paths(
    world: World, bearer: Bearer, tokens_decide: None
) -> None:
    rollout = draft(world)
    submitted = bearer(world.requester).post(path(rollout, "submit"), {"reason": "Please."})
    assert (submitted.status_code, submitted.json()["state"]) == (200, "pending")
    vote = {"reason": "Read.", "fingerprint": submitted.json()["fingerprint"]}
    voted = bearer(world.approver).post(path(rollout, "approve"), vote)
    assert (voted.status_code, voted.json()["state"]) == (200, "approved")
    started = bearer(world.operator).post(path(rollout, "start"), {"reason": "Now."})
    assert (started.status_code, started.json()["state"]) == (200, "running")
    assert list(rollout.audit_events.order_by("seq").values_list("action", flat=True)) == [
        "create",
        "submit",
        "approve",
        "start",
    ]


def test_every_operator_event_has_a_path(world: World, bearer: Bearer) -> None:
    rollout = draft(world)
    client = bearer(world.viewer)
    for event in OPERATOR_EVENTS:
        if event is not Event.EDIT:
            body = {"reason": "Try.", "weight": 5}
            assert client.post(path(rollout, event.slug), body).status_code in {403, 409}, event


def test_a_body_is_not_needed_to_roll_back(world: World, bearer: Bearer) -> None:
    rollout = running(world)
    answer = bearer(world.operator).post(path(rollout, "rollback"))
    assert answer.status_code == 200
    assert answer.json()["state"] in {"rolling_back", "rolled_back"}
    assert world.mesh.log[-1].manifest["spec"]["http"][-1]["route"][0]["weight"] == 100


@pytest.mark.usefixtures("tokens_decide")
class TestOrderOfApprovalChecks:
    """Permission first, then state, then fingerprint."""

    def test_permission_comes_before_a_wrong_fingerprint(self, world: World, bearer: Bearer) -> None:
        rollout = pending(world)
        for person in (world.requester, world.operator, world.viewer):
            answer = bearer(person).post(path(rollout, "approve"), {"fingerprint": "0" * 64})
            assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")

    def test_permission_comes_before_a_wrong_state(self, world: World, bearer: Bearer) -> None:
        rollout = draft(world)
        answer = bearer(world.viewer).post(path(rollout, "approve"), {"fingerprint": "0" * 64})
        assert answer.status_code == 403

    def test_state_comes_before_the_fingerprint(self, world: World, bearer: Bearer) -> None:
        rollout = draft(world)
        answer = bearer(world.approver).post(path(rollout, "approve"), {"fingerprint": "0" * 64})
        assert (answer.status_code, answer.json()["code"]) == (409, "illegal_move")

    def test_another_fingerprint_is_stale(self, world: World, bearer: Bearer) -> None:
        rollout = pending(world)
        answer = bearer(world.approver).post(path(rollout, "approve"), {"fingerprint": "0" * 64})
        assert (answer.status_code, answer.json()["code"]) == (409, "stale_fingerprint")
        assert not rollout.approvals.exists()

    def test_no_fingerprint_is_no_approval(self, world: World, bearer: Bearer) -> None:
        rollout = pending(world)
        answer = bearer(world.approver).post(path(rollout, "approve"), {"reason": "Blindly."})
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["attr"] == "fingerprint"


def test_voting_twice_is_one_vote(world: World, session: Session) -> None:
    rollout = pending(world)
    client = session(world.approver)
    vote = {"fingerprint": rollout.fingerprint}
    first = client.post(path(rollout, "approve"), vote)
    second = client.post(path(rollout, "approve"), vote)
    assert (first.status_code, second.status_code) == (200, 200)
    assert rollout.approvals.count() == 1


def test_a_token_decides_only_where_the_policy_says_so(
    world: World, bearer: Bearer, session: Session
) -> None:
    rollout = pending(world)
    vote = {"fingerprint": rollout.fingerprint}
    refused = bearer(world.approver).post(path(rollout, "approve"), vote)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    assert session(world.approver).post(path(rollout, "approve"), vote).status_code == 200


def test_a_rejection_says_why(world: World, session: Session) -> None:
    rollout = pending(world)
    client = session(world.approver)
    silent = client.post(path(rollout, "reject"), {})
    assert (silent.status_code, silent.json()["errors"][0]["attr"]) == (400, "reason")
    rejected = client.post(path(rollout, "reject"), {"reason": "Not on a Friday."})
    assert rejected.json()["state"] == "rejected"
    assert rejected.json()["approvals"][0]["reason"] == "Not on a Friday."


@pytest.mark.parametrize("weight", [-1, 101, 1.5, "half", None])
def test_a_weight_is_a_whole_percent(world: World, bearer: Bearer, weight: object) -> None:
    rollout = running(world)
    answer = bearer(world.operator).post(path(rollout, "set-weight"), {"weight": weight})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == "weight"


def test_a_weight_is_set_by_hand(world: World, bearer: Bearer) -> None:
    rollout = running(world)
    answer = bearer(world.operator).post(path(rollout, "set-weight"), {"reason": "Less.", "weight": 1})
    assert answer.status_code == 200
    assert answer.json()["state"] == "running"


def test_a_mesh_that_does_not_answer_is_502(world: World, bearer: Bearer) -> None:
    rollout = draft(world)
    world.mesh.fail_next(Unreachable("The API server does not answer."), times=5)
    answer = bearer(world.requester).post(path(rollout, "submit"), {})
    assert (answer.status_code, answer.json()["code"]) == (502, "mesh_unreachable")
    assert answer.json()["type"] == "server_error"


def test_checks_that_stand_against_it_are_422_with_the_findings(world: World, bearer: Bearer) -> None:
    rollout = draft(world)
    world.mesh.remove(Ref(SERVICE, "shop", "order"))
    answer = bearer(world.requester).post(path(rollout, "submit"), {})
    assert (answer.status_code, answer.json()["code"]) == (422, "blocked_by_checks")
    assert all(item["code"].startswith("WEIR") for item in answer.json()["errors"])


def test_a_refused_event_is_audited_with_its_address(world: World, bearer: Bearer) -> None:
    rollout = draft(world)
    bearer(world.viewer).post(
        path(rollout, "submit"), {"reason": "Let me."}, headers={"x-request-id": "ci-7"}
    )
    event = AuditEvent.objects.latest("seq")
    assert (event.action, event.outcome, event.actor, event.channel) == ("submit", "refused", "viewer", "api")
    assert (event.ip, event.request_id) == ("127.0.0.1", "ci-7")


def test_trying_again_answers_the_new_rollout(world: World, bearer: Bearer) -> None:
    rollout = draft(world)
    client = bearer(world.requester)
    client.post(path(rollout, "cancel"), {"reason": "Wrong week."})
    answer = client.post(path(rollout, "retry"), {"reason": "This week."})
    assert answer.status_code == 200
    assert answer.json()["id"] != rollout.pk
    assert (answer.json()["state"], answer.json()["retry_of"]) == ("draft", rollout.pk)


def test_allowed_events_are_of_the_person_who_asks(world: World, bearer: Bearer) -> None:
    rollout = pending(world)

    def allowed(person: User) -> dict[str, bool]:
        shown = bearer(person).get(f"/api/v1/rollouts/{rollout.pk}/").json()
        return {item["slug"]: item["allowed"] for item in shown["allowed_events"]}

    assert allowed(world.requester)["withdraw"] is True
    assert allowed(world.requester)["approve"] is False
    assert allowed(world.approver)["approve"] is False, "the policy accepts no votes by token"
    Policy.objects.update(token_approval_allowed=True)
    assert allowed(world.approver)["approve"] is True
    assert not any(allowed(world.viewer).values())
    shown = bearer(world.viewer).get(f"/api/v1/rollouts/{rollout.pk}/").json()
    assert all(item["why"] for item in shown["allowed_events"])


def test_a_rollout_that_is_not_there_is_404(world: World, bearer: Bearer) -> None:
    answer = bearer(world.operator).post("/api/v1/rollouts/999999/pause/", {})
    assert answer.status_code == 404
