"""The smallest HTTP/1.1 client that keeps its connections: a general one would outweigh the mesh it loads."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import httptools

_ANSWER_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Response:
    """An answer; header names in lower case. Status 0: the mesh itself gave none."""

    status: int
    headers: Mapping[str, str]
    body: bytes


NO_ANSWER = Response(status=0, headers={}, body=b"")


class _Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._answer: asyncio.Future[Response] | None = None
        self.transport: asyncio.Transport | None = None

    @property
    def is_usable(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    def cut(self) -> None:
        """Give the connection up: an answer that came late must not pass for the next one."""
        if self.transport is not None:
            self.transport.abort()

    async def send(self, request: bytes) -> Response:
        self._answer = asyncio.get_running_loop().create_future()
        if self.transport is None:
            return NO_ANSWER
        self.transport.write(request)
        return await self._answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, _error: Exception | None) -> None:
        self.transport = None
        self._finish(NO_ANSWER)

    def on_message_begin(self) -> None:
        self._headers = {}
        self._body = bytearray()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        self._finish(Response(status=status, headers=self._headers, body=bytes(self._body)))

    def _finish(self, response: Response) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(response)


class MeshClient:
    """Sends requests to one address under changing host names."""

    def __init__(self, host: str, *, port: int) -> None:
        self._host = host
        self._port = port
        self._idle: list[_Connection] = []

    async def request(
        self, method: str, path: str, *, service: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Response:
        """Return the answer, or NO_ANSWER if the connection failed or nothing came in time."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {service}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        message = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
        try:
            connection = await self._connection()
        except OSError:
            return NO_ANSWER
        try:
            response = await asyncio.wait_for(connection.send(message), _ANSWER_SECONDS)
        except TimeoutError:
            connection.cut()
            return NO_ANSWER
        if connection.is_usable and response.headers.get("connection") != "close":
            self._idle.append(connection)
        return response

    def close(self) -> None:
        """Close the idle connections."""
        for connection in self._idle:
            if connection.transport is not None:
                connection.transport.close()

    async def _connection(self) -> _Connection:
        while self._idle:
            kept = self._idle.pop()
            if kept.is_usable:
                return kept
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, self._host, self._port)
        return connection
