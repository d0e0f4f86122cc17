"""Who gets in: bearer tokens with their scopes and ends, sessions with their CSRF token."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from rest_framework.test import APIClient

from releases import flow
from releases.models import ApiToken, AuditEvent, User
from tests.api.conftest import World, actor_for, draft, secret_of, token_of

ME = "/api/v1/me/"
Bearer = Callable[..., APIClient]


def with_token(secret: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def test_nobody_gets_in_without_a_log_in(world: World) -> None:
    answer = APIClient().get(ME)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json()["code"] == "not_authenticated"


@pytest.mark.parametrize("header", ["Bearer", "Bearer a b", "Bearer nobody-has-this", "bearer \xff\xfe"])
def test_a_header_that_is_no_token_of_ours_is_refused(world: World, header: str) -> None:
    answer = APIClient().get(ME, headers={"authorization": header})
    assert answer.status_code == 401
    assert answer.json()["code"] == "authentication_failed"


def test_another_scheme_is_left_to_the_session(world: World) -> None:
    answer = APIClient().get(ME, headers={"authorization": "Basic YTpi"})
    assert answer.json()["code"] == "not_authenticated"


def test_a_token_says_who_asks(world: World, bearer: Bearer) -> None:
    me = bearer(world.requester).get(ME).json()
    assert (me["username"], me["channel"]) == ("requester", "token")
    assert "csrf_token" not in me


def test_only_the_digest_of_a_token_is_stored(world: World) -> None:
    secret = secret_of(world.requester)
    assert token_of(world.requester).digest == ApiToken.digest_of(secret)
    assert secret not in str(token_of(world.requester).__dict__)


def test_an_expired_a_revoked_and_an_unknown_token_get_the_same_answer(world: World) -> None:
    expired, revoked = secret_of(world.requester), secret_of(world.approver)
    ApiToken.objects.filter(user=world.requester).update(expires_at=timezone.now() - timedelta(seconds=1))
    flow.revoke_token(token_of(world.approver), by=actor_for(world.approver))
    answers = [with_token(secret).get(ME) for secret in (expired, revoked, "unknown")]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.json()["detail"] for answer in answers}) == 1


def test_the_token_of_somebody_who_left_is_refused(world: World) -> None:
    client = with_token(secret_of(world.requester))
    User.objects.filter(pk=world.requester.pk).update(is_active=False)
    assert client.get(ME).status_code == 401


def test_the_use_of_a_token_is_noted_once_a_minute(world: World) -> None:
    client = with_token(secret_of(world.requester))
    now = timezone.now()
    seen = []
    for second in (0, 30, 59, 61):
        with time_machine.travel(now + timedelta(seconds=second), tick=False):
            client.get(ME)
        seen.append(token_of(world.requester).last_used_at)
    assert seen[0] == seen[1] == seen[2] == now
    assert seen[3] == now + timedelta(seconds=61)


@pytest.mark.parametrize(
    ("scopes", "status"),
    [
        pytest.param(["read"], (200, 403, 403), id="read reads"),
        pytest.param(["write"], (403, 200, 403), id="write writes"),
        pytest.param(["approve"], (403, 403, 404), id="approve decides"),
    ],
)
def test_a_scope_opens_its_own_door_and_no_other(
    world: World, bearer: Bearer, scopes: list[str], status: tuple[int, int, int]
) -> None:
    client = bearer(world.requester, *scopes)
    rollout = draft(world)
    said = {"title": "Changed"}
    answers = (
        client.get("/api/v1/rollouts/"),
        client.patch(f"/api/v1/plans/{world.plan.pk}/", said),
        client.post("/api/v1/rollouts/999999/approve/", {"fingerprint": "0" * 64}),
    )
    assert rollout.state == "draft"
    assert tuple(answer.status_code for answer in answers) == status


def test_a_decision_without_the_scope_is_audited(world: World, bearer: Bearer) -> None:
    rollout = draft(world)
    answer = bearer(world.approver, "read", "write").post(
        f"/api/v1/rollouts/{rollout.pk}/approve/", {"fingerprint": "0" * 64}
    )
    event = AuditEvent.objects.latest("seq")
    assert answer.status_code == 403
    assert (event.action, event.outcome, event.actor) == ("approve", "refused", "approver")
    assert event.rollout_id == rollout.pk
    assert "approve" in event.reason


def test_a_session_reads_and_writes_with_its_csrf_token(
    world: World, session: Callable[[User], APIClient]
) -> None:
    client = session(world.requester)
    assert client.get(ME).json()["channel"] == "session"
    assert client.patch(f"/api/v1/plans/{world.plan.pk}/", {"title": "Changed"}).status_code == 200


def test_a_session_without_the_csrf_token_writes_nothing_and_is_audited(world: World) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(world.requester)
    answer = client.patch(f"/api/v1/plans/{world.plan.pk}/", {"title": "Forged"})
    world.plan.refresh_from_db()
    event = AuditEvent.objects.latest("seq")
    assert answer.status_code == 403
    assert world.plan.title == ""
    assert (event.action, event.outcome, event.actor) == ("csrf", "refused", "requester")


def test_a_person_without_a_role_learns_that_and_nothing_else(world: World) -> None:
    nobody = User.objects.create_user("newcomer")
    client = with_token(secret_of(nobody))
    assert client.get(ME).json()["roles"] == []
    assert client.get("/api/v1/services/").status_code == 403


def test_a_superuser_without_a_role_reads_and_does_nothing(world: World) -> None:
    root = User.objects.create_superuser("root")
    client = with_token(secret_of(root))
    assert client.get("/api/v1/services/").status_code == 200
    assert client.get("/api/v1/audit/").status_code == 200
    assert client.patch(f"/api/v1/plans/{world.plan.pk}/", {"title": "Mine"}).status_code == 403


@pytest.mark.parametrize(
    ("person", "grants"),
    [
        ("requester", {"submit", "register_version", "edit_plans", "roll_back"}),
        ("approver", {"approve", "reject", "revoke", "roll_back"}),
        ("viewer", set()),
    ],
)
def test_me_says_what_a_role_grants(world: World, bearer: Bearer, person: str, grants: set[str]) -> None:
    me: dict[str, Any] = bearer(getattr(world, person)).get(ME).json()
    assert me["roles"] == [{"role": person, "group": ""}]
    assert grants <= set(me["permissions"])
    assert bool(me["permissions"]) is bool(grants)
