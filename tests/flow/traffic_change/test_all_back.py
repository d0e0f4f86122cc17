"""All traffic back: one click, one write, refused by nothing."""

from __future__ import annotations

import pytest

from istio.marks import FENCE
from istio.mesh import DEPLOYMENT, Conflict, Manifest, Ref, Unreachable
from releases import flow
from releases.clock import database_now
from releases.domain import BadPlan, NotAllowed
from releases.models import AuditEvent, Rollout, TrafficChange
from services.models import Service
from tests.admin import world as worlds
from tests.admin.world import World, actor
from tests.flow.traffic_change.by_hand import (
    REF,
    TESTERS,
    applied,
    apply,
    approved_from_ten,
    live,
    split,
    writes,
)


def test_one_click_is_one_write_without_a_vote(world: World) -> None:
    applied(world, 20, rules=[TESTERS])
    before = len(writes(world))
    back = flow.all_back(world.service("product"), by=actor(world.requester))
    assert isinstance(back, TrafficChange)
    assert (back.state, len(writes(world)) - before) == ("applied", 1)
    assert split(world) == {"v1": 100, "v2": 0}
    assert [route["name"] for route in live(world)["spec"]["http"]] == ["primary"]
    assert list(live(world)["metadata"]["annotations"]) == [FENCE]


def test_it_is_written_even_when_everything_is_there_already(world: World) -> None:
    flow.all_back(world.service("product"), by=actor(world.operator))
    assert len(writes(world)) == 1


def test_after_a_change_of_the_stable_version_back_is_the_one_before(world: World) -> None:
    change = applied(world, 100)
    service = Service.objects.get(pk=change.service_id)
    assert flow.back_target(service) == change.stable
    flow.all_back(service, by=actor(world.operator))
    service.refresh_from_db()
    assert service.stable == change.stable
    assert split(world) == {"v1": 100, "v2": 0}
    assert flow.back_target(service) == change.stable  # and not forward again to what was left


def test_a_live_rollout_is_rolled_back(world: World) -> None:
    rollout = world.running()
    back = flow.all_back(rollout.service, by=actor(world.operator), why="it burns")
    assert isinstance(back, Rollout)
    assert back.state == "rolled_back"
    assert split(world) == {"v1": 100, "v2": 0}


def test_checks_drift_and_missing_pods_do_not_stop_it(world: World) -> None:
    applied(world, 20)
    world.mesh.remove(Ref(DEPLOYMENT, "shop", "product-v1"))
    world.mesh.edit(REF, lambda item: item["spec"]["http"][0]["route"].reverse())
    flow.all_back(world.service("product"), by=actor(world.operator))
    assert split(world) == {"v1": 100, "v2": 0}


def test_a_stable_version_that_was_taken_out_of_the_route_is_put_in_again(world: World) -> None:
    applied(world, 20)

    def only_candidate(item: Manifest) -> None:
        route = item["spec"]["http"][0]
        route["route"] = [entry for entry in route["route"] if entry["destination"]["subset"] == "v2"]

    world.mesh.edit(REF, only_candidate)
    flow.all_back(world.service("product"), by=actor(world.operator))
    assert split(world) == {"v1": 100, "v2": 0}


def test_an_object_that_can_not_be_edited_is_restored_and_the_trail_says_so(world: World) -> None:
    applied(world, 20)
    world.mesh.edit(REF, lambda item: item["spec"].update(http=[]))
    flow.all_back(world.service("product"), by=actor(world.operator))
    assert split(world) == {"v1": 100}
    assert "restored" in AuditEvent.objects.filter(action="mesh_write").latest("seq").reason


def test_its_write_says_that_it_leads_back(world: World) -> None:
    applied(world, 20)
    back = flow.all_back(world.service("product"), by=actor(world.operator))
    event = AuditEvent.objects.filter(action="mesh_write").latest("seq")
    told = {"change": str(back), "votes": [], "leads_back": True}
    assert (event.after or {})["authorised_by"] == told


def test_conflicts_are_read_again_and_written_over(world: World) -> None:
    applied(world, 20)
    world.mesh.fail_next(Conflict("changed"), on="put", times=3)
    flow.all_back(world.service("product"), by=actor(world.operator))
    assert split(world) == {"v1": 100, "v2": 0}


def test_a_mesh_that_is_away_is_tried_by_the_worker_until_it_answers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("releases.flow.traffic_change.back._DOOR_SECONDS", 0.0)
    applied(world, 20)
    world.mesh.fail_next(Unreachable("gone"), on="get", times=2)
    back = flow.all_back(world.service("product"), by=actor(world.operator))
    assert isinstance(back, TrafficChange)
    assert (back.state, back.problem) == ("writing", "gone")
    with pytest.raises(Unreachable):
        flow.finish_change(back.pk, by=worlds.WORKER, clock=database_now)
    flow.finish_change(back.pk, by=worlds.WORKER, clock=database_now)
    back.refresh_from_db()
    assert (back.state, split(world)) == ("applied", {"v1": 100, "v2": 0})


def test_it_stops_a_change_that_is_being_written(world: World) -> None:
    change = approved_from_ten(world)
    world.mesh.fail_next(Unreachable("gone"), on="put")
    with pytest.raises(Unreachable):
        apply(world, change)
    flow.all_back(world.service("product"), by=actor(world.operator))
    change.refresh_from_db()
    assert change.state == "approved"
    flow.finish_change(change.pk, by=worlds.WORKER, clock=database_now)
    assert split(world) == {"v1": 100, "v2": 0}


def test_it_leads_to_no_version_that_nobody_voted_for(world: World) -> None:
    service = world.service("product")
    with pytest.raises(BadPlan, match="Back leads to v1"):
        flow.all_back(service, by=actor(world.operator), to=service.versions.get(name="v2"))
    assert writes(world) == []


@pytest.mark.parametrize("who", ["viewer", "auditor"])
def test_it_takes_the_right_to_roll_back(world: World, who: str) -> None:
    service = world.service("product")
    with pytest.raises(NotAllowed):
        flow.all_back(service, by=actor(getattr(world, who)))
    assert AuditEvent.objects.filter(outcome="refused", object_type="service").count() == 1
