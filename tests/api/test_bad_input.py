"""What could only fail in the middle of a release is refused when it is asked for, with a code and a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from istio.mesh import DEPLOYMENT, DESTINATION_RULE, VIRTUAL_SERVICE, Manifest, Ref
from releases.models import Rollout, RolloutPlan
from services.models import Version
from tests.api.conftest import STATEMENTS, World, draft, pending

Bearer = Callable[..., APIClient]
ROUTES = Ref(VIRTUAL_SERVICE, "shop", "order")
SUBSETS = Ref(DESTINATION_RULE, "shop", "order")
PODS = Ref(DEPLOYMENT, "shop", "order-v2")
USERS = [f"user-{number:09d}-{'x' * 40}" for number in range(10_000)]


def http(document: Manifest) -> list[Manifest]:
    routes: list[Manifest] = document["spec"]["http"]
    return routes


def no_routes(document: Manifest) -> None:
    del document["spec"]["http"]


def two_routes(document: Manifest) -> None:
    http(document).append({**http(document)[0], "name": "second"})


def delegated(document: Manifest) -> None:
    http(document)[:] = [{"name": "primary", "delegate": {"name": "order-routes"}}]


def another_version(document: Manifest) -> None:
    http(document)[0]["route"] = [{"destination": {"host": "order", "subset": "v0"}}]


def nothing_to_v1(document: Manifest) -> None:
    http(document)[0]["route"] = [{"destination": {"host": "payment", "subset": "v1"}}]


def split_already(document: Manifest) -> None:
    http(document)[0]["route"] = [
        {"destination": {"host": "order", "subset": subset}, "weight": weight}
        for subset, weight in (("v1", 90), ("v2", 10))
    ]


def a_megabyte(document: Manifest) -> None:
    document["metadata"].setdefault("annotations", {})["notes"] = "x" * 1_000_000


def owned_by_flagger(document: Manifest) -> None:
    document["metadata"]["ownerReferences"] = [
        {
            "apiVersion": "flagger.app/v1beta1",
            "kind": "Canary",
            "name": "order",
            "uid": "1",
            "controller": True,
        }
    ]


def other_labels(document: Manifest) -> None:
    document["spec"]["subsets"] = [
        {"name": "v1", "labels": {"version": "v1"}},
        {"name": "v2", "labels": {"version": "v3"}},
    ]


def no_pods(document: Manifest) -> None:
    document["status"] = {"replicas": 2, "readyReplicas": 0, "availableReplicas": 0}


@pytest.mark.parametrize(
    ("ref", "change", "code"),
    [
        (ROUTES, no_routes, "NoRoutes"),
        (ROUTES, two_routes, "AmbiguousRoutes"),
        (ROUTES, delegated, "NoMatchingRoute"),
        (ROUTES, another_version, "NoMatchingRoute"),
        (ROUTES, nothing_to_v1, "NoMatchingRoute"),
        (ROUTES, split_already, "WEIR0001"),
        (ROUTES, a_megabyte, "WEIR0109"),
        (ROUTES, owned_by_flagger, "WEIR0111"),
        (SUBSETS, other_labels, "RuleConflict"),
        (PODS, no_pods, "WEIR0103"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_objects_that_can_not_carry_the_release_are_refused_before_anybody_votes(
    world: World, bearer: Bearer, ref: Ref, change: Callable[[Manifest], None], code: str
) -> None:
    rollout = draft(world)
    world.mesh.edit(ref, change)
    answer = bearer(world.requester).post(f"/api/v1/rollouts/{rollout.pk}/submit/", {})
    assert answer.status_code == 422, answer.json()
    errors = answer.json()["errors"]
    assert code in [error["code"] for error in errors], errors
    assert all(error["detail"] for error in errors)
    assert Rollout.objects.get(pk=rollout.pk).state == "draft"
    assert not [write for write in world.mesh.log if not write.dry_run]


@pytest.mark.parametrize(
    ("version", "code"),
    [
        pytest.param({"subset": "v9", "labels": {"version": "v9"}}, "WEIR0103", id="a subset without pods"),
        pytest.param(
            {"subset": "v9", "labels": {}}, "SubsetNotDefined", id="an unknown subset without labels"
        ),
    ],
)
def test_a_candidate_that_is_nowhere_is_refused(
    world: World, bearer: Bearer, version: dict[str, Any], code: str
) -> None:
    rollout = draft(world)
    Version.objects.filter(pk=world.v2.pk).update(**version)
    answer = bearer(world.requester).post(f"/api/v1/rollouts/{rollout.pk}/submit/", {})
    assert answer.status_code == 422, answer.json()
    assert code in [error["code"] for error in answer.json()["errors"]], answer.json()


def test_a_candidate_with_the_stable_versions_subset_is_refused(world: World, bearer: Bearer) -> None:
    Version.objects.filter(pk=world.v2.pk).update(subset="v1")
    body = {"service": "order", "candidate": "v2", "plan": "two steps", **STATEMENTS}
    answer = bearer(world.requester).post("/api/v1/rollouts/", body)
    assert answer.status_code in {400, 422}, answer.json()
    assert not Rollout.objects.exists()


def test_two_plans_at_once_are_refused(world: World, bearer: Bearer) -> None:
    first, second = pending(world), draft(world)
    answer = bearer(world.requester).post(f"/api/v1/rollouts/{second.pk}/submit/", {})
    assert answer.status_code == 409
    assert (
        str(first) in answer.json()["errors"][0]["detail"]
        or "live rollout" in answer.json()["errors"][0]["detail"]
    )


STEP = {"weight": 5, "bake_seconds": 60}


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([{**STEP, "weight": 101}], id="101 percent"),
        pytest.param([{**STEP, "weight": 0.5}], id="half a percent"),
        pytest.param([{**STEP, "weight": -1}], id="less than nothing"),
        pytest.param([{**STEP, "bake_seconds": 0}], id="no bake"),
        pytest.param([{**STEP, "bake_seconds": 1.5}], id="half a second"),
        pytest.param([STEP, {**STEP, "weight": 50}, {**STEP, "weight": 20}], id="up and down"),
        pytest.param([{**STEP, "weight": 50}, STEP, {**STEP, "weight": 100}], id="down and up"),
        pytest.param([{**STEP, "rules": [{"header": "x", "regex": "(?=a)"}]}], id="a look-ahead"),
        pytest.param([{**STEP, "rules": [{"header": "x", "regex": "(a)\\1"}]}], id="a back-reference"),
        pytest.param([{**STEP, "rules": [{"header": "x", "users": [*USERS, "one"]}]}], id="too many users"),
        pytest.param([{**STEP, "sticky": {"header": "x-user-id", "percent": 101}}], id="too many sticky"),
        pytest.param([{**STEP, "mirror": {"percent": 0}}], id="a mirror of nothing"),
        pytest.param([{"weight": 0, "bake_seconds": 60}], id="nothing for the candidate"),
    ],
)
def test_a_plan_that_could_only_fail_later_is_refused_when_it_is_saved(
    world: World, bearer: Bearer, steps: list[dict[str, Any]]
) -> None:
    answer = bearer(world.requester).post("/api/v1/plans/", {"name": "bad", "steps": steps}, format="json")
    assert answer.status_code == 400, answer.json()
    (error, *_rest) = answer.json()["errors"]
    assert error["attr"].startswith("steps")
    assert error["detail"]
    assert not RolloutPlan.objects.filter(name="bad").exists()
