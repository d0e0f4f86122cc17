"""Traffic that goes where the mesh sends it, so that the observed split is the configured one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from istio.telemetry import History, Question, Target, Window
from releases.models import Rollout, StepRun
from tests.admin.world import World
from tests.fakes.telemetry import FakeTelemetry, Traffic
from tests.faults.judge import weight_in

RPS = 200.0


@dataclass
class Split:
    """The shoppers of one service on a fake mesh. ``error_ratio`` is the candidate's."""

    world: World
    rollout: Rollout
    error_ratio: float = 0.0

    def begin(self) -> None:
        """Let them have shopped for an hour."""
        self._run(since=self.world.now - timedelta(hours=1))

    def follow(self) -> None:
        """Let them go where the mesh sends them from now on."""
        self._run(since=self.world.now)

    def _run(self, *, since: datetime) -> None:
        live = self.world.mesh.peek(self.rollout.service.virtual_service_ref)
        share = weight_in(live, rollout=self.rollout) / 100
        target = self.rollout.service.target
        self.world.telemetry.run(target, "v1", Traffic(rps=RPS * (1 - share)), since=since)
        self.world.telemetry.run(
            target, "v2", Traffic(rps=RPS * share, error_ratio=self.error_ratio), since=since
        )


class Following(FakeTelemetry):
    """For a worker of its own: shoppers go where the rows say that the mesh sends them; a ``bad`` candidate fails."""

    def window(
        self,
        targets: Collection[Target],
        *,
        end: datetime,
        seconds: float,
        questions: Collection[Question] = (),
    ) -> Window:
        return _of(targets).window(targets, end=end, seconds=seconds, questions=questions)

    def history(
        self,
        target: Target,
        *,
        start: datetime,
        end: datetime,
        step_seconds: float,
        questions: Collection[Question] = (),
    ) -> History:
        found = _of([target])
        return found.history(target, start=start, end=end, step_seconds=step_seconds, questions=questions)


def _of(targets: Collection[Target]) -> FakeTelemetry:
    """Return what each version did since an hour ago: each share from its acknowledged write on."""
    telemetry = FakeTelemetry()
    begun = datetime.now(UTC) - timedelta(hours=1)
    for target in targets:
        failing = 0.5 if target.service.startswith("bad") else 0.0
        written = StepRun.objects.filter(rollout__service__name=target.service).exclude(started_at=None)
        phases = [(run.started_at, (run.written or 0) / 100) for run in written.order_by("started_at")]
        for since, share in [(begun, 0.0), *phases]:
            assert since is not None
            telemetry.run(target, "v1", Traffic(rps=RPS * (1 - share)), since=since)
            telemetry.run(target, "v2", Traffic(rps=RPS * share, error_ratio=failing), since=since)
    return telemetry
