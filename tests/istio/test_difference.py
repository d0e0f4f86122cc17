"""Differences for people, and the kubectl command that rolls back."""

from __future__ import annotations

import json
import shlex
from typing import Any

import jsonpatch
import pytest
from hypothesis import given

from istio.difference import Row, rollback_patch, three_way, unified_difference
from istio.documents import copied
from istio.marks import annotated
from istio.mesh import Manifest
from istio.traffic import TrafficSpec, render
from tests.istio.builders import route, to, virtual_service
from tests.istio.strategies import virtual_services

V1_V2: dict[str, Any] = {"host": "product", "stable": "v1", "candidate": "v2"}
OWNERS = virtual_service(
    route(to(None, host="old"), name="old", match=[{"uri": {"prefix": "/old"}}]),
    route(to("v1"), name="primary", timeout="3s"),
)
SPEC = TrafficSpec.from_json(
    {"weight": 5, "rules": [{"header": "x-tester", "exact": "1"}], "mirror": {"percent": 10}}
)


def changed_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line[:1] in {"+", "-"} and line[:3] not in {"+++", "---"}]


def test_a_new_weight_is_a_few_lines() -> None:
    after = render(TrafficSpec(candidate_weight=5), OWNERS, **V1_V2)
    assert changed_lines(unified_difference(OWNERS, after)) == [
        "+      weight: 95",
        "+    - destination:",
        "+        host: product",
        "+        subset: v2",
        "+      weight: 5",
    ]


def test_equal_documents_have_no_difference() -> None:
    assert unified_difference(OWNERS, copied(OWNERS)) == ""


def test_the_servers_fields_and_weirs_marks_are_no_difference() -> None:
    live = annotated(OWNERS, rollout="7", step=1, fingerprint="f", fence=1)
    live["metadata"].update(resourceVersion="12", managedFields=[{"manager": "kubectl"}], generation=3)
    live["status"] = {"conditions": []}
    assert unified_difference(OWNERS, live) == ""


def test_the_order_in_which_a_database_keeps_keys_is_no_difference() -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: shuffled(value[key]) for key in sorted(value, key=lambda key: (len(key), key))}
        return [shuffled(item) for item in value] if isinstance(value, list) else value

    assert unified_difference(OWNERS, shuffled(OWNERS)) == ""


def test_a_new_document_is_all_added() -> None:
    lines = changed_lines(unified_difference(None, OWNERS))
    assert lines[:2] == ["+apiVersion: networking.istio.io/v1", "+kind: VirtualService"]
    assert all(line.startswith("+") for line in lines)


@pytest.mark.parametrize(("context", "lines"), [(0, 0), (1, 2), (3, 6)])
def test_the_context_is_as_wide_as_asked(context: int, lines: int) -> None:
    after = copied(OWNERS)
    after["spec"]["http"][0]["name"] = "older"
    text = unified_difference(OWNERS, after, context=context)
    assert len([line for line in text.splitlines() if line.startswith(" ")]) == lines


def test_three_documents_are_compared_by_path_with_routes_known_by_name() -> None:
    written = render(TrafficSpec(candidate_weight=5), OWNERS, **V1_V2)
    live = copied(written)
    live["spec"]["http"].insert(0, route(to("v3"), name="night"))
    live["spec"]["http"][2]["route"][1]["weight"] = 50
    live["spec"]["http"][2]["timeout"] = "9s"
    rows = {row.path: row for row in three_way(OWNERS, written, live)}
    assert rows["spec/http[primary]/route[product v2]/weight"] == Row(
        "spec/http[primary]/route[product v2]/weight", None, 5, 50
    )
    assert rows["spec/http[primary]/route[product v2]/weight"].changed_by == "both"
    assert rows["spec/http[primary]/route[product v1]/weight"].changed_by == "weir"
    assert rows["spec/http[primary]/timeout"] == Row("spec/http[primary]/timeout", "3s", "3s", "9s")
    assert rows["spec/http[primary]/timeout"].changed_by == "mesh"
    assert rows["spec/http[night]/name"].live == "night"
    assert not [path for path in rows if path.startswith("spec/http[old]")]


def test_three_equal_documents_have_no_rows() -> None:
    assert three_way(OWNERS, copied(OWNERS), copied(OWNERS)) == []


@given(virtual_services(), virtual_services())
def test_there_are_rows_exactly_if_there_is_a_difference(one: Manifest, other: Manifest) -> None:
    assert bool(three_way(one, one, other)) == bool(unified_difference(one, other)) == (one != other)


def patched(live: Manifest, command: str) -> Manifest:
    operations = json.loads(shlex.split(command)[-1])
    result: Manifest = jsonpatch.apply_patch(live, operations)
    return result


def test_the_command_names_the_object_and_is_one_line_for_a_shell() -> None:
    command = rollback_patch(OWNERS, OWNERS)
    assert "\n" not in command
    assert shlex.split(command)[:-1] == [
        "kubectl",
        "-n",
        "shop",
        "patch",
        "virtualservice",
        "product",
        "--type",
        "json",
        "-p",
    ]


def test_the_command_survives_quotes_in_the_document() -> None:
    target = virtual_service(route(to("v1"), match=[{"headers": {"x": {"exact": "it's $HOME `id`"}}}]))
    assert patched(target, rollback_patch(target, target)) == target


def test_the_command_printed_before_a_release_rolls_back_every_step_and_works_twice() -> None:
    command = rollback_patch(OWNERS, OWNERS)
    for weight in (0, 5, 100):
        live = render(TrafficSpec(weight, rules=SPEC.rules), OWNERS, **V1_V2)
        assert patched(live, command)["spec"] == OWNERS["spec"]
        assert patched(patched(live, command), command)["spec"] == OWNERS["spec"]


def test_the_command_takes_weirs_routes_and_mirrors_out_of_its_target() -> None:
    live = render(SPEC, OWNERS, **V1_V2)
    assert (
        patched(live, rollback_patch(live, live))["spec"] == render(TrafficSpec(5), OWNERS, **V1_V2)["spec"]
    )
