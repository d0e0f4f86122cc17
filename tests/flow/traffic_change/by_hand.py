"""What a person does to a service's traffic, through the doors, and what the mesh then says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from istio.mesh import VIRTUAL_SERVICE, Manifest, Ref
from istio.weights import weights_of
from releases import flow
from releases.clock import database_now
from releases.domain.traffic_change import ChangeEvent
from releases.models import Freeze, TrafficChange
from tests.admin.world import World, actor

REF = Ref(VIRTUAL_SERVICE, "shop", "product")
TESTERS = {"name": "testers", "header": "x-tester", "exact": "1"}


def ask(world: World, weight: int = 20, *, by: Any = None, **parts: Any) -> TrafficChange:
    return flow.request_change(
        service=world.service("product"),
        spec={"candidate_weight": weight, **parts},
        reason="Try it on a few.",
        by=actor(by or world.requester),
    )


def approve(world: World, change: TrafficChange) -> TrafficChange:
    return flow.perform_change(
        change, ChangeEvent.APPROVE, by=actor(world.approver), fingerprint=change.fingerprint, why="read it"
    )


def apply(world: World, change: TrafficChange, *, by: Any = None) -> TrafficChange:
    return flow.perform_change(change, ChangeEvent.APPLY, by=actor(by or world.operator), why="now")


def applied(world: World, weight: int = 20, **parts: Any) -> TrafficChange:
    return apply(world, approve(world, ask(world, weight, **parts)))


def live(world: World) -> Manifest:
    return world.mesh.get(REF)


def split(world: World) -> dict[str, float]:
    return weights_of(live(world), host="product", namespace="shop")


def writes(world: World) -> list[Any]:
    return [write for write in world.mesh.log if write.ref == REF]


def freeze(world: World) -> None:
    """Freeze everything for the hour around now."""
    at, hour = database_now(), timedelta(hours=1)
    Freeze.objects.create(
        name="双十一封网", reason="Sales.", starts_at=at - hour, ends_at=at + hour, created_by=world.operator
    )


def approved_from_ten(world: World) -> TrafficChange:
    """An approved change to 20 % on a service that is at 10 %, so that its next write is the VirtualService's."""
    applied(world, 10)
    return approve(world, ask(world, 20))
