"""Somebody who asked for a release, edited it, or is a superuser, tries every door to approve it. None opens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import NoReverseMatch, reverse

from releases import flow
from releases.domain import NotAllowed
from releases.domain.roles import RoleName
from releases.domain.states import Event, State
from releases.models import Approval, AuditEvent, Role, Rollout, User
from tests.admin.conftest import SignIn
from tests.admin.world import World, actor, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def attacker(world: World) -> User:
    """Return who asked for the release: a superuser with every role that can be combined."""
    powers = [role for role in RoleName if role is not RoleName.AUDITOR]
    return person("attacker", *powers, is_superuser=True)


@pytest.fixture
def rollout(world: World, attacker: User) -> Rollout:
    return world.pending(by=attacker)


@pytest.fixture
def browser(sign_in: SignIn, attacker: User) -> Client:
    return sign_in(attacker)


def still_waits(rollout: Rollout) -> bool:
    rollout.refresh_from_db()
    return rollout.state == State.PENDING and not Approval.objects.exists()


def test_the_button_of_the_page_pressed_all_the_same(rollout: Rollout, browser: Client) -> None:
    url = reverse("admin:releases_rollout_event", args=[rollout.pk, "approve"])
    browser.post(url, {"fingerprint": rollout.fingerprint, "reason": "mine"})
    assert still_waits(rollout)
    assert AuditEvent.objects.filter(action="approve", outcome="refused", actor="attacker").count() == 1


def test_votes_have_no_form(rollout: Rollout, browser: Client) -> None:
    with pytest.raises(NoReverseMatch):
        reverse("admin:releases_approval_add")
    given = {"rollout": rollout.pk, "by": 1, "decision": "approve", "fingerprint": rollout.fingerprint}
    assert browser.post("/admin/releases/approval/add/", given).status_code == 404
    assert still_waits(rollout)


@pytest.mark.parametrize("action", ["approve", "delete_selected", "cause"])
def test_lists_have_no_bulk_action(rollout: Rollout, browser: Client, action: str) -> None:
    url = reverse("admin:releases_rollout_changelist")
    browser.post(url, {"action": action, "_selected_action": [rollout.pk], "index": 0, "post": "yes"})
    assert still_waits(rollout)


def test_the_row_is_not_saved_by_its_form(rollout: Rollout, browser: Client, world: World) -> None:
    url = reverse("admin:releases_rollout_change", args=[rollout.pk])
    given = {
        "state": "approved",
        "requested_by": world.viewer.pk,
        "fingerprint": rollout.fingerprint,
        "_save": "1",
    }
    browser.post(url, given)
    assert still_waits(rollout)
    assert rollout.requested_by.username == "attacker"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("post", "approve/", {"reason": "mine"}),
        ("patch", "", {"state": "approved", "impact": "None."}),
        ("patch", "", {"requested_by": 1}),
        ("put", "", {"state": "approved"}),
    ],
)
def test_the_api_by_session(
    rollout: Rollout, browser: Client, method: str, path: str, body: dict[str, Any]
) -> None:
    send: Callable[..., Any] = getattr(browser, method)
    given = {**body, "fingerprint": rollout.fingerprint}
    answer = send(f"/api/v1/rollouts/{rollout.pk}/{path}", given, content_type="application/json")
    assert answer.status_code in {403, 405, 409}, answer.content
    assert still_waits(rollout)


def test_an_approved_release_is_not_edited(world: World, browser: Client, attacker: User) -> None:
    mine = world.pending("order", by=attacker)
    approved = flow.perform(
        mine, Event.APPROVE, by=actor(world.approver), fingerprint=mine.fingerprint, why="read it"
    )
    answer = browser.patch(
        f"/api/v1/rollouts/{approved.pk}/", {"impact": "More than you read."}, content_type="application/json"
    )
    assert answer.status_code == 409
    approved.refresh_from_db()
    assert (approved.state, approved.fingerprint) == (State.APPROVED, mine.fingerprint)


def test_the_vote_of_somebody_else_is_not_sent_again_by_its_key(
    rollout: Rollout, browser: Client, sign_in: SignIn, world: World
) -> None:
    """An answer kept for a key belongs to who got it."""
    path, key = f"/api/v1/rollouts/{rollout.pk}/approve/", {"idempotency-key": "k-1"}
    refused = browser.post(
        path, {"fingerprint": rollout.fingerprint}, content_type="application/json", headers=key
    )
    assert refused.status_code == 403
    other = sign_in(world.approver).post(
        path, {"fingerprint": rollout.fingerprint}, content_type="application/json", headers=key
    )
    assert (other.status_code, other.json()["state"]) == (200, "approved")


def test_a_second_account_of_ones_own(rollout: Rollout, sign_in: SignIn, attacker: User) -> None:
    robot = person("robot", RoleName.APPROVER, belongs_to=attacker)
    url = f"/api/v1/rollouts/{rollout.pk}/approve/"
    answer = sign_in(robot).post(url, {"fingerprint": rollout.fingerprint}, content_type="application/json")
    assert answer.status_code == 403
    assert still_waits(rollout)


def test_the_account_is_not_cut_loose_first(rollout: Rollout, attacker: User, world: World) -> None:
    """Who keeps the accounts could otherwise make two persons of one."""
    robot = person("robot", RoleName.APPROVER, belongs_to=attacker)
    for keeper in (attacker, world.administrator):
        for owner in (None, world.viewer):
            with pytest.raises(NotAllowed, match="stays" if keeper is world.administrator else "Nobody"):
                flow.save_access(robot, by=actor(keeper), changes={"belongs_to": owner})
    robot.refresh_from_db()
    assert robot.belongs_to == attacker


def test_a_superuser_gives_nobody_a_role(world: World, sign_in: SignIn) -> None:
    root = person("root", is_superuser=True)
    browser = sign_in(root)
    given = {"user": root.pk, "name": RoleName.APPROVER.value, "group": "", "_save": "1"}
    assert browser.post(reverse("admin:releases_role_add"), given).status_code == 403
    assert not Role.objects.filter(user=root).exists()


VOTE = """INSERT INTO releases_approval (rollout_id, by_id, decision, reason, fingerprint, evidence, evidence_hash, channel,
    created_at, voided_by, voided_why) SELECT id, requested_by_id, 'approve', '', fingerprint, '{}', '', 'api',
    CURRENT_TIMESTAMP, '', '' FROM releases_rollout"""
ANOTHER = "UPDATE releases_rollout SET requested_by_id = (SELECT MIN(id) FROM releases_user)"


@pytest.mark.parametrize("statement", [VOTE, ANOTHER], ids=["a vote", "another requester"])
def test_sql_by_hand(rollout: Rollout, statement: str) -> None:
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert still_waits(rollout)


def test_a_state_set_by_sql_starts_nothing(rollout: Rollout, world: World) -> None:
    """It is an event of its own, and the engine counts the votes before it writes."""
    Rollout.objects.filter(pk=rollout.pk).update(state=State.APPROVED, next_wake_up=world.now)
    flow.record_raw_changes()
    assert AuditEvent.objects.filter(action="raw_change", object_type="releases_rollout").exists()
    world.mesh.log.clear()
    world.pulse(Rollout.objects.get(pk=rollout.pk), times=3)
    assert [write for write in world.mesh.log if not write.dry_run] == []
