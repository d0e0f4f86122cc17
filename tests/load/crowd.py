"""Many approved rollouts, each of its own service, quickly: one walks the real flow, the others are copies of its rows.

A copy has its own service, baseline and fingerprint, and a vote for exactly that. Before each forward write the engine renders
and hashes the content anew and counts the votes, so a copy that were not what the flow makes would not move at all.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from istio.mesh import Manifest
from releases import flow
from releases.domain.states import Event, State
from releases.flow.checking import baseline_of
from releases.flow.content import fingerprint_of
from releases.models import Approval, Rollout, RolloutPlan
from services import connections
from services.models import Service, Version
from tests.admin import world as worlds
from tests.admin.world import World, actor, objects_of
from tests.factories import pulse_once
from tests.fakes.telemetry import Traffic

SERVICES_IN_A_NAMESPACE = 10
TOTAL_RPS = 10.0
WEIGHTS = (5, 20, 100)


@dataclass
class Crowd:
    """Approved rollouts that begin at the next pulse, and the world they share."""

    world: World
    rollouts: list[Rollout] = field(default_factory=list)

    def pulse(self) -> None:
        """One pulse of one worker at the world's time: everything that is due, one after the other."""
        pulse_once(self.world.mesh, self.world.telemetry, self.world.now)

    def send(self, weight: int) -> None:
        """Let every candidate get so many percent of its service's requests from now on."""
        for rollout in self.rollouts:
            _send(self.world, rollout.service, weight=weight, ago=timedelta())


@contextmanager
def crowd_of(count: int) -> Iterator[Crowd]:
    """Make the catalogue and ``count`` approved rollouts; inside the block the world's fakes answer."""
    world = worlds.build()
    plan = flow.save_plan(
        name="bench",
        steps=[{"weight": weight, "bake_seconds": 3600} for weight in WEIGHTS],
        evidence={"policy": "guard", "interval_seconds": 15},
        by=actor(world.requester),
    )
    with connections.use(mesh=world.mesh, telemetry=world.telemetry):
        services = [_service(world, number=number) for number in range(count)]
        first = _approved(world, services[0], plan=plan)
        yield Crowd(world=world, rollouts=[first, *_copies(first, services=services[1:])])


def _approved(world: World, service: Service, *, plan: RolloutPlan) -> Rollout:
    rollout = flow.create(
        service=service,
        candidate=service.versions.get(name="v2"),
        plan=plan,
        by=actor(world.requester),
        **worlds.STATEMENTS,
    )
    rollout = flow.perform(rollout, Event.SUBMIT, by=actor(world.requester))
    return flow.perform(rollout, Event.APPROVE, by=actor(world.approver), fingerprint=rollout.fingerprint)


def _copies(first: Rollout, *, services: list[Service]) -> list[Rollout]:
    vote = first.approvals.get()
    made = [_copy(first, service) for service in services]
    Rollout.objects.bulk_create(made)
    votes = [_vote(vote, rollout=rollout) for rollout in made]
    Approval.objects.bulk_create(votes)
    return made


def _copy(first: Rollout, service: Service) -> Rollout:
    rollout = copy.copy(first)
    rollout.pk, rollout._state = None, type(first._state)()
    versions = {version.name: version for version in service.versions.all()}
    rollout.service, rollout.stable, rollout.candidate = service, versions["v1"], versions["v2"]
    rollout.baseline = baseline_of(service)
    rollout.fingerprint = fingerprint_of(rollout, baseline=rollout.baseline)
    return rollout


def _vote(vote: Approval, *, rollout: Rollout) -> Approval:
    mine = copy.copy(vote)
    mine.pk, mine._state = None, type(vote._state)()
    mine.rollout, mine.fingerprint = rollout, rollout.fingerprint
    return mine


def _service(world: World, *, number: int) -> Service:
    name, namespace = f"shop-{number}", f"team-{number // SERVICES_IN_A_NAMESPACE}"
    for manifest in objects_of(name):
        world.mesh.add(_ready(manifest, namespace=namespace))
    service = Service.objects.create(
        cluster=world.cluster,
        namespace=namespace,
        name=name,
        host=name,
        virtual_service=name,
        destination_rule=name,
        policy=world.policy,
    )
    versions = [
        Version.objects.create(
            service=service,
            name=version,
            subset=version,
            labels={"app": name, "version": version},
            image=f"shop/{name}:{version}",
        )
        for version in ("v1", "v2")
    ]
    service.stable = versions[0]
    service.save()
    _send(world, service, weight=0, ago=timedelta(hours=1))
    return service


def _ready(manifest: Manifest, *, namespace: str) -> Manifest:
    """Return the manifest in its namespace; the DestinationRule has both subsets, so that no write but the weight is due."""
    placed = {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}
    if placed["kind"] == "DestinationRule":
        name = placed["metadata"]["name"]
        both = [{"name": v, "labels": {"app": name, "version": v}} for v in ("v1", "v2")]
        placed["spec"] = {**placed["spec"], "subsets": both}
    return placed


def _send(world: World, service: Service, *, weight: int, ago: timedelta) -> None:
    for version, share in (("v1", 100 - weight), ("v2", weight)):
        rps = TOTAL_RPS * share / 100
        world.telemetry.run(service.target, version, Traffic(rps=rps), since=world.now - ago)


def not_at(crowd: Crowd, *, weight: int) -> dict[str, int]:
    """Return how many rollouts are elsewhere than running at this weight, by state, reason and weight; empty if none."""
    found: dict[str, int] = {}
    rows = Rollout.objects.filter(pk__in=[rollout.pk for rollout in crowd.rollouts])
    for row in rows.prefetch_related("step_runs"):
        written = max((run.written or 0 for run in row.step_runs.all()), default=0)
        if (row.state, written) != (State.RUNNING, weight):
            place = f"{row.state}, {row.reason_code}, {written} %"
            found[place] = found.get(place, 0) + 1
    return found
