"""A role on one owning group binds that group's services: what is everybody's takes a role that holds everywhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from rest_framework.test import APIClient

from releases import flow
from releases.clock import database_now
from releases.domain import BadPlan, NotAllowed
from releases.domain.roles import RoleName
from releases.models import Delivery, NotificationChannel, Role, User
from services.models import Cluster, Metric, Policy, Service
from tests.api.conftest import World, actor_for, add_person, add_service, token_of

Bearer = Callable[..., APIClient]
SERVICE = {
    "cluster": "lab",
    "policy": "demo",
    "name": "payment",
    "namespace": "shop",
    "host": "payment",
    "virtual_service": "payment",
    "destination_rule": "payment",
}


@pytest.fixture
def ours(db: None) -> Group:
    return Group.objects.create(name="ours")


def bound(role: RoleName, group: Group) -> User:
    """Somebody with this role on one group's services alone."""
    user = add_person(role, name=f"{role}-of-{group}")
    Role.objects.filter(user=user).update(group=group)
    return user


def test_who_administers_a_group_gives_no_role_beyond_it(world: World, ours: Group) -> None:
    administrator = bound(RoleName.USER_ADMINISTRATOR, ours)
    theirs = Group.objects.create(name="theirs")
    for group in (None, theirs):
        changes = {"user": administrator, "name": "operator", "group": group}
        with pytest.raises(NotAllowed):
            flow.save_access(Role(user=administrator), by=actor_for(administrator), changes=changes)
    changes = {"user": world.viewer, "name": "operator", "group": ours}
    proposal = flow.save_access(Role(user=world.viewer), by=actor_for(administrator), changes=changes)
    assert proposal is not None
    flow.agree(proposal, by=actor_for(world.approver))
    given = Role.objects.get(user=world.viewer, name="operator")
    with pytest.raises(NotAllowed):
        flow.save_access(given, by=actor_for(administrator), changes={"group": None})
    flow.delete_access(given, by=actor_for(administrator))
    with pytest.raises(NotAllowed):
        flow.delete_access(Role.objects.get(user=world.operator), by=actor_for(administrator))


def test_accounts_groups_and_others_tokens_are_everybodys(world: World, ours: Group, bearer: Bearer) -> None:
    administrator = actor_for(bound(RoleName.USER_ADMINISTRATOR, ours))
    bearer(world.operator)
    with pytest.raises(NotAllowed):
        flow.save_access(world.operator, by=administrator, changes={}, password="taken over")
    with pytest.raises(NotAllowed):
        flow.save_access(Group(), by=administrator, changes={"name": "mine"})
    with pytest.raises(NotAllowed):
        flow.delete_access(ours, by=administrator)
    with pytest.raises(NotAllowed):
        flow.revoke_token(token_of(world.operator), by=administrator)


def test_an_operator_of_one_group_leaves_the_shared_catalogue_alone(
    world: World, ours: Group, bearer: Bearer
) -> None:
    client = bearer(bound(RoleName.OPERATOR, ours))
    metric = Metric.objects.get()
    for answer in (
        client.patch(f"/api/v1/clusters/{world.cluster.pk}/", {"prometheus_url": "http://127.0.0.2:9090"}),
        client.post("/api/v1/clusters/", {"name": "mine", "prometheus_url": "http://127.0.0.2:9090"}),
        client.patch(f"/api/v1/metrics/{metric.pk}/", {"title": "Mine"}),
        client.patch(f"/api/v1/services/{world.service.pk}/", {"title": "Mine"}),
        client.post("/api/v1/services/", SERVICE),
    ):
        assert answer.status_code == 403, answer.json()
    assert Cluster.objects.get().prometheus_url == world.cluster.prometheus_url


def test_an_operator_of_one_group_keeps_the_catalogue_of_the_group(
    world: World, ours: Group, bearer: Bearer
) -> None:
    client = bearer(bound(RoleName.OPERATOR, ours))
    made = client.post("/api/v1/services/", {**SERVICE, "owners": "ours"})
    assert made.status_code == 201, made.json()
    changed = client.patch(f"/api/v1/services/{made.json()['id']}/", {"title": "Payment"})
    assert changed.status_code == 200
    assert Service.objects.get(name="payment").title == "Payment"


def test_a_policy_is_made_by_who_administers_everywhere(world: World, ours: Group, bearer: Bearer) -> None:
    administrator = bound(RoleName.POLICY_ADMINISTRATOR, ours)
    assert bearer(administrator).post("/api/v1/policies/", {"name": "mine"}).status_code == 403
    assert bearer(world.policy_administrator).post("/api/v1/policies/", {"name": "all"}).status_code == 201


