"""The world of the random walks: one rollout at a time, every hand that can touch it, and what was seen so far.

It does things and remembers; what must hold is checked in ``test_random_walks``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from unittest.mock import patch

from istio.mesh import Conflict, Manifest, MeshError, Ref, Rejected, Unreachable
from releases import flow
from releases.domain import DomainError
from releases.domain.decision import Action, Opening
from releases.domain.reasons import Reason
from releases.domain.states import FINISHED, Event, State
from releases.models import Rollout, StepRun, User
from tests.admin.world import WORKER, World, actor
from tests.faults.judge import Stored, stored_by_fake, weight_in
from tests.faults.points import POINTS, Point, watched
from tests.faults.split import Split

FAILURES: dict[str, MeshError] = {
    "409": Conflict("The object changed.", status=409),
    "422": Rejected("The object is refused.", status=422),
    "429": Unreachable("Come back later.", status=429, retry_after_seconds=1),
    "500": Unreachable("The API server answered 500.", status=500),
    "timeout": Unreachable("The API server did not answer in time."),
}
LEASE = timedelta(seconds=31)
INTERRUPTIBLE = tuple(
    point.name
    for point in POINTS
    if not point.real_only and "not_committed" not in point.name and point.name not in {"before_end"}
)
"""Points outside transactions: there another process can come in between."""


class Ended(BaseException):
    """A worker was killed."""


@dataclass
class Walk:
    """One rollout after another on one mesh. ``baked`` is how long each step has stood while it was running."""

    world: World
    rollout: Rollout = field(init=False)
    split: Split = field(init=False)
    number: int = 0
    open: bool = True
    policy_changed: bool = False
    content_changed: bool = False
    promoted_by_hand: bool = False
    drifted: bool = False
    baked: dict[int, timedelta] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.world.plan = flow.save_plan(
            name="walk",
            steps=[{"weight": weight, "bake_seconds": 30} for weight in (5, 20, 50)],
            evidence={"policy": "guard", "interval_seconds": 5, "wait_limit_seconds": 60},
            by=actor(self.world.requester),
        )
        self.begin()

    def begin(self) -> None:
        """Ask for a release of another service, have it approved, and let it start."""
        self.number += 1
        self.world.mesh.forgive()
        self.rollout = self.world.approved(f"service-{self.number}")
        self.content_changed = self.promoted_by_hand = self.drifted = False
        self.baked = {}
        self.split = Split(self.world, self.rollout)
        self.split.begin()
        self.tick(1)
        self.advance()

    @property
    def ref(self) -> Ref:
        return self.rollout.service.virtual_service_ref

    @property
    def ended(self) -> bool:
        return self.rollout.state in FINISHED

    def stored(self) -> list[Stored]:
        return stored_by_fake(self.world.mesh)

    def writes(self) -> list[Stored]:
        """Return Weir's writes to this rollout's VirtualService."""
        name = self.rollout.service.virtual_service
        return [write for write in self.stored() if write.kind == "VirtualService" and write.name == name]

    def weight(self) -> int:
        return weight_in(self.world.mesh.peek(self.ref), rollout=self.rollout)

    def tick(self, seconds: float) -> None:
        """Let time pass; the traffic is where the mesh sends it, and a running step bakes meanwhile."""
        self.split.follow()
        row = Rollout.objects.get(pk=self.rollout.pk)
        passed = timedelta(seconds=seconds)
        if row.state == State.RUNNING:
            for run in row.step_runs.filter(outcome=StepRun.Outcome.BAKING).exclude(started_at=None):
                self.baked[run.position] = self.baked.get(run.position, timedelta()) + passed
        self.world.now += passed

    def advance(self) -> Action | None:
        """One pass of a worker, over whatever is due; a killed one leaves its lease."""
        try:
            return flow.advance(self.rollout.pk, clock=self.clock, by=WORKER)
        except Ended:
            return None
        finally:
            self.rollout.refresh_from_db()
            self.split.follow()

    def advance_with(self, point: str, meanwhile: Callable[[], None]) -> bool:
        """One pass in the middle of which something else happens. Return whether the pass came by the point."""
        happened: list[str] = []

        def reached(here: Point, _stage: str, _rollout: int) -> None:
            if here.name == point and not happened:
                happened.append(point)
                meanwhile()

        with watched(reached, mesh="tests.fakes.mesh.FakeMesh"):
            self.advance()
        return bool(happened)

    def perform(self, event: Event, *, by: User | None = None, weight: int | None = None) -> str:
        """Do what a person asks for, and return the refusal, if it is refused. Time-outs of the mesh are refusals, too."""
        row = Rollout.objects.get(pk=self.rollout.pk)
        if row.leased_until and row.leased_until > self.world.now:
            self.tick((row.leased_until - self.world.now).total_seconds())  # the door waits for the lease
        try:
            flow.perform(
                row,
                event,
                by=actor(by or self.world.operator),
                why="walk",
                fingerprint=row.fingerprint,
                weight=weight,
                clock=self.clock,
            )
        except (DomainError, MeshError) as error:
            return str(error)
        finally:
            self.rollout.refresh_from_db()
        self.promoted_by_hand |= event is Event.PROMOTE
        return ""

    def refused(self, rollout: Rollout, event: Event) -> bool:
        """Say whether the event is refused for a rollout that is not the walk's own."""
        try:
            flow.perform(rollout, event, by=actor(self.world.requester), clock=self.clock)
        except (DomainError, MeshError):
            return True
        return False

    def drift(self, weight: int) -> None:
        """Somebody else sets a weight with kubectl."""

        def edit(document: Manifest) -> None:
            route = document["spec"]["http"][-1]["route"]
            candidate = {"destination": {"host": self.rollout.service.host, "subset": "v2"}}
            document["spec"]["http"][-1]["route"] = [
                {**route[0], "weight": 100 - weight},
                {**candidate, "weight": weight},
            ]

        self.world.mesh.edit(self.ref, edit)
        self.drifted = True

    def clock(self) -> datetime:
        return self.world.now

    def opening(self, *_args: object, **_kwargs: object) -> Opening:
        """What the calendar answers in this walk."""
        return (
            Opening()
            if self.open
            else Opening(is_open=False, code=Reason.HELD_BY_FREEZE, name="walk", next_open=None)
        )


@contextmanager
def calendar_of(walk: Walk) -> Iterator[None]:
    """Put the walk's calendar in the place of the stored one."""
    with patch("releases.flow.facts.opening_of", walk.opening):
        yield
