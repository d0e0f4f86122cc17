"""What of an object is Weir's, and when the mesh is not what was last written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from istio.documents import copied
from istio.marks import FENCE, annotated, unmarked, with_annotations, without_weir
from istio.mesh import Manifest
from istio.traffic import TrafficSpec, cleaned, has_drifted, owned_part, render
from tests.istio.builders import route, to, virtual_service

V1_V2: dict[str, Any] = {"host": "product", "stable": "v1", "candidate": "v2"}
SPEC = TrafficSpec.from_json(
    {"weight": 5, "rules": [{"header": "x-tester", "exact": "1"}], "mirror": {"percent": 10}}
)
OWNERS = virtual_service(
    route(to(None, host="audit"), name="audit", match=[{"uri": {"prefix": "/audit"}}]),
    route(to("v1"), name="primary", timeout="3s"),
)
Edit = Callable[[Manifest], object]


def written() -> Manifest:
    return render(SPEC, OWNERS, **V1_V2)


def base(document: Manifest) -> Manifest:
    found: Manifest = next(r for r in document["spec"]["http"] if r.get("name") == "primary")
    return found


CHANGES: list[tuple[str, Edit, bool]] = [
    ("nothing happened", copied, False),
    ("somebody moved a weight", lambda live: base(live)["route"][1].update(weight=50), True),
    ("somebody took the candidate out", lambda live: base(live)["route"].pop(), True),
    ("somebody added a third version", lambda live: base(live)["route"].append(to("v3", 0)), True),
    ("the managed route is gone", lambda live: live["spec"]["http"].pop(1), True),
    (
        "a managed route leads elsewhere",
        lambda live: live["spec"]["http"][1].update(route=[to("v1")]),
        True,
    ),
    (
        "a managed route moved behind its base",
        lambda live: live["spec"]["http"].append(live["spec"]["http"].pop(1)),
        True,
    ),
    (
        "a managed route moved before another route of the owner's",
        lambda live: live["spec"]["http"].insert(0, live["spec"]["http"].pop(1)),
        True,
    ),
    (
        "the owner put a route between a managed route and its base",
        lambda live: live["spec"]["http"].insert(2, route(to("v1"), name="between")),
        True,
    ),
    (
        "the owner put a route before them",
        lambda live: live["spec"]["http"].insert(1, route(to(None, host="audit"), name="other")),
        False,
    ),
    (
        "the owner moved a route of theirs to the end",
        lambda live: live["spec"]["http"].append(live["spec"]["http"].pop(0)),
        False,
    ),
    (
        "the candidate's requests go to another port",
        lambda live: base(live)["route"][1]["destination"].update(port={"number": 9999}),
        True,
    ),
    ("the mirror is gone", lambda live: base(live).pop("mirrors"), True),
    ("the mirror copies more", lambda live: base(live)["mirrors"][0].update(percentage={"value": 100}), True),
    ("the base route is gone", lambda live: live["spec"]["http"].pop(), True),
    ("nothing is left", lambda live: live["spec"].pop("http"), True),
    ("the owner changed a timeout", lambda live: base(live).update(timeout="9s"), False),
    ("the owner changed another route", lambda live: live["spec"]["http"][0].update(timeout="1s"), False),
    ("the owner labelled the object", lambda live: live["metadata"].update(labels={"team": "shop"}), False),
    ("the server counted", lambda live: live["metadata"].update(resourceVersion="9", generation=4), False),
]


@pytest.mark.parametrize(("change", "drifted"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES])
def test_drift_is_a_change_in_what_weir_renders(change: Edit, drifted: bool) -> None:
    live = copied(written())
    change(live)
    assert has_drifted(live, written(), **V1_V2) is drifted


def test_the_order_of_destinations_and_spelled_out_hosts_are_no_drift() -> None:
    live = copied(written())
    base(live)["route"].reverse()
    for entry in base(live)["route"]:
        entry["destination"]["host"] = "product.shop.svc.cluster.local"
    assert not has_drifted(live, written(), **V1_V2)


def test_a_third_party_of_the_route_may_not_change_its_port_unseen_either() -> None:
    owners = virtual_service(route(to("v1", 80), to("v3", 20, port={"number": 80}), name="primary"))
    ours = render(SPEC, owners, **V1_V2)
    live = copied(ours)
    base(live)["route"][1]["destination"]["port"]["number"] = 8080
    assert has_drifted(live, ours, **V1_V2)


def test_what_weir_renders_for_another_host_of_the_document_is_no_drift() -> None:
    orders = route(to("v1", 100, host="order"), name="orders")
    owners = virtual_service(orders, route(to("v1", 100), name="primary"))
    ours = render(SPEC, owners, **V1_V2)
    theirs: dict[str, Any] = {**V1_V2, "host": "order", "routes": ["orders"]}
    live = render(
        TrafficSpec.from_json({"weight": 5, "rules": [{"header": "x", "exact": "1"}]}), ours, **theirs
    )
    assert not has_drifted(live, ours, **V1_V2)


def test_a_base_named_like_a_managed_route_is_seen_as_a_base() -> None:
    named: dict[str, Any] = {**V1_V2, "routes": ["weir-edge"]}
    ours = render(SPEC, virtual_service(route(to("v1"), name="weir-edge")), **named)
    assert not has_drifted(copied(ours), ours, **named)
    live = copied(ours)
    live["spec"]["http"][1]["route"][1]["weight"] = 50
    assert has_drifted(live, ours, **named)


def test_the_owned_part_says_what_weir_renders_and_nothing_else() -> None:
    host = "product.shop.svc.cluster.local"
    part = owned_part(written(), **V1_V2)
    assert [item.get("name") or item["base"] for item in part["http"]] == ["weir-primary.rule-1", "primary"]
    assert part["http"][1]["weights"] == [[host, "v1", 95], [host, "v2", 5]]
    assert part["http"][1]["rules"] == ["weir-primary.rule-1"]
    assert part["http"][1]["mirrors"][0]["percentage"] == {"value": 10}
    assert part["mirror"] == f"{host}/v2"


def test_annotations_name_rollout_step_fingerprint_and_fence_as_texts() -> None:
    marked = annotated(OWNERS, rollout="7", step=2, fingerprint="abc", fence=12)
    assert marked["metadata"]["annotations"] == {
        "weir.dev/rollout": "7",
        "weir.dev/step": "2",
        "weir.dev/fingerprint": "abc",
        "weir.dev/fence": "12",
    }
    assert "annotations" not in OWNERS["metadata"]


def test_taking_the_marks_off_keeps_the_owners_annotations() -> None:
    owners = virtual_service(route(to("v1")), annotations={"team": "shop"})
    marked = annotated(owners, rollout="7", step=2, fingerprint="abc", fence=12)
    assert unmarked(marked) == owners
    assert cleaned(marked) == owners


def test_annotations_that_become_empty_go_as_the_server_drops_them_too() -> None:
    fenced = with_annotations(OWNERS, changes={FENCE: "3"})
    assert with_annotations(fenced, changes={FENCE: None}) == OWNERS


def test_what_is_hashed_has_neither_marks_nor_the_servers_fields() -> None:
    live = annotated(OWNERS, rollout="7", step=2, fingerprint="abc", fence=12)
    live["status"] = {"observed": True}
    live["metadata"].update(resourceVersion="9", uid="u", managedFields=[{}], generation=2)
    assert without_weir(live) == OWNERS
