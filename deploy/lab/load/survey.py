"""Asks the mesh from outside which version answers: the measured split, beside the one that was asked for."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from urllib.parse import urlsplit

from deploy.lab.load.http import MeshClient

_AT_ONCE = 16
NO_VERSION = "-"
"""Who answered when nobody of the shop did: the mesh itself, or nothing."""


async def count_versions(
    mesh: str, *, service: str, requests: int, path: str, headers: Mapping[str, str] | None = None
) -> Counter[str]:
    """Send so many GETs as guests and count the answers by ``x-version``."""
    address = urlsplit(mesh)
    client = MeshClient(address.hostname or "127.0.0.1", port=address.port or 80)
    counted: Counter[str] = Counter()
    left = iter(range(requests))

    async def ask() -> None:
        for _ in left:  # the askers share what is left
            answer = await client.request("GET", path, service=service, headers=headers or {})
            counted[answer.headers.get("x-version", NO_VERSION)] += 1

    await asyncio.gather(*(ask() for _ in range(_AT_ONCE)))
    client.close()
    return counted
