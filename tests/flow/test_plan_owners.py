"""Whose plan it is: a group's plan is changed by that group, a shared one by its author or who keeps the whole catalogue."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from rest_framework.test import APIClient

from releases import flow, selectors
from releases.clock import database_now
from releases.domain import BadPlan, IllegalMove, NotAllowed
from releases.domain.roles import RoleName
from releases.models import Proposal, Role, RolloutPlan, User
from tests.admin.world import World, actor, person

STEPS = [{"weight": 5, "bake_seconds": 60}, {"weight": 100, "bake_seconds": 60}]


def bound(name: str, role: RoleName, *groups: Group) -> User:
    """Somebody with this role on these groups' services alone."""
    user = person(name)
    Role.objects.bulk_create(Role(user=user, name=role.value, group=group) for group in groups)
    return user


@pytest.fixture
def ours(db: None) -> Group:
    return Group.objects.create(name="ours")


@pytest.fixture
def theirs(db: None) -> Group:
    return Group.objects.create(name="theirs")


def save(by: User, *, plan: RolloutPlan | None = None, **given: object) -> RolloutPlan:
    name = plan.name if plan else f"plan {RolloutPlan.objects.count()}"
    return flow.save_plan(name=name, steps=STEPS, by=actor(by), plan=plan, **given)  # type: ignore[arg-type]  # owners alone


def test_a_plan_belongs_to_the_only_group_of_who_makes_it(shop: World, ours: Group) -> None:
    assert save(bound("mine", RoleName.REQUESTER, ours)).owners == ours
    assert save(shop.requester).owners is None, "whose role holds everywhere makes a shared one"


def test_who_works_for_several_groups_says_which(shop: World, ours: Group, theirs: Group) -> None:
    both = bound("both", RoleName.REQUESTER, ours, theirs)
    with pytest.raises(BadPlan) as refused:
        save(both)
    assert refused.value.field == "owners"
    assert save(both, owners=theirs).owners == theirs


def test_another_groups_plan_is_neither_made_changed_nor_deleted(
    shop: World, ours: Group, theirs: Group
) -> None:
    mine, other = bound("mine", RoleName.REQUESTER, ours), bound("other", RoleName.OPERATOR, theirs)
    plan = save(mine)
    with pytest.raises(NotAllowed):
        save(mine, owners=theirs)
    with pytest.raises(NotAllowed):
        save(other, plan=plan)
    with pytest.raises(NotAllowed):
        save(other, plan=plan, owners=theirs)
    with pytest.raises(NotAllowed):
        save(mine, plan=plan, owners=theirs)
    with pytest.raises(NotAllowed):
        save(mine, plan=plan, owners=None)
    with pytest.raises(NotAllowed):
        flow.delete_plan(plan, by=actor(other))
    colleague = bound("colleague", RoleName.OPERATOR, ours)
    assert save(colleague, plan=plan).owners == ours, "what is not said stays"
    flow.delete_plan(plan, by=actor(colleague))


def test_a_shared_plan_is_changed_by_its_author_and_by_who_keeps_the_catalogue(
    shop: World, ours: Group
) -> None:
    plan = save(shop.requester)
    for user in (person("another", RoleName.REQUESTER), bound("bound", RoleName.OPERATOR, ours), shop.viewer):
        with pytest.raises(NotAllowed):
            save(user, plan=plan)
        with pytest.raises(NotAllowed):
            flow.delete_plan(plan, by=actor(user))
        assert not selectors.may_keep_plan(user, plan)
    for user in (shop.requester, shop.operator, shop.administrator):
        assert selectors.may_keep_plan(user, plan)
        save(user, plan=plan)
    flow.delete_plan(plan, by=actor(shop.operator))


def test_an_author_without_a_role_any_more_keeps_nothing(shop: World) -> None:
    plan = save(shop.requester)
    Role.objects.filter(user=shop.requester).delete()
    with pytest.raises(NotAllowed):
        save(shop.requester, plan=plan)


def test_what_was_approved_in_advance_outlives_its_plan(shop: World) -> None:
    """The two who agreed stay on record, and an open proposal is decided before its plan goes."""
    until = database_now() + timedelta(days=30)
    product = shop.service("product")
    proposal = flow.propose_standard(
        shop.plan, service=product, max_weight=100, valid_until=until, by=actor(shop.requester), why="weekly"
    )
    with pytest.raises(IllegalMove, match=str(proposal)):
        flow.delete_plan(shop.plan, by=actor(shop.requester))
    flow.agree(proposal, by=actor(shop.approver))
    flow.delete_plan(shop.plan, by=actor(shop.requester))
    kept = Proposal.objects.get()
    assert (kept.plan, kept.state, kept.target) == (None, "agreed", product)
    assert shop.service("product").standard_changes.get().plan is None


@pytest.mark.parametrize("method", ["patch", "delete"])
def test_the_api_refuses_who_does_not_keep_it(shop: World, ours: Group, theirs: Group, method: str) -> None:
    plan = save(bound("mine", RoleName.REQUESTER, ours))
    client = APIClient()
    client.force_login(bound("other", RoleName.REQUESTER, theirs))
    client.credentials(HTTP_X_CSRFTOKEN=client.get("/api/v1/me/").json()["csrf_token"])
    url = f"/api/v1/plans/{plan.pk}/"
    assert client.get(url).json()["owners"] == "ours"
    assert getattr(client, method)(url, {"title": "Mine"}, format="json").status_code == 403
    body = {"name": "new", "steps": STEPS, "owners": "ours"}
    assert client.post("/api/v1/plans/", body, format="json").status_code == 403
    made = client.post("/api/v1/plans/", {**body, "owners": "theirs"}, format="json")
    assert (made.status_code, made.json()["owners"]) == (201, "theirs")
