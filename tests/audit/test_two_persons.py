"""What the database refuses by itself of those who would decide alone: whoever has its password, and any mistake of the code."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from releases import flow
from releases.clock import database_now
from releases.domain.roles import RoleName
from releases.domain.states import Event, State
from releases.flow.approve import approval_problem
from releases.models import Approval, EmergencyRelease, Freeze, FreezeOverride, Proposal, RolloutEdit, User
from tests.admin.world import World, actor, person


def refused(statement: str, *values: int) -> None:
    """Run SQL past the ORM and see it refused."""
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def robot_of(user: User) -> User:
    return person(f"robot of {user.username}", RoleName.APPROVER, belongs_to=user)


def test_a_revoked_vote_is_not_brought_back(world: World) -> None:
    rollout = world.approved()
    flow.perform(rollout, Event.REVOKE, by=actor(world.approver), why="I misread it")
    refused("UPDATE releases_approval SET voided_at = NULL WHERE rollout_id = %s", rollout.pk)
    with pytest.raises(DatabaseError), transaction.atomic():
        Approval.objects.update(voided_at=None)
    rollout.refresh_from_db()
    assert approval_problem(rollout)


@pytest.mark.parametrize("table", ["releases_rollout", "releases_trafficchange"])
def test_who_asked_stays_who_asked(world: World, table: str) -> None:
    world.pending("order")
    flow.request_change(
        service=world.service("product"),
        spec={"candidate_weight": 20},
        reason="Try it on a few.",
        by=actor(world.requester),
    )
    refused(f"UPDATE {table} SET requested_by_id = %s", world.viewer.pk)


def test_an_editor_is_not_forgotten(world: World) -> None:
    rollout = world.draft()
    person_who_edits = person("editor", RoleName.REQUESTER, RoleName.APPROVER)
    flow.edit(rollout, by=actor(person_who_edits), changes={"impact": "Less."})
    refused("DELETE FROM releases_rolloutedit")
    refused("UPDATE releases_rolloutedit SET by_id = %s", world.viewer.pk)
    assert RolloutEdit.objects.get().by == person_who_edits


@pytest.fixture
def proposal(world: World) -> Proposal:
    flow.save_catalogue(world.policy, by=actor(world.administrator), changes={"approvals_needed": 2})
    return Proposal.objects.get()


def test_what_was_proposed_is_what_somebody_agrees_to(world: World, proposal: Proposal) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        Proposal.objects.update(after={"approvals_needed": 0, "number": 1})
    refused("UPDATE releases_proposal SET asked_by_id = %s", world.viewer.pk)


def test_nobody_is_both_persons_by_another_log_in(world: World, proposal: Proposal) -> None:
    robot = robot_of(world.administrator)
    for user in (world.administrator, robot):
        refused("UPDATE releases_proposal SET state = 'agreed', decided_by_id = %s", user.pk)
    assert Proposal.objects.get().state == Proposal.State.OPEN


def test_what_was_decided_stays_decided(world: World, proposal: Proposal) -> None:
    flow.refuse(proposal, by=actor(world.approver), why="no")
    refused("UPDATE releases_proposal SET state = 'open'")
    refused("UPDATE releases_proposal SET state = 'agreed', decided_by_id = %s", world.operator.pk)


def test_an_emergency_is_not_reviewed_by_the_persons_other_log_in(world: World) -> None:
    rollout = flow.release_in_emergency(
        world.draft(),
        by=actor(world.operator),
        why="The checkout fails for everybody.",
        incident="INC-7",
        typed_name="product",
    )
    assert rollout.state == State.APPROVED
    refused("UPDATE releases_emergencyrelease SET reviewed_by_id = %s", robot_of(world.operator).pk)
    assert EmergencyRelease.objects.get().reviewed_by is None


def test_a_freeze_is_not_overridden_by_one_person_with_two_log_ins(world: World) -> None:
    rollout, now = world.pending(), database_now()
    freeze = Freeze.objects.create(name="year's end", starts_at=now - timedelta(hours=1))
    with pytest.raises(DatabaseError), transaction.atomic():
        FreezeOverride.objects.create(
            freeze=freeze,
            rollout=rollout,
            reason="mine",
            asked_by=world.operator,
            agreed_by=robot_of(world.operator),
        )
