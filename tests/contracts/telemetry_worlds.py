"""The worlds of the Telemetry contract: the fake's, without real time; the real one is ``prometheus_world``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

from istio.telemetry import Counts, Target, Telemetry
from tests.fakes.telemetry import FakeTelemetry


class World(Protocol):
    """What a test can do to the mesh and to whoever watches it."""

    @property
    def telemetry(self) -> Telemetry: ...
    def serve(self, target: Target, version: str, counts: Counts) -> None: ...
    def tick(self) -> datetime: ...
    def restart(self) -> None: ...
    def go_silent(self) -> None: ...
    def speak_again(self) -> None: ...
    def go_away(self) -> None: ...
    def come_back(self) -> None: ...
    def unreachable(self) -> Telemetry: ...


class FakeWorld:
    """The contract's world on the fake: a second per tick, no real time."""

    def __init__(self) -> None:
        self.telemetry = FakeTelemetry()
        self._now = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)

    def serve(self, target: Target, version: str, counts: Counts) -> None:
        self.telemetry.serve(target, version, counts, at=self._now + timedelta(seconds=0.5))

    def tick(self) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now

    def restart(self) -> None:
        """Change nothing: the fake counts events, not counters."""

    def go_silent(self) -> None:
        self.telemetry.silence(since=self._now + timedelta(seconds=0.5))

    def speak_again(self) -> None:
        self.telemetry.end_silence(at=self._now + timedelta(seconds=0.5))

    def go_away(self) -> None:
        self.go_silent()
        self._now += timedelta(seconds=2)

    def come_back(self) -> None:
        self.speak_again()

    def unreachable(self) -> Telemetry:
        telemetry = FakeTelemetry()
        telemetry.unreachable = True
        return telemetry


def between(world: World, target: Target, *, start: datetime, end: datetime) -> dict[str, Counts]:
    found = world.telemetry.window([target], end=end, seconds=(end - start).total_seconds())
    return dict(found.counts.get(target, {}))


def requests(number: float, *, errors: float = 0.0) -> Counts:
    return Counts(requests=number, errors=errors)