def test_the_second_person_for_everybodys_policy_holds_everywhere(
    world: World, ours: Group, bearer: Bearer
) -> None:
    add_service("payment", cluster=world.cluster, policy=world.policy)
    Policy.objects.update(token_approval_allowed=True)
    change = bearer(world.policy_administrator).patch(
        f"/api/v1/policies/{world.policy.pk}/", {"approvals_needed": 2}
    )
    assert change.status_code == 202
    [proposal] = bearer(world.viewer).get("/api/v1/proposals/").json()["results"]
    url = f"/api/v1/proposals/{proposal['id']}/approve/"
    assert bearer(bound(RoleName.APPROVER, ours)).post(url, {"reason": "Yes."}).status_code == 403
    assert bearer(world.approver).post(url, {"reason": "Yes."}).status_code == 200


def test_channels_and_their_messages_belong_to_a_group_or_to_all(world: World, ours: Group) -> None:
    operator = actor_for(bound(RoleName.OPERATOR, ours))
    fields = {"name": "mail", "kind": "email"}
    with pytest.raises(NotAllowed):
        flow.save_catalogue(NotificationChannel(), by=operator, changes={**fields, "group": None})
    flow.save_catalogue(NotificationChannel(), by=operator, changes={**fields, "group": ours})
    for_all = NotificationChannel.objects.create(name="all", kind="email")
    for channel, refused in ((NotificationChannel.objects.get(name="mail"), False), (for_all, True)):
        message = Delivery.objects.create(
            channel=channel, key="k", message={}, next_try_at=database_now(), state="failed"
        )
        if refused:
            with pytest.raises(NotAllowed):
                flow.retry_delivery(message, by=operator, clock=database_now)
        else:
            flow.retry_delivery(message, by=operator, clock=database_now)


@pytest.mark.parametrize("power", [RoleName.APPROVER, RoleName.OPERATOR])
def test_an_auditors_service_account_does_not_act(world: World, power: RoleName) -> None:
    administrator = actor_for(User.objects.get(username="user_administrator"))
    robot = User.objects.create_user("robot", belongs_to=world.auditor)
    changes = {"user": robot, "name": power.value, "group": None}
    with pytest.raises(BadPlan):
        flow.save_access(Role(user=robot), by=administrator, changes=changes)
    acting = add_person(power, name="acting")
    with pytest.raises(BadPlan):
        flow.save_access(acting, by=administrator, changes={"belongs_to": world.auditor})


def test_a_service_account_belongs_to_a_person(world: World) -> None:
    administrator = actor_for(User.objects.get(username="user_administrator"))
    robot = User.objects.create_user("robot", belongs_to=world.operator)
    second = User.objects.create_user("second")
    for account, person in ((second, robot), (second, second), (world.operator, world.viewer)):
        with pytest.raises(BadPlan):
            flow.save_access(account, by=administrator, changes={"belongs_to": person})
    second = User.objects.get(username="second")
    flow.save_access(second, by=administrator, changes={"belongs_to": User.objects.get(username="operator")})
    assert User.objects.get(username="second").person_id == world.operator.pk


@pytest.mark.parametrize(
    "taken",
    [
        {"virtual_service": "order"},
        {"destination_rule": "order"},
        {"host": "order"},
        {"host": "order.shop.svc.cluster.local", "namespace": "elsewhere"},
    ],
)
@pytest.mark.parametrize("owned", [True, False], ids=["theirs", "nobody's"])
def test_nobody_takes_another_groups_traffic_over_by_naming_its_objects(
    world: World, ours: Group, bearer: Bearer, taken: dict[str, str], owned: bool
) -> None:
    theirs = Group.objects.create(name="theirs")
    Service.objects.update(owners=theirs if owned else None)
    mine = bound(RoleName.OPERATOR, ours)
    client = bearer(mine)
    refused = client.post("/api/v1/services/", {**SERVICE, "owners": "ours", **taken})
    assert refused.status_code == 403, refused.json()
    assert "order" in refused.json()["detail"]
    made = client.post("/api/v1/services/", {**SERVICE, "owners": "ours"})
    assert made.status_code == 201
    url = f"/api/v1/services/{made.json()['id']}/"
    assert client.patch(url, taken).status_code == 403
    assert Service.objects.get(name="payment").virtual_service == "payment"
    Role.objects.create(user=mine, name="operator", group=theirs if owned else None)
    assert client.patch(url, taken).status_code == 200, "who keeps both catalogues may"


def test_one_groups_services_share_a_virtual_service(world: World, ours: Group, bearer: Bearer) -> None:
    Service.objects.update(owners=ours)
    made = bearer(bound(RoleName.OPERATOR, ours)).post(
        "/api/v1/services/", {**SERVICE, "owners": "ours", "virtual_service": "order"}
    )
    assert made.status_code == 201
