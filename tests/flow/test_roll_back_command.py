"""``manage.py roll_back``: which service, and what is undone. No broker, no worker, no web."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from releases import flow, selectors
from releases.domain.states import Event, State
from releases.domain.traffic_change import ChangeEvent
from releases.models import AuditEvent, Rollout, TrafficChange, User
from services.models import Cluster, Service
from tests.admin.world import actor
from tests.factories import Scene

pytestmark = pytest.mark.django_db


def split(scene: Scene, weight: int = 50) -> TrafficChange:
    """A split by hand in force."""
    change = flow.request_change(
        service=scene.world.service("product"),
        spec={"candidate_weight": weight},
        reason="half of it",
        by=actor(scene.world.requester),
    )
    change = flow.perform_change(
        change,
        ChangeEvent.APPROVE,
        by=actor(scene.world.approver),
        fingerprint=change.fingerprint,
        why="read it",
    )
    return flow.perform_change(change, ChangeEvent.APPLY, by=actor(scene.world.operator))


def namesake(scene: Scene, *, cluster: str = "test", namespace: str = "shop2") -> Rollout:
    """A running rollout of another service that is called product, too."""
    rollout = scene.rollout(name="order")
    home, _made = Cluster.objects.get_or_create(name=cluster)
    Service.objects.filter(name="order").update(name="product", namespace=namespace, cluster=home)
    return rollout


def state(rollout: Rollout) -> str:
    return Rollout.objects.get(pk=rollout.pk).state


def test_a_name_of_two_services_is_refused_with_the_choices(scene: Scene) -> None:
    one, other = scene.rollout(), namesake(scene)
    with pytest.raises(CommandError) as refused:
        call_command("roll_back", "product")
    assert "shop/product --cluster test" in str(refused.value)
    assert "shop2/product --cluster test" in str(refused.value)
    assert (state(one), state(other)) == ("running", "running")


@pytest.mark.parametrize("given", [("shop/product",), ("product", "--namespace", "shop")])
def test_the_namespace_says_which(scene: Scene, given: tuple[str, ...]) -> None:
    one, other = scene.rollout(), namesake(scene)
    call_command("roll_back", *given)
    assert (state(one), state(other)) == ("rolled_back", "running")


def test_the_cluster_says_which(scene: Scene) -> None:
    one, other = scene.rollout(), namesake(scene, cluster="second", namespace="shop")
    call_command("roll_back", "product", "--cluster", "test")
    assert (state(one), state(other)) == ("rolled_back", "running")


def test_a_service_nobody_knows_is_said_so(scene: Scene) -> None:
    with pytest.raises(CommandError, match="knows no service nowhere/product"):
        call_command("roll_back", "nowhere/product")
    with pytest.raises(CommandError, match="give one of the two"):
        call_command("roll_back", "shop/product", "--namespace", "shop2")


def test_a_split_by_hand_is_given_back_by_an_account_nobody_can_use(scene: Scene) -> None:
    split(scene)
    call_command("roll_back", "product", "--reason", "errors")
    service = scene.world.service("product")
    assert selectors.traffic(service).configured == {"v1": 100.0, "v2": 0.0}
    back = TrafficChange.objects.order_by("-pk").first()
    assert back is not None
    assert (back.requested_by.username, back.requested_by.is_active) == ("command-line", False)
    assert not back.requested_by.has_usable_password()
    told = AuditEvent.objects.get(action="request_traffic_change", object_id=str(back.pk))
    assert (told.channel, told.reason) == ("cli", "errors")
    split(scene)
    call_command("roll_back", "product")
    assert User.objects.filter(username="command-line").count() == 1


def test_a_release_that_just_ended_is_reverted(scene: Scene) -> None:
    rollout = scene.rollout(at=State.COMPLETED)
    call_command("roll_back", "product")
    assert (state(rollout), scene.weight(rollout)) == ("reverted", 0)
    assert Service.objects.get(pk=rollout.service_id).stable_id == rollout.stable_id


def test_asking_twice_undoes_nothing_older(scene: Scene) -> None:
    completed = scene.rollout(at=State.COMPLETED)
    service = Service.objects.get(pk=completed.service_id)
    back = flow.create(
        service=service,
        candidate=completed.stable,
        plan=scene.plan(),
        by=actor(scene.world.requester),
        reason="back",
        impact="none",
        test_evidence="none",
        rollback_note="none",
    )
    back = scene.by_hand(back, Event.SUBMIT, scene.world.requester)
    back = scene.pulse(scene.approve(back), times=2)
    assert back.state == "running"
    call_command("roll_back", "product")
    with pytest.raises(CommandError, match="as the last thing that moved its traffic"):
        call_command("roll_back", "product")
    assert (state(back), state(completed)) == ("rolled_back", "completed")


def test_a_release_of_last_week_is_not_reverted(scene: Scene) -> None:
    rollout = scene.rollout(at=State.COMPLETED)
    Rollout.objects.filter(pk=rollout.pk).update(ended_at=scene.now - timedelta(days=8))
    with pytest.raises(CommandError, match="no release of the last 7 days"):
        call_command("roll_back", "product")
