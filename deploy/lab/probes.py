"""Ready or not: the questions the supervisor asks a part that is starting."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from deploy.lab.parts import Probe

_SECONDS = 1.0


def answers_http(url: str, *, client: httpx.AsyncClient, host: str | None = None) -> Probe:
    """Ready when the URL answers 200; ``host`` replaces the Host header."""

    async def probe() -> bool:
        try:
            answer = await client.get(url, headers={"host": host} if host else None, timeout=_SECONDS)
        except httpx.TransportError:
            return False
        return answer.status_code == httpx.codes.OK

    return probe


def answers_ping(port: int) -> Probe:
    """Ready when Redis says PONG."""

    async def probe() -> bool:
        try:
            async with asyncio.timeout(_SECONDS):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"PING\r\n")
                answer = await reader.readline()
                writer.close()
        except (OSError, TimeoutError):
            return False
        return answer.startswith(b"+PONG")

    return probe


def every(*probes: Probe) -> Probe:
    """Ready when all are."""

    async def probe() -> bool:
        return all([await one() for one in probes])

    return probe


class LogWatch:
    """Ready when a text appears in the log of *this* start: earlier starts wrote to the same file."""

    def __init__(self, log: Path, *, text: str) -> None:
        self._log = log
        self._text = text.encode()
        self._begin = 0

    async def mark(self) -> None:
        """Remember where this start's lines begin."""
        self._begin = self._log.stat().st_size if self._log.exists() else 0

    async def probe(self) -> bool:
        if not self._log.exists():
            return False
        with self._log.open("rb") as log:
            log.seek(self._begin)
            return self._text in log.read()
