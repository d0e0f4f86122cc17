"""Who may do what is changed by two people, and never by the one it is about. Taking away takes one."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from releases import flow, selectors
from releases.domain import BadPlan, IllegalMove, NotAllowed
from releases.domain.actor import Actor, Channel
from releases.domain.roles import RoleName
from releases.models import AuditEvent, Proposal, Role, User
from services.models import Policy
from tests.admin.world import World, actor, person

WORKER = Actor(name="scheduler@test", channel=Channel.SCHEDULER)


@pytest.fixture
def second(shop: World) -> User:
    """Another user administrator."""
    return person("second administrator", RoleName.USER_ADMINISTRATOR)


def ask(
    by: User, *, user: User, name: RoleName = RoleName.OPERATOR, group: Group | None = None
) -> Proposal | None:
    changes = {"user": user, "name": name.value, "group": group}
    return flow.save_access(Role(user=user), by=actor(by), changes=changes)


def held(user: User) -> set[str]:
    return set(user.roles.values_list("name", flat=True))


def test_a_role_is_held_when_somebody_else_agreed(shop: World, second: User) -> None:
    proposal = ask(shop.administrator, user=shop.viewer)
    assert proposal is not None
    assert held(shop.viewer) == {"viewer"}, "asked for, not given"
    assert proposal in selectors.proposals_waiting_for(second)
    flow.agree(proposal, by=actor(second))
    assert held(shop.viewer) == {"viewer", "operator"}
    told = AuditEvent.objects.filter(object_type="proposal").order_by("seq").values_list("action", "actor")
    assert list(told) == [
        ("propose_give_role", "administrator"),
        ("agreed_give_role", "second administrator"),
    ]


def test_who_asked_does_not_agree(shop: World) -> None:
    proposal = ask(shop.administrator, user=shop.viewer)
    assert proposal is not None
    robot = person("robot", RoleName.USER_ADMINISTRATOR, belongs_to=shop.administrator)
    for user in (shop.administrator, robot):
        with pytest.raises(NotAllowed):
            flow.agree(proposal, by=actor(user))
    assert held(shop.viewer) == {"viewer"}


def test_nobody_asks_for_a_role_of_their_own(shop: World) -> None:
    robot = person("robot", belongs_to=shop.administrator)
    for user in (shop.administrator, robot):
        with pytest.raises(NotAllowed):
            ask(shop.administrator, user=user)
    assert not Proposal.objects.exists()


def test_nobody_agrees_to_a_role_of_their_own(shop: World, second: User) -> None:
    robot = person("robot", RoleName.APPROVER, belongs_to=second)
    for user in (second, robot):
        proposal = ask(shop.administrator, user=user, name=RoleName.OPERATOR)
        assert proposal is not None
        assert proposal not in selectors.proposals_waiting_for(second)
        for answer in (second, robot):
            with pytest.raises(NotAllowed):
                flow.agree(proposal, by=actor(answer))
        assert "operator" not in held(user)


def test_the_database_keeps_whom_it_is_about_from_deciding(shop: World, second: User) -> None:
    ask(shop.administrator, user=second)
    robot = person("robot", belongs_to=second)
    for decider in (second, robot):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("UPDATE releases_proposal SET state = 'agreed', decided_by_id = %s", [decider.pk])
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE releases_proposal SET account_id = %s", [shop.viewer.pk])


def test_a_role_is_given_or_taken_never_changed(shop: World, second: User) -> None:
    role = Role.objects.get(user=shop.viewer)
    with pytest.raises(NotAllowed):
        flow.save_access(role, by=actor(shop.administrator), changes={"name": "operator"})
    assert held(shop.viewer) == {"viewer"}


def test_one_person_takes_a_role_away_but_not_their_own(shop: World) -> None:
    with pytest.raises(NotAllowed):
        flow.delete_access(Role.objects.filter(user=shop.administrator)[0], by=actor(shop.administrator))
    flow.delete_access(Role.objects.get(user=shop.viewer), by=actor(shop.administrator))
    assert held(shop.viewer) == set()


def test_powers_that_must_stay_apart_are_not_even_proposed(shop: World) -> None:
    with pytest.raises(BadPlan):
        ask(shop.administrator, user=shop.auditor, name=RoleName.APPROVER)


def test_powers_stay_apart_when_two_proposals_wait_at_once(shop: World, second: User) -> None:
    both = [
        ask(shop.administrator, user=shop.viewer, name=name) for name in (RoleName.AUDITOR, RoleName.APPROVER)
    ]
    first, other = (one for one in both if one is not None)
    flow.agree(first, by=actor(second))
    with pytest.raises(BadPlan):
        flow.agree(other, by=actor(second))
    other.refresh_from_db()
    assert (other.state, held(shop.viewer)) == ("open", {"viewer", "auditor"})


def test_the_same_role_is_not_given_twice(shop: World, second: User) -> None:
    with pytest.raises(BadPlan):
        ask(shop.administrator, user=shop.viewer, name=RoleName.VIEWER)


@pytest.mark.parametrize("field", ["is_superuser", "user_permissions", "password", "last_login"])
def test_no_door_makes_a_superuser(shop: World, field: str) -> None:
    value: Any = {"is_superuser": True, "user_permissions": [], "password": "md5$x", "last_login": None}[
        field
    ]
    with pytest.raises(NotAllowed):
        flow.save_access(shop.viewer, by=actor(shop.administrator), changes={field: value})
    assert not User.objects.get(pk=shop.viewer.pk).is_superuser


def test_an_administrator_sets_no_password_of_an_account_that_is_there(shop: World) -> None:
    with pytest.raises(NotAllowed):
        flow.save_access(shop.approver, by=actor(shop.administrator), changes={}, password="taken over 1")
    assert not User.objects.get(pk=shop.approver.pk).check_password("taken over 1")


@pytest.mark.parametrize("change", ["groups", "username", "belongs_to", "is_active"])
def test_what_an_account_stands_for_changes_when_somebody_else_agreed(
    shop: World, second: User, change: str
) -> None:
    sre = Group.objects.create(name="sre")
    somebody = person("somebody", RoleName.APPROVER, is_active=change != "is_active")
    wanted: Any = {"groups": [sre], "username": "else", "belongs_to": shop.operator, "is_active": True}[
        change
    ]
    proposal = flow.save_access(somebody, by=actor(shop.administrator), changes={change: wanted})
    assert proposal is not None
    fresh = User.objects.get(pk=somebody.pk)
    assert (fresh.username, fresh.belongs_to, fresh.groups.count()) == ("somebody", None, 0)
    assert fresh.is_active is (change != "is_active")
    flow.agree(proposal, by=actor(second))
    fresh = User.objects.get(pk=somebody.pk)
    found: Any = {
        "groups": list(fresh.groups.all()),
        "username": fresh.username,
        "belongs_to": fresh.belongs_to,
        "is_active": fresh.is_active,
    }
    assert found[change] == wanted


def test_taking_away_takes_one_person(shop: World) -> None:
    sre = Group.objects.create(name="sre")
    shop.approver.groups.add(sre)
    changes = {"groups": [], "is_active": False, "is_staff": False, "title": "Gone"}
    assert flow.save_access(shop.approver, by=actor(shop.administrator), changes=changes) is None
    fresh = User.objects.get(pk=shop.approver.pk)
    assert (fresh.is_active, fresh.is_staff, fresh.title, fresh.groups.count()) == (False, False, "Gone", 0)


def test_some_of_it_is_done_now_and_the_rest_is_proposed(shop: World, second: User) -> None:
    sre, qa = Group.objects.create(name="sre"), Group.objects.create(name="qa")
    shop.approver.groups.add(sre)
    changes = {"groups": [qa], "title": "QA"}
    proposal = flow.save_access(shop.approver, by=actor(shop.administrator), changes=changes)
    assert proposal is not None
    fresh = User.objects.get(pk=shop.approver.pk)
    assert (fresh.title, list(fresh.groups.all())) == ("QA", [])
    flow.agree(proposal, by=actor(second))
    assert list(shop.approver.groups.all()) == [qa]


@pytest.mark.parametrize("change", ["groups", "username", "belongs_to", "is_active", "is_staff"])
def test_nobody_changes_what_their_own_account_stands_for(shop: World, change: str) -> None:
    sre = Group.objects.create(name="sre")
    wanted: Any = {
        "groups": [sre],
        "username": "else",
        "belongs_to": shop.operator,
        "is_active": False,
        "is_staff": False,
    }
    with pytest.raises(NotAllowed):
        flow.save_access(shop.administrator, by=actor(shop.administrator), changes={change: wanted[change]})
    assert not Proposal.objects.exists()


def test_a_proposal_about_an_account_that_changed_since_is_made_again(shop: World, second: User) -> None:
    proposal = flow.save_access(shop.approver, by=actor(shop.administrator), changes={"username": "new"})
    assert proposal is not None
    User.objects.filter(pk=shop.approver.pk).update(username="other")
    with pytest.raises(IllegalMove):
        flow.agree(proposal, by=actor(second))


def test_an_approver_of_the_group_may_be_the_second_person_of_another_group_not(shop: World) -> None:
    ours, theirs = Group.objects.create(name="ours"), Group.objects.create(name="theirs")
    mine, other = person("mine", RoleName.APPROVER), person("other", RoleName.APPROVER)
    Role.objects.filter(user=mine).update(group=ours)
    Role.objects.filter(user=other).update(group=theirs)
    proposal = ask(shop.administrator, user=shop.viewer, group=ours)
    assert proposal is not None
    with pytest.raises(NotAllowed):
        flow.agree(proposal, by=actor(other))
    flow.agree(proposal, by=actor(mine))
    assert Role.objects.filter(user=shop.viewer, name="operator", group=ours).exists()


def test_a_group_that_a_policy_asks_for_is_not_deleted(shop: World) -> None:
    """The rows that name it would go with it, and with them the votes that the policy needs."""
    sre = Group.objects.create(name="sre")
    Policy.objects.get().required_groups.add(sre)
    with pytest.raises(IllegalMove):
        flow.delete_access(sre, by=actor(shop.administrator))
    unused = Group.objects.create(name="unused")
    flow.delete_access(unused, by=actor(shop.administrator))
    assert list(Group.objects.all()) == [sre]


def test_no_worker_gives_a_role(shop: World) -> None:
    changes = {"user": shop.viewer, "name": "operator", "group": None}
    with pytest.raises(NotAllowed):
        flow.save_access(Role(user=shop.viewer), by=WORKER, changes=changes)


def test_the_first_two_administrators_are_appointed_on_the_command_line_and_no_more(db: None) -> None:
    one, two, three = (person(name) for name in ("one", "two", "three"))
    with pytest.raises(CommandError, match="two"):
        call_command("appoint_administrators", "one", "one")
    robot = person("robot", belongs_to=one)
    with pytest.raises(CommandError, match="two"):
        call_command("appoint_administrators", "one", robot.username)
    call_command("appoint_administrators", "one", "two")
    assert held(one) == held(two) == {"user_administrator"}
    assert (
        AuditEvent.objects.filter(action="appoint_administrator", channel="cli", outcome="done").count() == 2
    )
    with pytest.raises(CommandError, match="already"):
        call_command("appoint_administrators", "one", three.username)
    assert held(three) == set()
