"""How a shop process behaves: its latency, its errors, and the faults switched on at run time.

Only the shop's own paths are slowed or broken; probes, metrics and the fault switch always work.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, fields

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deploy.shop.inputs import InputError, number
from deploy.shop.settings import Settings

EXEMPT = ("/healthz", "/metrics", "/admin")
LONGEST_FAULT_MS = 60_000.0


@dataclass(frozen=True, slots=True)
class Latency:
    """Log-normal think time: most answers near ``median_ms``, one in a hundred four times slower."""

    median_ms: float
    spread: float = 0.4
    slow_ratio: float = 0.01
    slow_factor: float = 4.0

    def draw_ms(self, dice: random.Random) -> float:
        """Return one latency in milliseconds, never above 12 times the median."""
        drawn = self.median_ms * dice.lognormvariate(0.0, self.spread)
        if dice.random() < self.slow_ratio:
            drawn *= self.slow_factor
        return min(drawn, 12 * self.median_ms)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with this process on purpose. Ratios are 0-1."""

    error_ratio: float = 0.0
    latency_ms: float = 0.0
    payment_failure_ratio: float = 0.0


def read_fault(body: Mapping[str, object]) -> Fault:
    """Turn a JSON object into a Fault; absent fields are 0. Raises InputError."""
    known = {field.name for field in fields(Fault)}
    unknown = sorted(set(body) - known)
    if unknown:
        raise InputError(f"Unknown: {', '.join(unknown)}. A fault has {', '.join(sorted(known))}.")
    highest = {"latency_ms": LONGEST_FAULT_MS}
    return Fault(**{name: number(body, name, highest=highest.get(name, 1.0)) for name in body})


class Conduct:
    """The behaviour of one process: settings at start, a fault that can be switched while it runs."""

    def __init__(self, settings: Settings, *, latency: Latency) -> None:
        self.settings = settings
        self.fault = Fault()
        self._latency = latency
        self._dice = random.Random(settings.seed)

    def delay_seconds(self) -> float:
        """Draw the time the next answer takes."""
        own = self._latency.draw_ms(self._dice) * self.settings.latency_scale
        return (own + self.fault.latency_ms) / 1000

    def breaks(self) -> bool:
        """Draw whether the next answer is a 500."""
        return self.hits(self.settings.error_ratio) or self.hits(self.fault.error_ratio)

    def spoils_payment(self) -> bool:
        """Draw whether the fault makes the next payment fail."""
        return self.hits(self.fault.payment_failure_ratio)

    def hits(self, ratio: float) -> bool:
        """Draw true with the given probability; a ratio of 0 draws nothing, so faults do not shift a seed."""
        return ratio > 0 and self._dice.random() < ratio


class Behaving:
    """ASGI middleware: wait, perhaps break, and say on every answer which version gave it."""

    def __init__(self, app: ASGIApp, *, conduct: Conduct) -> None:
        self._app = app
        self._conduct = conduct

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_version(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["x-version"] = self._conduct.settings.version
            await send(message)

        if scope["path"].startswith(EXEMPT):
            await self._app(scope, receive, send_with_version)
            return
        await asyncio.sleep(self._conduct.delay_seconds())
        if self._conduct.breaks():
            broken = JSONResponse({"error": "Something broke on our side. / 服务出错了。"}, status_code=500)
            await broken(scope, receive, send_with_version)
            return
        await self._app(scope, receive, send_with_version)
