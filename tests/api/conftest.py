"""A small world for the API's tests: the shop's order service in a fake mesh, people with roles, clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.cache import cache
from django.utils import timezone
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from istio.telemetry import Target
from releases import flow
from releases.domain.actor import Actor, Channel
from releases.domain.roles import RoleName
from releases.domain.states import Event
from releases.models import ApiToken, Role, Rollout, RolloutPlan, User
from services.connections import use
from services.models import Cluster, Metric, Policy, Service, Version
from tests.fakes.mesh import FakeMesh
from tests.fakes.telemetry import FakeTelemetry, Traffic

SHOP = Path(__file__).parents[2] / "deploy" / "kubernetes" / "shop"
STEPS = [{"weight": 5, "bake_seconds": 60}, {"weight": 50, "bake_seconds": 60}]
STATEMENTS: dict[str, Any] = {
    "reason": "A faster order.",
    "impact": "Everybody who orders.",
    "test_evidence": "The suite is green.",
    "rollback_note": "Nothing but traffic.",
}


@dataclass(frozen=True, slots=True)
class World:
    """What the tests talk about."""

    mesh: FakeMesh
    telemetry: FakeTelemetry
    cluster: Cluster
    policy: Policy
    service: Service
    v1: Version
    v2: Version
    plan: RolloutPlan
    requester: User
    approver: User
    operator: User
    viewer: User
    auditor: User
    policy_administrator: User

    def people(self) -> list[User]:
        return [
            self.requester,
            self.approver,
            self.operator,
            self.viewer,
            self.auditor,
            self.policy_administrator,
        ]


@pytest.fixture(autouse=True)
def plain_surroundings(settings: Settings, tmp_path: Path) -> Iterator[None]:
    """No Redis, no collected static files: neither is what these tests are about."""
    settings.STATIC_ROOT = tmp_path
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    settings.CELERY_BROKER_URL = "memory://"
    settings.STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def world(db: None) -> Iterator[World]:
    mesh, telemetry = FakeMesh(*shop_objects()), FakeTelemetry()
    long_ago = timezone.now() - timedelta(hours=1)
    for name in ("order", "product", "payment"):
        target = Target(namespace="shop", service=name)
        telemetry.run(target, "v1", Traffic(rps=20, error_ratio=0.01), since=long_ago)
    cluster = Cluster.objects.create(name="lab", prometheus_url="http://127.0.0.1:9090")
    policy = Policy.objects.create(name="demo", guard_allowed=True)
    Metric.objects.create(name="success-ratio", title="Success ratio", kind="ratio")
    service = add_service("order", cluster=cluster, policy=policy)
    people = {role: add_person(role) for role in RoleName}
    with use(mesh=mesh, telemetry=telemetry):
        yield World(
            mesh=mesh,
            telemetry=telemetry,
            cluster=cluster,
            policy=policy,
            service=service,
            v1=service.versions.get(name="v1"),
            v2=service.versions.get(name="v2"),
            plan=flow.save_plan(name="two steps", steps=STEPS, by=actor_for(people[RoleName.REQUESTER])),
            requester=people[RoleName.REQUESTER],
            approver=people[RoleName.APPROVER],
            operator=people[RoleName.OPERATOR],
            viewer=people[RoleName.VIEWER],
            auditor=people[RoleName.AUDITOR],
            policy_administrator=people[RoleName.POLICY_ADMINISTRATOR],
        )


@pytest.fixture
def bearer(world: World) -> Callable[..., APIClient]:
    """Return a client that sends a person's token with these scopes."""

    def make(user: User, *scopes: str) -> APIClient:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret_of(user, *scopes)}")
        return client

    return make


@pytest.fixture
def session(world: World) -> Callable[[User], APIClient]:
    """Return a client that is signed in as this person, as a browser is, with the CSRF check on."""

    def make(user: User) -> APIClient:
        client = APIClient(enforce_csrf_checks=True)
        client.force_login(user)
        client.credentials(HTTP_X_CSRFTOKEN=client.get("/api/v1/me/").json()["csrf_token"])
        return client

    return make


def secret_of(user: User, *scopes: str) -> str:
    """Issue a token that is valid for an hour; without scopes named: all of them."""
    _, secret = flow.issue_token(
        user=user,
        name="test",
        scopes=scopes or ("read", "write", "approve"),
        expires_at=timezone.now() + timedelta(hours=1),
        by=actor_for(user),
    )
    return secret


def token_of(user: User) -> ApiToken:
    """The person's newest token."""
    return ApiToken.objects.filter(user=user).latest("pk")


def actor_for(user: User) -> Actor:
    return Actor(name=user.get_username(), channel=Channel.API, user_id=user.pk)


def add_person(role: RoleName, *, name: str = "") -> User:
    user = User.objects.create_user(name or role.value)
    Role.objects.create(user=user, name=role.value)
    return user


def add_service(name: str, *, cluster: Cluster, policy: Policy) -> Service:
    """A service of the demo shop with both versions, v1 stable."""
    service = Service.objects.create(
        cluster=cluster,
        namespace="shop",
        name=name,
        host=name,
        virtual_service=name,
        destination_rule=name,
        policy=policy,
    )
    versions = [
        Version.objects.create(
            service=service,
            name=version,
            subset=version,
            labels={"version": version},
            image=f"weir-demo/{name}:{version[1]}.0.0",
        )
        for version in ("v1", "v2")
    ]
    Service.objects.filter(pk=service.pk).update(stable=versions[0])
    service.refresh_from_db()
    return service


def draft(world: World, *, by: User | None = None, service: Service | None = None) -> Rollout:
    """A draft of v2 by the two-step plan."""
    chosen = service or world.service
    return flow.create(
        service=chosen,
        candidate=chosen.versions.get(name="v2"),
        plan=world.plan,
        by=actor_for(by or world.requester),
        **STATEMENTS,
    )


def pending(world: World, *, service: Service | None = None) -> Rollout:
    """A rollout that waits for approval."""
    if service is not None:  # what nobody measured is not submitted
        long_ago = timezone.now() - timedelta(hours=1)
        world.telemetry.run(service.target, "v1", Traffic(rps=20, error_ratio=0.01), since=long_ago)
    return flow.perform(draft(world, service=service), Event.SUBMIT, by=actor_for(world.requester))


def approved(world: World, *, service: Service | None = None) -> Rollout:
    """A rollout that may start."""
    waiting = pending(world, service=service)
    return flow.perform(waiting, Event.APPROVE, by=actor_for(world.approver), fingerprint=waiting.fingerprint)


def shop_objects() -> Iterator[dict[str, Any]]:
    """The demo shop's objects, with every Deployment ready."""
    for file in sorted(SHOP.glob("*.yaml")):
        for manifest in yaml.safe_load_all(file.read_text()):
            if manifest and manifest["kind"] in {
                "VirtualService",
                "DestinationRule",
                "Gateway",
                "Service",
                "Deployment",
            }:
                if manifest["kind"] == "Deployment":
                    replicas = manifest["spec"]["replicas"]
                    manifest["status"] = {
                        "replicas": replicas,
                        "readyReplicas": replicas,
                        "availableReplicas": replicas,
                    }
                yield manifest
