"""Changes that take two people: the second holds the role on everything the change is about, and is another person."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group

from releases import flow, selectors
from releases.clock import database_now
from releases.domain import NotAllowed, PasswordNeeded
from releases.domain.roles import RoleName
from releases.models import Freeze, Proposal, Role, User
from services.models import Service
from tests.admin.world import World, actor, person


@pytest.fixture
def keeper(shop: World) -> User:
    return person("keeper", RoleName.CALENDAR_MANAGER)


def of_group(name: str, role: RoleName, group: Group) -> User:
    user = person(name)
    Role.objects.create(user=user, name=role.value, group=group)
    return user


def owned(shop: World, name: str) -> Service:
    """A service of the shop that belongs to a group of its own."""
    service = shop.service(name)
    service.owners = Group.objects.create(name=f"{name} team")
    service.save()
    return service


def freeze(keeper: User, **where: Any) -> Freeze:
    fields = {
        "name": "closing of the books",
        "reason": "The year ends.",
        "starts_at": database_now() - timedelta(hours=1),
        "ends_at": None,
        "time_zone": "Asia/Shanghai",
        **where,
    }
    return flow.create_freeze(by=actor(keeper), fields=fields)


def lift(row: Freeze, by: User) -> Proposal:
    proposal = flow.lift_freeze(row, by=actor(by), why="They are closed.")[1]
    assert proposal is not None
    return proposal


def test_one_groups_approver_does_not_open_what_is_closed_for_all(shop: World, keeper: User) -> None:
    service = owned(shop, "product")
    assert service.owners is not None
    theirs = of_group("theirs", RoleName.APPROVER, service.owners)
    proposal = lift(freeze(keeper), keeper)
    for decide in (flow.agree, flow.refuse):
        with pytest.raises(NotAllowed, match="more services"):
            decide(proposal, by=actor(theirs), why="we want to go on")
    assert selectors.proposals_waiting_for(theirs) == []
    assert selectors.proposals_waiting_for(shop.approver) == [proposal]
    flow.agree(proposal, by=actor(shop.approver), why="yes")
    assert Freeze.objects.get().lifted_at is not None


def test_a_cluster_counts_as_everything_in_it(shop: World, keeper: User) -> None:
    service = owned(shop, "product")
    assert service.owners is not None
    theirs = of_group("theirs", RoleName.CALENDAR_MANAGER, service.owners)
    with pytest.raises(NotAllowed):
        flow.agree(lift(freeze(keeper, cluster=shop.cluster), keeper), by=actor(theirs))


def test_the_group_of_a_service_opens_its_own_freeze(shop: World, keeper: User) -> None:
    service, other = owned(shop, "product"), owned(shop, "order")
    assert service.owners is not None
    assert other.owners is not None
    proposal = lift(freeze(keeper, service=service), keeper)
    with pytest.raises(NotAllowed):
        flow.agree(proposal, by=actor(of_group("strangers", RoleName.APPROVER, other.owners)))
    flow.agree(proposal, by=actor(of_group("owners", RoleName.APPROVER, service.owners)))
    assert Freeze.objects.get().lifted_at is not None


def test_an_override_is_about_the_services_rollout_however_wide_the_freeze(shop: World, keeper: User) -> None:
    service = owned(shop, "product")
    assert service.owners is not None
    rollout = shop.approved("product")
    proposal = flow.ask_override(
        rollout, freeze=freeze(keeper), by=actor(shop.operator), why="It is the fix."
    )
    flow.agree(proposal, by=actor(of_group("owners", RoleName.APPROVER, service.owners)))
    assert rollout.freeze_overrides.count() == 1


def test_a_policy_is_loosened_by_people_of_every_service_it_decides_on(shop: World) -> None:
    mine, other = owned(shop, "product"), owned(shop, "order")
    assert mine.owners is not None
    changes = {"approvals_needed": 5}
    author = of_group("author", RoleName.POLICY_ADMINISTRATOR, mine.owners)
    with pytest.raises(NotAllowed):
        flow.save_catalogue(shop.policy, by=actor(author), changes=changes)
    flow.save_catalogue(shop.policy, by=actor(shop.administrator), changes=changes)
    proposal = Proposal.objects.get()
    with pytest.raises(NotAllowed):
        flow.agree(proposal, by=actor(of_group("second", RoleName.APPROVER, mine.owners)))
    other.owners = mine.owners
    other.save()
    flow.agree(Proposal.objects.get(), by=actor(User.objects.get(username="second")))
    shop.policy.refresh_from_db()
    assert shop.policy.approvals_needed == 5


def test_an_old_session_gives_the_password_before_it_agrees(shop: World, keeper: User) -> None:
    proposal = lift(freeze(keeper), keeper)
    with pytest.raises(PasswordNeeded):
        flow.agree(proposal, by=replace(actor(shop.approver), is_fresh=False))
    assert Freeze.objects.get().lifted_at is None


def test_a_token_agrees_only_where_the_policy_accepts_tokens(shop: World, keeper: User) -> None:
    proposal = lift(freeze(keeper, service=shop.service("product")), keeper)
    robot = replace(actor(shop.approver), by_token=True)
    with pytest.raises(NotAllowed, match="API token"):
        flow.agree(proposal, by=robot)
    type(shop.policy).objects.update(token_approval_allowed=True)
    flow.agree(selectors.proposals().get(), by=robot)
    assert Freeze.objects.get().lifted_at is not None


def test_a_second_log_in_takes_back_what_its_person_asked(shop: World, keeper: User) -> None:
    proposal = lift(freeze(keeper), keeper)
    with pytest.raises(NotAllowed):
        flow.withdraw_proposal(proposal, by=actor(shop.approver))
    robot = person("robot", belongs_to=keeper)
    assert flow.withdraw_proposal(proposal, by=actor(robot)).state == Proposal.State.WITHDRAWN
