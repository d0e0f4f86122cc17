"""Two services in one VirtualService: one release or change at a time, and neither destroys what is the other's."""

from __future__ import annotations

import pytest

from istio.mesh import Manifest, Ref
from releases import flow, selectors
from releases.domain import IllegalMove
from releases.domain.states import Event, State
from releases.domain.traffic_change import ChangeEvent
from releases.flow.shared_object import refuse_taken
from releases.models import Rollout, TrafficChange
from services.models import Service
from tests.admin.world import actor
from tests.factories import Scene

pytestmark = pytest.mark.django_db

OBJECT = Ref("VirtualService", "shop", "product")
STICKY = {
    "weight": 5,
    "bake_seconds": 600,
    "sticky": {"header": "x-user-id", "percent": 10},
    "mirror": {"percent": 1},
}


@pytest.fixture
def shared(scene: Scene) -> Scene:
    """Return a scene in which the routes of order stand in product's VirtualService."""
    for name, route in (("product", "primary"), ("order", "orders")):
        service = scene.world.service(name)
        Service.objects.filter(pk=service.pk).update(virtual_service="product", http_routes=[route])
        service.refresh_from_db()

    def add(document: Manifest) -> None:
        orders = {
            "name": "orders",
            "match": [{"uri": {"prefix": "/orders"}}],
            "route": [{"destination": {"host": "order", "subset": "v1"}, "weight": 100}],
        }
        document["spec"]["http"].insert(0, orders)

    scene.mesh.edit(OBJECT, add)
    return scene


def change_of(scene: Scene, name: str, weight: int) -> TrafficChange:
    return flow.request_change(
        service=scene.world.service(name),
        spec={"candidate_weight": weight},
        reason="by hand",
        by=actor(scene.world.requester),
    )


def test_a_second_release_in_the_object_is_refused_until_the_first_ends(shared: Scene) -> None:
    first = shared.rollout(name="product")
    draft = shared.rollout(at=State.DRAFT, name="order")
    said = f"{first} of product is going on in the same VirtualService, shop/product"
    offered = {one.event: one for one in selectors.allowed_events(draft, actor(shared.world.requester))}
    assert said in offered[Event.SUBMIT].why
    with pytest.raises(IllegalMove, match=said):
        shared.by_hand(draft, Event.SUBMIT, shared.world.requester)
    shared.by_hand(first, Event.ROLL_BACK)
    assert shared.by_hand(draft, Event.SUBMIT, shared.world.requester).state == State.PENDING


