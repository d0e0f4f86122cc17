"""What is refused before the mesh is touched, and what of the owner is left alone."""

from __future__ import annotations

from typing import Any

import pytest

from istio.mesh import DEPLOYMENT, Ref
from releases import flow
from releases.domain import BadPlan, Blocked, Stale
from tests.admin.world import World, actor
from tests.flow.traffic_change.by_hand import (
    REF,
    applied,
    apply,
    approve,
    ask,
    live,
    split,
)


@pytest.mark.parametrize(
    "spec",
    [
        {"candidate_weight": 101},
        {"candidate_weight": 0.5},
        {"candidate_weight": True},
        {"rules": [{"header": "x", "regex": "(?=a)"}]},
        {"weights": 5},
        {"mirror": {"percent": 0}},
    ],
)
def test_bad_traffic_is_refused_when_it_is_asked_for(world: World, spec: dict[str, Any]) -> None:
    with pytest.raises(BadPlan):
        flow.request_change(
            service=world.service("product"), spec=spec, reason="x", by=actor(world.requester)
        )


def test_a_change_says_why(world: World) -> None:
    with pytest.raises(BadPlan, match="says why"):
        flow.request_change(service=world.service("product"), spec={}, reason=" ", by=actor(world.requester))


def test_what_the_route_can_not_carry_is_refused_with_the_code(world: World) -> None:
    world.service("product")
    world.mesh.edit(REF, lambda item: item["spec"]["http"].append(dict(item["spec"]["http"][0])))
    with pytest.raises(Blocked) as refused:
        ask(world)
    assert [finding.code for finding in refused.value.findings] == ["AmbiguousRoutes"]


def test_a_candidate_without_pods_is_refused(world: World) -> None:
    world.service("product")
    world.mesh.remove(Ref(DEPLOYMENT, "shop", "product-v2"))
    with pytest.raises(Blocked) as refused:
        ask(world)
    assert "WEIR0103" in {finding.code for finding in refused.value.findings}


def test_a_mesh_that_changed_since_is_not_overwritten(world: World) -> None:
    change = approve(world, ask(world, 20))
    world.mesh.edit(
        REF,
        lambda item: item["spec"]["http"][0]["route"].append(
            {"destination": {"host": "product", "subset": "v3"}, "weight": 50}
        ),
    )
    before = live(world)
    with pytest.raises(Stale, match="the mesh changed"):
        apply(world, change)
    assert live(world) == before


def test_what_the_owner_may_change_meanwhile_is_kept(world: World) -> None:
    change = approve(world, ask(world, 20))
    world.mesh.edit(REF, lambda item: item["spec"]["http"][0].update(timeout="9s"))
    apply(world, change)
    assert live(world)["spec"]["http"][0]["timeout"] == "9s"
    assert split(world) == {"v1": 80, "v2": 20}


def test_what_led_back_when_it_was_asked_for_needs_a_vote_once_it_leads_forward(world: World) -> None:
    applied(world, 20)
    back = ask(world, 10)
    assert (back.needs_vote, back.state) == (False, "approved")
    apply(world, ask(world, 0))
    with pytest.raises(Stale, match="needs a vote"):
        apply(world, back)
    back.refresh_from_db()
    assert (back.needs_vote, back.state, split(world)["v2"]) == (True, "pending", 0)
