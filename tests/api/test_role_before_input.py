"""Every path that writes asks for the role before it looks at what was sent: nobody learns from 400s what they may not do."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import Group
from django.urls import URLPattern, get_resolver
from rest_framework.test import APIClient

from releases import flow
from releases.clock import database_now
from releases.domain.roles import RoleName
from releases.domain.train import Order
from releases.models import AuditEvent, Freeze, Holiday, Role
from tests.api.conftest import STATEMENTS, STEPS, World, actor_for, add_person, add_service, draft, pending

Bearer = Callable[..., APIClient]
EVERYBODYS = {"me-confirm", "services-route", "traffic-changes-preview", "nothing"}
"""These change nothing of anybody else's: the own session, and looking at what would be."""
BODIES: list[object] = [{}, {"service": "nowhere"}, {"reason": 7}, []]


def writing_paths() -> Iterator[tuple[str, str, str]]:
    """Yield (name, method, route) of everything the API's resolver knows but reads."""
    for pattern in get_resolver("releases.api.urls").url_patterns:
        assert isinstance(pattern, URLPattern)
        view = pattern.callback
        shape = getattr(view, "cls", None) or view.view_class  # type: ignore[attr-defined]  # as Django and DRF name it
        actions = getattr(view, "actions", None) or {
            method: method for method in ("post", "patch", "put", "delete") if hasattr(shape, method)
        }
        for method in actions:
            if method not in {"get", "head", "options"} and pattern.name not in EVERYBODYS:
                yield pattern.name or "", method, str(pattern.pattern)


PATHS = sorted(set(writing_paths()))


@pytest.fixture
def keys(world: World) -> dict[str, int]:
    """A row of each kind, so that what is asked about is there."""
    pending(world)
    product = add_service("product", cluster=world.cluster, policy=world.policy)
    change = flow.request_change(
        service=product, spec={"candidate_weight": 5}, reason="Try.", by=actor_for(world.requester)
    )
    now = database_now()
    freeze = Freeze.objects.create(name="year's end", starts_at=now)
    proposal = flow.propose(
        "change_service",  # type: ignore[arg-type]  # the choice's value
        by=actor_for(world.operator),
        why="ours",
        service=product,
        after={},
    )
    payment = add_service("payment", cluster=world.cluster, policy=world.policy)
    train = flow.create_train(
        name="both",
        order=Order.ORDERED,
        asked=[flow.Asked(one, one.versions.get(name="v2"), world.plan) for one in (product, payment)],
        statements=flow.Statements(**STATEMENTS),
        by=actor_for(world.requester),
    )
    return {
        "services": product.pk,
        "clusters": world.cluster.pk,
        "policies": world.policy.pk,
        "plans": world.plan.pk,
        "rollouts": draft(world, service=payment).pk,
        "freezes": freeze.pk,
        "holidays": Holiday.objects.create(day=now.date(), name="off").pk,
        "proposals": proposal.pk,
        "traffic-changes": change.pk,
        "trains": train.pk,
    }


def test_the_paths_are_found() -> None:
    names = {name for name, _method, _route in PATHS}
    assert {
        "rollouts-list",
        "rollouts-approve",
        "plans-detail",
        "services-all-back",
        "freezes-red-button",
    } <= names


@pytest.mark.parametrize(("name", "method", "route"), PATHS)
def test_a_viewer_is_refused_whatever_is_sent(
    world: World, keys: dict[str, int], bearer: Bearer, name: str, method: str, route: str
) -> None:
    client = bearer(world.viewer)
    url = "/api/v1/" + route.replace("<int:pk>", str(keys.get(route.split("/", maxsplit=1)[0], 1))).replace(
        "<int:seq>", "1"
    )
    for body in BODIES:
        answer = getattr(client, method)(url, body, format="json")
        missing = route.split("/", maxsplit=1)[0] not in keys and answer.status_code == 404
        assert answer.status_code == 403 or missing, (
            f"{method} {url} {body}: {answer.status_code} {answer.content!r}"
        )
    malformed = client.generic(method.upper(), url, "{", content_type="application/json")
    assert malformed.status_code in {403, 404}


@pytest.mark.parametrize(
    ("role", "path", "body"),
    [
        (RoleName.REQUESTER, "rollouts/", {"plan": "none"}),
        (RoleName.REQUESTER, "traffic-changes/", {"spec": {"candidate_weight": 700}}),
        (RoleName.REQUESTER, "versions/", {"name": ""}),
        (RoleName.CALENDAR_MANAGER, "freezes/", {"name": ""}),
        (RoleName.OPERATOR, "freezes/red-button/", {}),
    ],
)
def test_a_role_on_another_groups_services_is_refused_before_the_input_too(
    world: World, bearer: Bearer, role: RoleName, path: str, body: dict[str, object]
) -> None:
    world.service.owners = Group.objects.create(name="ours")
    world.service.save()
    other = add_person(role, name="other")
    Role.objects.filter(user=other).update(group=Group.objects.create(name="theirs"))
    answer = bearer(other).post(f"/api/v1/{path}", {"service": "order", **body})
    assert answer.status_code == 403, answer.json()
    assert answer.json()["code"] == "not_allowed"
    assert bearer(world.viewer).post(f"/api/v1/{path}", body).json()["code"] == "not_allowed"


def test_who_may_reads_what_is_wrong(world: World, bearer: Bearer) -> None:
    answer = bearer(world.requester).post(
        "/api/v1/plans/", {"name": "x", "steps": [{**STEPS[0], "weight": 500}]}
    )
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "steps.0.weight")


def test_the_refusal_is_an_event_that_says_what_was_tried(world: World, bearer: Bearer) -> None:
    bearer(world.viewer).post("/api/v1/rollouts/", {})
    told = AuditEvent.objects.get(outcome="refused")
    assert (told.action, told.actor) == ("submit", "viewer")