def test_of_two_that_ask_at_once_the_second_is_refused(
    shared: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stepped: the other one is submitted after this one has looked and before it is stored."""
    mine = shared.rollout(at=State.DRAFT, name="product")
    other = shared.rollout(at=State.DRAFT, name="order")

    def look_then_lose(service: Service) -> None:
        refuse_taken(service)
        monkeypatch.undo()
        shared.by_hand(other, Event.SUBMIT, shared.world.requester)

    monkeypatch.setattr("releases.flow.allowed.refuse_taken", look_then_lose)
    with pytest.raises(IllegalMove, match="of order is going on"):
        shared.by_hand(mine, Event.SUBMIT, shared.world.requester)
    states = {row.pk: row.state for row in Rollout.objects.all()}
    assert states == {mine.pk: "draft", other.pk: "pending"}


def test_a_change_by_hand_beside_a_release_is_refused_and_the_other_way_round(shared: Scene) -> None:
    first = shared.rollout(name="product")
    with pytest.raises(IllegalMove, match=f"{first} of product"):
        change_of(shared, "order", 20)
    preview = selectors.preview_change(
        flow.draft_change(service=shared.world.service("order"), spec={"candidate_weight": 20})
    )
    assert f"{first} of product" in preview.refusal
    shared.by_hand(first, Event.ROLL_BACK)
    change = change_of(shared, "order", 20)
    draft = shared.rollout(at=State.DRAFT, name="product")
    with pytest.raises(IllegalMove, match=f"{change} of order"):
        shared.by_hand(draft, Event.SUBMIT, shared.world.requester)


def test_a_split_in_force_holds_the_object_until_it_is_given_back(shared: Scene) -> None:
    change = change_of(shared, "order", 20)
    change = flow.perform_change(
        change,
        ChangeEvent.APPROVE,
        by=actor(shared.world.approver),
        fingerprint=change.fingerprint,
        why="read it",
    )
    flow.perform_change(change, ChangeEvent.APPLY, by=actor(shared.world.operator))
    draft = shared.rollout(at=State.DRAFT, name="product")
    with pytest.raises(IllegalMove, match=f"{change} of order"):
        shared.by_hand(draft, Event.SUBMIT, shared.world.requester)
    flow.all_back(shared.world.service("order"), by=actor(shared.world.operator))
    assert shared.by_hand(draft, Event.SUBMIT, shared.world.requester).state == State.PENDING


def test_going_back_is_never_refused_and_leaves_the_others_routes_and_mirror(shared: Scene) -> None:
    done = shared.rollout(at=State.COMPLETED, name="order")
    live = shared.rollout(name="product", plan=shared.plan([STICKY, {"weight": 100, "bake_seconds": 20}]))
    before = shared.mesh.peek(OBJECT)["spec"]["http"]
    assert any(route["name"] == "weir-primary.sticky" for route in before)
    reverted = shared.by_hand(done, Event.REVERT)
    assert reverted.state == State.REVERTED
    after = shared.mesh.peek(OBJECT)["spec"]["http"]
    assert [route["name"] for route in after] == [route["name"] for route in before]
    assert after[1:] == before[1:]
    assert [entry["weight"] for entry in after[0]["route"]] == [100, 0]
    live = shared.pulse(live, times=2)
    assert (live.state, live.drift) == (State.RUNNING, None)
    shared.by_hand(live, Event.ROLL_BACK)
    end = shared.mesh.peek(OBJECT)
    assert [route["name"] for route in end["spec"]["http"]] == ["orders", "primary"]
    assert not any("mirrors" in route for route in end["spec"]["http"])
    assert set(end["metadata"]["annotations"]) == {"weir.dev/fence"}


def second_route(document: Manifest) -> None:
    """Somebody adds a second route to product and shifts order meanwhile: the rules can not edit this any more."""
    http = document["spec"]["http"]
    http[0]["route"] = [
        {"destination": {"host": "order", "subset": "v1"}, "weight": 70},
        {"destination": {"host": "order", "subset": "v0"}, "weight": 30},
    ]
    http[-1]["name"] = "renamed"


def test_the_last_resort_restores_this_services_routes_and_leaves_the_others(shared: Scene) -> None:
    rollout = shared.rollout(name="product", step=1)
    shared.mesh.edit(OBJECT, second_route)
    theirs = shared.mesh.peek(OBJECT)["spec"]["http"][0]
    rollout = shared.by_hand(rollout, Event.ROLL_BACK)
    assert rollout.state == State.ROLLED_BACK
    orders, primary = shared.mesh.peek(OBJECT)["spec"]["http"]
    assert orders == theirs
    assert (primary["name"], [entry.get("weight") for entry in primary["route"]]) == ("primary", [100])
    told = rollout.audit_events.filter(action="done").latest("seq")
    assert "routes were restored" in told.reason


def test_restoring_after_drift_leaves_the_others_routes(shared: Scene) -> None:
    rollout = shared.rollout(name="product", step=1)
    shared.mesh.edit(OBJECT, second_route)
    theirs = shared.mesh.peek(OBJECT)["spec"]["http"][0]
    rollout = shared.until(rollout, State.PAUSED)
    shared.by_hand(rollout, Event.RESTORE)
    orders, primary = shared.mesh.peek(OBJECT)["spec"]["http"]
    assert orders == theirs
    assert [entry["weight"] for entry in primary["route"]] == [80, 20]


def test_giving_a_split_by_hand_back_leaves_the_others_routes(shared: Scene) -> None:
    change = change_of(shared, "product", 20)
    change = flow.perform_change(
        change,
        ChangeEvent.APPROVE,
        by=actor(shared.world.approver),
        fingerprint=change.fingerprint,
        why="read it",
    )
    flow.perform_change(change, ChangeEvent.APPLY, by=actor(shared.world.operator))
    shared.mesh.edit(OBJECT, second_route)
    theirs = shared.mesh.peek(OBJECT)["spec"]["http"][0]
    flow.all_back(shared.world.service("product"), by=actor(shared.world.operator))
    orders, primary = shared.mesh.peek(OBJECT)["spec"]["http"]
    assert orders == theirs
    assert primary["name"] == "primary"


def test_a_write_of_the_other_service_is_not_taken_for_ones_own(shared: Scene) -> None:
    """A worker that was ended before its write finds the object with the fence of somebody else."""
    done = shared.rollout(at=State.COMPLETED, name="order")
    live = shared.rollout(name="product")
    document = shared.mesh.peek(OBJECT)
    intent = {
        "token": live.revision,
        "before": document,
        "document": {**document, "spec": {**document["spec"], "http": [document["spec"]["http"][0]]}},
        "position": 1,
        "weight": 20,
        "why": "",
    }
    Rollout.objects.filter(pk=live.pk).update(writing=intent)
    shared.by_hand(done, Event.REVERT)
    live = shared.pulse(live)
    assert live.current_step == 0
    assert live.step_runs.filter(position=1).exclude(written=None).count() == 0
