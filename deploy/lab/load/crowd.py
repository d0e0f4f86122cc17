"""A crowd of shoppers in front of one mesh, and what they saw."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from deploy.lab.load.http import MeshClient, Response
from deploy.lab.load.journeys import FIRST_USER, USERS, Visit, shop
from deploy.lab.load.pace import Pace

AT_ONCE = 48
"""Shoppers in the shop at one time: a slow mesh gets fewer requests, not a growing heap of them."""

REPORT_SECONDS = 10.0


@dataclass(slots=True)
class Tally:
    """What came back since the last report; ``caused`` includes the requests the shop makes itself."""

    began: float = field(default_factory=time.monotonic)
    caused: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)

    def count(self, visit: Visit, *, response: Response, milliseconds: float) -> None:
        """Add one answer; no answer and 5xx count as failed."""
        answered_by = f"{visit.service} {response.headers.get('x-version', '-')}"
        self.caused += visit.cost
        self.answers[answered_by] += 1
        self.milliseconds.append(milliseconds)
        if response.status == 0 or response.status >= 500:
            self.failed[answered_by] += 1

    def sentence(self) -> str:
        """Say rate, slow tail and failures in one line."""
        seconds = max(time.monotonic() - self.began, 0.001)
        p95 = sorted(self.milliseconds)[int(len(self.milliseconds) * 0.95)] if self.milliseconds else 0.0
        versions = ", ".join(f"{name} {count}" for name, count in sorted(self.answers.items()))
        failed = ", ".join(f"{name} {count}" for name, count in sorted(self.failed.items())) or "none"
        return (
            f"{self.caused / seconds:.0f} requests/s, p95 {p95:.0f} ms; answers: {versions}; failed: {failed}"
        )


class Crowd:
    """Sends shoppers until the time is over."""

    def __init__(self, client: MeshClient, *, rps: float, say: Callable[[str], None]) -> None:
        self._client = client
        self._pace = Pace(rps)
        self._say = say
        self._chance = random.Random()
        self._users: list[int] = []
        self._tally = Tally()

    async def shop(self, *, seconds: float) -> None:
        """Shop for so many seconds; say every ten what came back."""
        tasks = [asyncio.create_task(self._shopper()) for _ in range(AT_ONCE)]
        tasks.append(asyncio.create_task(self._report()))
        done, running = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for task in done:
            task.result()  # a crowd that broke down must not look like one that went home
        self._say(self._tally.sentence())

    async def _shopper(self) -> None:
        while True:
            await shop(self._next_user(), chance=self._chance, send=self._send)

    def _next_user(self) -> str:
        """Return everybody once before anybody twice."""
        if not self._users:
            self._users = list(range(FIRST_USER, FIRST_USER + USERS))
            self._chance.shuffle(self._users)
        return str(self._users.pop())

    async def _send(self, visit: Visit) -> Response:
        await self._pace.turn(cost=visit.cost)
        begun = time.monotonic()
        response = await self._client.request(
            visit.method, visit.path, service=visit.service, headers=visit.headers, body=visit.body
        )
        self._tally.count(visit, response=response, milliseconds=(time.monotonic() - begun) * 1000)
        return response

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            tally, self._tally = self._tally, Tally()
            self._say(tally.sentence())
