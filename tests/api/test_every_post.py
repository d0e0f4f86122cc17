"""What holds for every POST of the schema, whichever noun it is of: sent again with its key, it is answered and not done again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
import yaml
from django.core.management import call_command
from django.utils import timezone
from rest_framework.test import APIClient

from releases.domain.roles import RoleName
from releases.models import AuditEvent, Freeze, Role, Rollout, TrafficChange, User
from releases.models.idempotency import IdempotencyKey
from tests.api.conftest import STATEMENTS, World, add_service, draft, pending

Bearer = Callable[..., APIClient]
KEY = "build-17"
KEPT = {"kept": "the first answer"}


def posts() -> list[str]:
    """Every path of the schema that takes a POST."""
    out = StringIO()
    call_command("spectacular", stdout=out)
    return [
        path for path, operations in yaml.safe_load(out.getvalue())["paths"].items() if "post" in operations
    ]


@pytest.fixture
def everybody(world: World) -> User:
    """Somebody who may ask for everything but the audit trail, whose readers decide nothing."""
    person = User.objects.create_user("everybody")
    Role.objects.bulk_create(
        Role(user=person, name=role.value) for role in RoleName if role != RoleName.AUDITOR
    )
    return person


def answered(user: User, *, path: str, body: bytes) -> None:
    """Keep an answer to this request, as if it had been given a moment ago."""
    digest = hashlib.sha256(f"POST {path}\n".encode() + body).hexdigest()
    IdempotencyKey.objects.all().delete()
    IdempotencyKey.objects.create(
        user=user, key=KEY, request_digest=digest, status=200, answer=KEPT, expires_at=timezone.now() + timedelta(hours=1)
    )  # fmt: skip


def test_every_post_answers_a_known_key_instead_of_acting(
    world: World, bearer: Bearer, everybody: User
) -> None:
    pending(world)
    clients = {person: bearer(person) for person in (everybody, world.auditor)}
    asked = posts()
    for template in asked:
        path = template.replace("{id}", "1")
        person = world.auditor if "/audit/" in path else everybody
        client = clients[person]
        answered(person, path=path, body=json.dumps({"reason": "a"}).encode())
        before = AuditEvent.objects.count()
        same, other = (
            client.generic("POST", path, json.dumps({"reason": reason}), content_type="application/json", headers={"idempotency-key": KEY})
            for reason in "ab"
        )  # fmt: skip
        assert (same.status_code, same.json()) == (200, KEPT), (path, same.content)
        assert same.headers["Idempotent-Replayed"] == "true"
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused"), path
        assert AuditEvent.objects.count() == before, path
    assert len(asked) > 50


def test_what_is_sent_twice_is_done_once(world: World, bearer: Bearer, everybody: User) -> None:
    asked = draft(world)
    product = add_service("product", cluster=world.cluster, policy=world.policy)
    rollout = {"service": product.pk, "candidate": product.versions.get(name="v2").pk, "plan": world.plan.pk, **STATEMENTS}  # fmt: skip
    acts: list[tuple[str, dict[str, object]]] = [
        ("versions/", {"service": product.pk, "name": "v3", "image": "weir-demo/product:3.0.0"}),
        ("rollouts/", rollout),
        (f"rollouts/{asked.pk}/submit/", {"reason": "Go."}),
        (f"rollouts/{asked.pk}/withdraw/", {"reason": "Not yet."}),
        (f"plans/{world.plan.pk}/rehearse/", {"service": world.service.pk}),
        (
            "traffic-changes/",
            {"service": product.pk, "candidate": "v2", "spec": {"candidate_weight": 5}, "reason": "Try."},
        ),
        ("freezes/red-button/", {"reason": "Fire."}),
    ]
    client = bearer(everybody)
    for number, (path, body) in enumerate(acts):
        key = {"idempotency-key": f"act-{number}"}
        first = client.post(f"/api/v1/{path}", body, headers=key)
        assert first.status_code in {200, 201, 202}, (path, first.content)
        trail = AuditEvent.objects.count()
        again = client.post(f"/api/v1/{path}", body, headers=key)
        assert (again.status_code, again.json()) == (first.status_code, first.json()), path
        assert AuditEvent.objects.count() == trail, path
    assert Rollout.objects.count() == 2
    assert TrafficChange.objects.count() == Freeze.objects.count() == 1


def test_an_answer_without_a_body_is_given_again(world: World, session: Callable[[User], APIClient]) -> None:
    world.viewer.set_password("a long enough password")
    world.viewer.save()
    client = session(world.viewer)
    statuses = []
    for _time in range(2):
        answer = client.post("/api/v1/me/confirm/", {"password": "a long enough password"}, headers={"idempotency-key": KEY})  # fmt: skip
        statuses.append((answer.status_code, answer.content))
    assert statuses == [(204, b""), (204, b"")]
