"""A small shop with people and a fake mesh, and rollouts that got where they are by the real flow."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import Group

from istio.mesh import Manifest
from releases import flow
from releases.clock import database_now
from releases.domain.actor import Actor, Channel
from releases.domain.roles import RoleName
from releases.domain.states import Event
from releases.models import Role, Rollout, RolloutPlan, User
from services.models import Cluster, Policy, Service, Version
from tests.fakes.mesh import FakeMesh
from tests.fakes.telemetry import FakeTelemetry, Traffic

PASSWORD = "correct horse battery"
PULSE = timedelta(seconds=10)
WORKER = Actor(name="scheduler@test", channel=Channel.SCHEDULER)
STATEMENTS: dict[str, Any] = {
    "reason": "Halves the lookups per page.",
    "impact": "Product pages.",
    "test_evidence": "Load test, 4 h.",
    "rollback_note": "Nothing stays behind.",
}


def person(name: str, *roles: RoleName, **columns: Any) -> User:
    """Make an account that may enter the operators' face, with these roles everywhere."""
    user = User(username=name, title=name.capitalize(), is_staff=columns.pop("is_staff", True), **columns)
    user.set_password(PASSWORD)
    user.save()
    Role.objects.bulk_create(Role(user=user, name=role.value) for role in roles)
    return user


def actor(user: User) -> Actor:
    return Actor(name=user.username, channel=Channel.ADMIN, user_id=user.pk)


def objects_of(name: str) -> list[Manifest]:
    """The Istio objects of one service of the shop, and what the checks look at."""
    labels = {"app": name}
    meta = {"name": name, "namespace": "shop"}
    route = {"destination": {"host": name, "subset": "v1"}, "weight": 100}
    istio = "networking.istio.io/v1"
    http = [{"name": "primary", "timeout": "3s", "route": [route]}]
    subsets = [{"name": "v1", "labels": {**labels, "version": "v1"}}]
    return [
        {
            "apiVersion": istio,
            "kind": "VirtualService",
            "metadata": meta,
            "spec": {"hosts": [name], "http": http},
        },
        {
            "apiVersion": istio,
            "kind": "DestinationRule",
            "metadata": meta,
            "spec": {"host": name, "subsets": subsets},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": meta,
            "spec": {"selector": labels, "ports": [{"port": 80}]},
        },
        *(_deployment(name, version=version) for version in ("v1", "v2")),
    ]


def _deployment(name: str, *, version: str) -> Manifest:
    labels = {"app": name, "version": version}
    pods = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": name, "image": f"shop/{name}:{version}"}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"{name}-{version}", "namespace": "shop", "labels": labels},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": pods},
        "status": {"replicas": 2, "readyReplicas": 2, "availableReplicas": 2},
    }


def on_the_grid(moment: datetime) -> datetime:
    """Return the next instant at which every scrape interval begins: what fits into a step must not depend on the hour."""
    return datetime.fromtimestamp(math.ceil(moment.timestamp() / 15) * 15, tz=UTC)


@dataclass
class World:
    """Everything a test needs. ``now`` is the worker's clock; only ``pulse`` moves it."""

    mesh: FakeMesh
    telemetry: FakeTelemetry
    requester: User
    approver: User
    operator: User
    auditor: User
    viewer: User
    administrator: User
    policy: Policy
    cluster: Cluster
    plan: RolloutPlan
    services: dict[str, Service] = field(default_factory=dict)
    now: datetime = field(default_factory=lambda: on_the_grid(database_now()))
    error_ratio: float = 0.001

    def service(self, name: str) -> Service:
        """Return the service of this name, made with its versions when first asked for."""
        if name not in self.services:
            for manifest in objects_of(name):
                self.mesh.add(manifest)
            service = Service.objects.create(
                cluster=self.cluster,
                namespace="shop",
                name=name,
                host=name,
                virtual_service=name,
                destination_rule=name,
                policy=self.policy,
            )
            stable, _candidate = (
                Version.objects.create(
                    service=service,
                    name=version,
                    subset=version,
                    labels={"app": name, "version": version},
                    image=f"shop/{name}:{version}",
                )
                for version in ("v1", "v2")
            )
            service.stable = stable
            service.save()
            self.services[name] = service
            since = self.now - timedelta(hours=1)
            self.telemetry.run(service.target, "v1", Traffic(rps=300, error_ratio=0.001), since=since)
        return self.services[name]

    def draft(self, name: str = "product", *, by: User | None = None) -> Rollout:
        service = self.service(name)
        return flow.create(
            service=service,
            candidate=service.versions.get(name="v2"),
            plan=self.plan,
            by=actor(by or self.requester),
            reason=STATEMENTS["reason"],
            impact=STATEMENTS["impact"],
            test_evidence=STATEMENTS["test_evidence"],
            rollback_note=STATEMENTS["rollback_note"],
        )

    def pending(self, name: str = "product", *, by: User | None = None) -> Rollout:
        rollout = self.draft(name, by=by)
        return flow.perform(rollout, Event.SUBMIT, by=actor(by or self.requester))

    def approved(self, name: str = "product") -> Rollout:
        rollout = self.pending(name)
        return flow.perform(
            rollout, Event.APPROVE, by=actor(self.approver), fingerprint=rollout.fingerprint, why="read it"
        )

    def running(self, name: str = "product", *, error_ratio: float = 0.001, pulses: int = 4) -> Rollout:
        """A rollout in its first step, looked at ``pulses`` times."""
        rollout = self.approved(name)
        self.error_ratio = error_ratio
        self._split(rollout, weight=0, since=self.now - timedelta(hours=1))
        return self.pulse(rollout, times=pulses)

    def pulse(self, rollout: Rollout, *, times: int) -> Rollout:
        for _ in range(times):
            self.now += PULSE
            flow.advance(rollout.pk, clock=lambda: self.now, by=WORKER)
            written = rollout.step_runs.exclude(written=None).order_by("-position").first()
            self._split(rollout, weight=(written.written or 0) if written else 0, since=self.now)
        rollout.refresh_from_db()
        return rollout

    def _split(self, rollout: Rollout, *, weight: int, since: datetime) -> None:
        """Send each version its part of 300 requests a second: a judge would notice any other."""
        target = rollout.service.target
        for version, share, errors in (("v1", 100 - weight, 0.001), ("v2", weight, self.error_ratio)):
            self.telemetry.run(target, version, Traffic(rps=3 * share, error_ratio=errors), since=since)


def build() -> World:
    """Make the people, the catalogue's common rows and a plan."""
    requester = person("developer", RoleName.REQUESTER)
    cluster = Cluster.objects.create(name="test", prometheus_url="http://prometheus.istio-system:9090")
    plan = flow.save_plan(
        name="canary",
        steps=[{"weight": weight, "bake_seconds": 120} for weight in (5, 50, 100)],
        evidence={"policy": "guard", "interval_seconds": 5},
        by=actor(requester),
    )
    return World(
        mesh=FakeMesh(),
        telemetry=FakeTelemetry(),
        requester=requester,
        approver=person("approver", RoleName.APPROVER),
        operator=person("operator", RoleName.OPERATOR, RoleName.APPROVER),
        auditor=person("auditor", RoleName.AUDITOR),
        viewer=person("viewer", RoleName.VIEWER),
        administrator=person("administrator", RoleName.USER_ADMINISTRATOR, RoleName.POLICY_ADMINISTRATOR),
        policy=Policy.objects.create(name="one vote", guard_allowed=True),
        cluster=cluster,
        plan=plan,
    )


def group(name: str, *members: User) -> Group:
    made = Group.objects.create(name=name)
    made.user_set.add(*members)
    return made
