"""How a second ``python -m deploy.lab`` talks to the supervisor: one JSON line each way over a local socket.

The socket lies in a folder of its own, since a socket's path may have hardly more than 100 characters.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from deploy.lab.errors import LabError
from deploy.lab.folder import LabFolder, write_private

Answer = dict[str, Any]
Request = Callable[[dict[str, str]], Awaitable[Answer]]


@asynccontextmanager
async def control_socket(folder: LabFolder, *, answer: Request) -> AsyncIterator[None]:
    """Serve requests while the context lasts; a LabError is passed on to whoever asked."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            reply = await answer(json.loads(await reader.readline()))
        except LabError as error:
            reply = {"error": str(error)}
        writer.write(json.dumps(reply).encode() + b"\n")
        await writer.drain()
        writer.close()

    place = Path(tempfile.mkdtemp(prefix="weir-lab-"))
    server = await asyncio.start_unix_server(serve, place / "control")
    write_private(folder.control, str(place / "control"))
    try:
        yield
    finally:
        server.close()
        folder.control.unlink(missing_ok=True)
        shutil.rmtree(place, ignore_errors=True)


def ask(folder: LabFolder, request: dict[str, str], *, timeout_seconds: float) -> Answer:
    """Send one request to the running supervisor. Raises LabError with its refusal, or if none runs."""
    try:
        path = folder.control.read_text()
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout_seconds)
            connection.connect(path)
            connection.sendall(json.dumps(request).encode() + b"\n")
            reply: Answer = json.loads(connection.makefile().readline())
    except (FileNotFoundError, ConnectionError):
        raise LabError(f"No lab runs in {folder.root}; start one with: {folder.command('up')}") from None
    except (TimeoutError, ValueError) as error:
        raise LabError(f"The lab in {folder.root} does not answer ({error}).") from error
    if "error" in reply:
        raise LabError(str(reply["error"]))
    return reply
