"""Releases that are measured and judged, stepped by hand: fakes of mesh and telemetry, and a clock that is passed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from releases import flow
from releases.domain.actor import Actor, Channel
from releases.domain.states import MOVING, Event, State
from releases.flow.advance import advance
from releases.models import Rollout
from services.models import Service
from tests.api.conftest import STATEMENTS, World, actor_for, plain_surroundings, world
from tests.fakes.telemetry import Traffic

__all__ = ["GUARD", "STEPS", "WORKER", "Begin", "Story", "begin", "plain_surroundings", "world"]

WORKER = Actor(name="scheduler@test", channel=Channel.SCHEDULER)
STEPS = [{"weight": 10, "bake_seconds": 150}, {"weight": 50, "bake_seconds": 150}]
GUARD = {"policy": "guard", "interval_seconds": 15, "wait_limit_seconds": 120}


@dataclass
class Story:
    """One service's release. ``rps`` is split by the written weight; ``how`` says how each version behaves."""

    world: World
    service: Service
    rollout: Rollout
    now: datetime
    rps: float = 200.0
    how: dict[str, Traffic] = field(default_factory=dict)
    weight: int = -1
    kept: float = 1.0
    """The part of the users routed to the candidate by id that reaches it."""

    def behave(self, version: str, **changes: Any) -> None:
        """Let a version behave like this from now on; ratios 0-1."""
        self.how[version] = Traffic(rps=0, **changes)
        self._split(self.weight)

    def pulse(self) -> None:
        """Go to the moment at which the rollout is due, and take one pass."""
        self.rollout.refresh_from_db()
        self.now = max(self.now + timedelta(seconds=1), self.rollout.next_wake_up or self.now)
        advance(self.rollout.pk, clock=lambda: self.now, by=WORKER)
        self.rollout.refresh_from_db()
        runs = self.rollout.step_runs.exclude(written=None).order_by("-position")
        last = runs.first()
        written = (last.written or 0) if last else 0
        if last and (sticky := last.planned.get("sticky")) and self.rollout.state in MOVING:
            written = round(sticky["percent"] * self.kept)
        self._split(0 if self.rollout.state == State.ROLLED_BACK else written)

    def run(self, *, until: Callable[[Story], bool] | None = None, pulses: int = 400) -> None:
        """Pulse until the rollout ended, or stands as wished."""
        for _ in range(pulses):
            if State(self.rollout.state) not in MOVING or (until and until(self)):
                return
            self.pulse()
        raise AssertionError(f"{self.rollout} is still {self.rollout.state}: {self.rollout.reason_code}")

    def _split(self, weight: int) -> None:
        self.weight = weight
        for version, share in (("v1", 100 - weight), ("v2", weight)):
            how = self.how.get(version, Traffic(rps=0))
            traffic = Traffic(**{**_fields(how), "rps": self.rps * max(share, 0) / 100})
            self.world.telemetry.run(self.service.target, version, traffic, since=self.now)


Begin = Callable[..., Story]


@pytest.fixture
def begin(world: World) -> Begin:
    """Return a function that asks for and approves a rollout of v2, with an hour of stable traffic behind it."""

    def make(
        *,
        service: Service | None = None,
        steps: list[dict[str, Any]] | None = None,
        evidence: Mapping[str, Any] | None = None,
        strategy: str = "canary",
        rps: float = 200.0,
    ) -> Story:
        chosen = service or world.service
        plan = flow.save_plan(
            name=f"plan for {chosen} {strategy} {len(steps or STEPS)}",
            steps=steps or STEPS,
            evidence=evidence or GUARD,
            strategy=strategy,
            by=actor_for(world.requester),
        )
        now = datetime.now(tz=UTC)
        world.telemetry.forget(chosen.target)
        story = Story(world=world, service=chosen, rollout=Rollout(), now=now - timedelta(hours=1), rps=rps)
        story.behave("v1", error_ratio=0.002)
        story._split(0)
        story.now = now
        story.how["v2"] = Traffic(rps=0, error_ratio=0.002)
        draft = flow.create(
            service=chosen,
            candidate=chosen.versions.get(name="v2"),
            plan=plan,
            by=actor_for(world.requester),
            **STATEMENTS,
        )
        waiting = flow.perform(draft, Event.SUBMIT, by=actor_for(world.requester))
        story.rollout = flow.perform(
            waiting, Event.APPROVE, by=actor_for(world.approver), fingerprint=waiting.fingerprint
        )
        return story

    return make


def _fields(traffic: Traffic) -> dict[str, Any]:
    return {name: getattr(traffic, name) for name in Traffic.__slots__}
