"""What is told beside a rollout's own moves, to whom, and that it is told once: in the outbox, before any platform's form."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from releases import flow
from releases.clock import database_now
from releases.domain.roles import RoleName
from releases.domain.states import Event
from releases.domain.traffic_change import ChangeEvent
from releases.domain.train import Order
from releases.flow.notify.reminders import REVIEW_SOON, TOKEN_SOON
from releases.flow.train_turn import rollouts_of
from releases.models import (
    Delivery,
    EmergencyRelease,
    Freeze,
    NotificationChannel,
    Proposal,
    TrafficChange,
    User,
)
from tests.admin.world import World, actor, person

WHY = "The checkout fails for everybody."


@pytest.fixture(autouse=True)
def desk(world: World) -> NotificationChannel:
    """Return a channel that is told of decisions alone; the addresses of people are their names."""
    for user in User.objects.all():
        User.objects.filter(pk=user.pk).update(email=f"{user.username}@example.org")
    return NotificationChannel.objects.create(
        name="desk", kind="email", subject=NotificationChannel.Subject.DECISIONS
    )


def told() -> list[tuple[str, str, list[str]]]:
    """What was put since the last look: noun, kind, and the user names of those who can act."""
    rows = list(Delivery.objects.order_by("pk"))
    Delivery.objects.all().delete()
    return [
        (
            row.message["about"],
            row.message["kind"],
            [address.partition("@")[0] for address in row.message["addresses"]],
        )
        for row in rows
    ]


def everything(desk: NotificationChannel) -> None:
    desk.subject = NotificationChannel.Subject.ALL
    desk.save()


def asked_change(world: World, weight: int = 20) -> TrafficChange:
    return flow.request_change(
        service=world.service("product"),
        spec={"candidate_weight": weight},
        reason="Try it on a few.",
        by=actor(world.requester),
    )


def test_a_change_of_traffic_is_asked_of_those_who_may_vote_and_its_end_told_to_who_asked(
    world: World, desk: NotificationChannel
) -> None:
    change = asked_change(world)
    assert told() == [("traffic_change", "approval_asked", ["approver", "operator"])]
    everything(desk)
    flow.perform_change(
        change, ChangeEvent.APPROVE, by=actor(world.approver), fingerprint=change.fingerprint, why="yes"
    )
    assert told() == [("traffic_change", "state", ["developer"])]
    flow.perform_change(change, ChangeEvent.APPLY, by=actor(world.operator))
    assert told() == [("traffic_change", "state", ["developer"])], "written; that the write began is not told"


def test_a_change_that_needs_no_vote_asks_nobody(world: World, desk: NotificationChannel) -> None:
    everything(desk)
    back = asked_change(world, weight=0)
    assert not back.needs_vote
    assert told() == []


def test_a_train_is_asked_for_once_and_its_members_not_besides(world: World) -> None:
    members = [
        flow.Asked(service=service, candidate=service.versions.get(name="v2"), plan=world.plan)
        for service in (world.service("product"), world.service("order"))
    ]
    said = flow.Statements(reason="Both.", impact="All.", test_evidence="Green.", rollback_note="Traffic.")
    by = actor(world.requester)
    train = flow.create_train(name="checkout", order=Order.ORDERED, asked=members, statements=said, by=by)
    first, second = rollouts_of(train)
    flow.perform(first, Event.SUBMIT, by=by)
    assert told() == [], "nobody can decide on a train half of which is a draft"
    flow.perform(second, Event.SUBMIT, by=by)
    assert told() == [("train", "approval_asked", ["approver", "operator"])]


def test_a_second_person_is_asked_among_those_who_can_agree(world: World, desk: NotificationChannel) -> None:
    keeper = person("keeper", RoleName.CALENDAR_MANAGER, email="keeper@example.org")
    other = person("other", RoleName.CALENDAR_MANAGER, email="other@example.org")
    person("robot", RoleName.APPROVER, belongs_to=keeper, email="robot@example.org")
    freeze = Freeze.objects.create(name="sale", starts_at=database_now() - timedelta(hours=1))
    flow.lift_freeze(freeze, by=actor(keeper), why="Over early.")
    assert told() == [("proposal", "second_person_asked", ["approver", "operator", "other"])]
    everything(desk)
    flow.agree(Proposal.objects.get(), by=actor(other), why="Yes.")
    assert told() == [("proposal", "state", ["keeper"])]


def test_a_standard_change_is_proposed_to_those_who_can_approve_it_and_its_runs_ask_nobody(
    world: World,
) -> None:
    proposal = flow.propose_standard(
        world.plan,
        service=world.service("product"),
        max_weight=100,
        valid_until=database_now() + timedelta(days=30),
        by=actor(world.requester),
        why="Every week.",
    )
    assert told() == [("proposal", "second_person_asked", ["administrator", "approver", "operator"])]
    flow.agree(proposal, by=actor(world.approver))
    world.pending()
    assert told() == []


def test_an_emergency_is_told_to_everyone_and_asks_nobody_for_a_vote(world: World) -> None:
    flow.release_in_emergency(
        world.draft(), by=actor(world.operator), why=WHY, incident="INC-7", typed_name="product"
    )
    everyone = ["administrator", "approver", "auditor", "developer", "operator", "viewer"]
    (row,) = Delivery.objects.all()
    assert "INC-7" in row.message["text"]
    assert WHY in row.message["text"]
    assert told() == [("rollout", "emergency", everyone)]


def test_a_review_is_asked_for_before_it_is_due_and_once_more_when_it_is_overdue(world: World) -> None:
    flow.release_in_emergency(
        world.draft(), by=actor(world.operator), why=WHY, incident="INC-7", typed_name="product"
    )
    told()
    due = EmergencyRelease.objects.get().due_at
    assert flow.remind(now=due - REVIEW_SOON - timedelta(minutes=1)) == 0
    for now, kind in (
        (due - REVIEW_SOON + timedelta(minutes=1), "review_due"),
        (due + timedelta(minutes=1), "review_overdue"),
    ):
        assert (flow.remind(now=now), flow.remind(now=now)) == (1, 0)
        assert [row.message["kind"] for row in Delivery.objects.order_by("pk")][-1] == kind
        assert Delivery.objects.order_by("pk").last().message["addresses"] == ["approver@example.org"]  # type: ignore[union-attr]  # there is one
    flow.review_emergency(
        EmergencyRelease.objects.get().rollout,
        by=actor(world.approver),
        outcome="justified",
        findings="It was down.",
    )
    Delivery.objects.all().delete()
    assert flow.remind(now=due + timedelta(hours=1)) == 0, "reviewed"


def test_a_token_that_ends_soon_is_told_to_its_person_by_mail_alone(
    world: World, desk: NotificationChannel
) -> None:
    everything(desk)
    NotificationChannel.objects.create(name="chat", kind="webhook", url_env="CHAT_URL")
    now = database_now()
    expires: dict[str, Any] = {"scopes": ["read"], "by": actor(world.requester)}
    flow.issue_token(user=world.requester, name="ci", expires_at=now + timedelta(days=30), **expires)
    assert flow.remind(now=now) == 0
    soon = now + timedelta(days=30) - TOKEN_SOON + timedelta(hours=1)
    assert (flow.remind(now=soon), flow.remind(now=soon)) == (1, 0)
    assert told() == [("token", "token_expires", ["developer"])]
    assert flow.remind(now=now + timedelta(days=31)) == 0, "it is over"


def test_they_are_told_in_the_language_of_the_channel(world: World, desk: NotificationChannel) -> None:
    desk.language = "zh-hans"
    desk.save()
    asked_change(world)
    (row,) = Delivery.objects.all()
    assert "申请调整流量" in row.message["text"]
    assert "等待审批" in row.message["title"] or "待审批" in row.message["title"]
