"""Rows that got where they are by walking the real flow, over a mesh and a telemetry in memory.

A ``Scene`` is the admin's small world with its own clock, in which the requests follow the mesh: what the VirtualService says
at this moment is what the fake telemetry tells about the versions from then on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from istio.effective import effective_split
from istio.mesh import Manifest
from releases import flow, selectors
from releases.domain.decision import Action
from releases.domain.states import Event, State
from releases.models import AuditEvent, Rollout, RolloutPlan, StepRun, User
from services import connections
from services.models import Service
from tests.admin import world as worlds
from tests.admin.world import WORKER, World, actor
from tests.fakes.mesh import FakeMesh, Write
from tests.fakes.telemetry import FakeTelemetry, Traffic

STEPS = [{"weight": weight, "bake_seconds": 20} for weight in (5, 20, 100)]
GUARD = {"policy": "guard", "interval_seconds": 5, "wait_limit_seconds": 60}
PULSE = timedelta(seconds=5)
_TOTAL_RPS = 400.0


def pulse_once(mesh: FakeMesh, telemetry: FakeTelemetry, now: datetime) -> list[Action | None]:
    """One pulse: every rollout that is due gets one pass, rollbacks first. Return what was done last for each."""
    with connections.use(mesh=mesh, telemetry=telemetry):
        due = selectors.due_rollouts(now=now)
        return [flow.advance(pk, clock=lambda: now, by=WORKER) for pk, _urgent in due]


@dataclass
class Scene:
    """Where a story is told. ``now`` is everybody's clock; ``behaviour`` is how each version answers its requests."""

    world: World
    behaviour: dict[str, dict[str, float]] = field(default_factory=dict)
    arrives: bool = True
    _told: dict[str, tuple[float, dict[str, float]]] = field(default_factory=dict)

    @property
    def mesh(self) -> FakeMesh:
        return self.world.mesh

    @property
    def telemetry(self) -> FakeTelemetry:
        return self.world.telemetry

    @property
    def now(self) -> datetime:
        return self.world.now

    def plan(
        self,
        steps: Sequence[Mapping[str, Any]] = STEPS,
        *,
        strategy: str = "canary",
        evidence: Mapping[str, Any] | None = None,
    ) -> RolloutPlan:
        return flow.save_plan(
            name=f"plan {RolloutPlan.objects.count()}",
            steps=steps,
            strategy=strategy,
            evidence={**GUARD, **(evidence or {})},
            by=actor(self.world.requester),
        )

    def rollout(
        self,
        *,
        at: State = State.RUNNING,
        step: int = 0,
        plan: RolloutPlan | None = None,
        start_at: datetime | None = None,
        name: str = "product",
    ) -> Rollout:
        """A rollout in a state; a running or paused one has written the step (from 0), a finished one went all the way."""
        service = self.world.service(name)
        rollout = flow.create(
            service=service,
            candidate=service.versions.get(name="v2"),
            plan=plan or self.plan(),
            start_at=start_at,
            by=actor(self.world.requester),
            **worlds.STATEMENTS,
        )
        if at is State.DRAFT:
            return rollout
        rollout = self.by_hand(rollout, Event.SUBMIT, self.world.requester)
        if at is State.PENDING:
            return rollout
        rollout = self.approve(rollout)
        if at is State.APPROVED:
            return rollout
        if at is State.COMPLETED:
            return self.until(rollout, State.COMPLETED)
        for _ in range(100):
            rollout = self.pulse(rollout)
            if rollout.current_step == step:
                break
        if at is State.PAUSED:
            return self.by_hand(rollout, Event.PAUSE, self.world.operator)
        if at is State.ROLLED_BACK:
            return self.by_hand(rollout, Event.ROLL_BACK, self.world.operator)
        return rollout

    def approve(self, rollout: Rollout, *, by: User | None = None) -> Rollout:
        fresh = Rollout.objects.get(pk=rollout.pk)
        return self.by_hand(
            fresh, Event.APPROVE, by or self.world.approver, fingerprint=fresh.fingerprint, why="read it"
        )

    def by_hand(self, rollout: Rollout, event: Event, by: User | None = None, **given: Any) -> Rollout:
        """What a person does, by default the operator."""
        given.setdefault("why", "because")
        who = actor(by or self.world.operator)
        return flow.perform(rollout, event, by=who, clock=lambda: self.now, **given)

    def pulse(self, rollout: Rollout, *, times: int = 1, after: timedelta = PULSE) -> Rollout:
        """Let time pass and the scheduler look, as often as asked; return the rollout as it is then."""
        for _ in range(times):
            self.follow(rollout.service)
            self.world.now += after
            pulse_once(self.mesh, self.telemetry, self.now)
            self.follow(rollout.service)
        return Rollout.objects.get(pk=rollout.pk)

    def until(self, rollout: Rollout, state: State, *, pulses: int = 60) -> Rollout:
        """Pulse until the state is reached; fail with the reason when it is not."""
        for _ in range(pulses):
            rollout = self.pulse(rollout)
            if rollout.state == state:
                return rollout
        raise AssertionError(f"{rollout.state}, not {state}: {rollout.reason_code} {rollout.reason_params}")

    def follow(self, service: Service) -> None:
        """Send the requests where the mesh says, from now on."""
        split = effective_split(self.live(service), host=service.host, namespace=service.namespace)
        for version in ("v1", "v2"):
            share = split.get(version, 0.0) if self.arrives else {"v1": 100.0}.get(version, 0.0)
            behaviour = dict(self.behaviour.get(version, {}))
            if self._told.get(version) == (share, behaviour):
                continue
            self._told[version] = (share, behaviour)
            traffic = Traffic(rps=_TOTAL_RPS * share / 100, **{"error_ratio": 0.001, **behaviour})
            since = self.now if self._has_begun(service, version) else self.now - timedelta(hours=1)
            self.telemetry.run(service.target, version, traffic, since=since)

    def _has_begun(self, service: Service, version: str) -> bool:
        return self.telemetry.runs(service.target, version)

    def live(self, service: Service) -> Manifest:
        return self.mesh.peek(service.virtual_service_ref)

    @staticmethod
    def testers(*, share: float = 0.1) -> Traffic:
        """What comes to the candidate by a rule, a user's id or a mirror, which the weights say nothing about."""
        return Traffic(rps=_TOTAL_RPS * share, error_ratio=0.001)

    @staticmethod
    def split(document: Manifest) -> dict[str, float]:
        """Percent per subset in a VirtualService as it was written."""
        return effective_split(document, host=document["spec"]["hosts"][0])

    def weight(self, rollout: Rollout) -> float:
        """Percent for the candidate in the live object."""
        service = rollout.service
        return effective_split(self.live(service), host=service.host, namespace=service.namespace).get(
            "v2", 0.0
        )

    def writes(self, rollout: Rollout) -> list[Write]:
        """Every real write of the rollout's VirtualService so far."""
        ref = rollout.service.virtual_service_ref
        return [write for write in self.mesh.log if write.ref == ref and not write.dry_run]

    def actions(self, rollout: Rollout) -> list[str]:
        """The audit trail of the rollout as action codes, oldest first."""
        events = AuditEvent.objects.filter(rollout=rollout, outcome=AuditEvent.Outcome.DONE)
        return list(events.order_by("seq").values_list("action", flat=True))

    def run_of(self, rollout: Rollout, position: int) -> StepRun:
        return StepRun.objects.get(rollout=rollout, position=position)
