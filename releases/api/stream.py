"""``stream/``: what changes, as server-sent events, for as long as somebody looks.

One read a second serves every page that this process streams to. An event's id is the place in the tables after it, so that
``Last-Event-ID`` resumes on any process, after a restart, too.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connection
from django.http import HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from releases import selectors
from releases.api.base import Door
from releases.selectors import Item, News, Place

READ_EVERY_SECONDS = 1.0
SILENCE_SECONDS = 15.0
"""After this long a comment is sent, so that proxies keep the connection and a dead one is noticed."""
REMEMBERED = 1_000
LAST_EVENT_ID = "Last-Event-ID"


class Feed:
    """The news of one process. ``read`` answers ``selectors.news_after``, in a thread."""

    def __init__(self, read: Callable[..., News], *, start: Callable[[], Place]) -> None:
        self._read, self._start = read, start
        self._news: News | None = None
        self._read_at = 0.0
        self._recent: deque[tuple[int, Place, Item]] = deque(maxlen=REMEMBERED)
        self._count = 0
        self._lock = asyncio.Lock()

    async def begin(self, since: Place | None) -> tuple[int, tuple[Item, ...], Place, bool]:
        """Return the number to go on from, what was missed since, the place reached, and whether that is everything."""
        await self._refresh()
        assert self._news is not None  # noqa: S101 - narrows the type; a refresh leaves news behind
        count, place = self._count, self._news.place
        missed = await _in_thread(self._read, since or place, seen=None)
        return count, missed.items, place, missed.complete

    async def after(self, count: int) -> tuple[list[tuple[int, Place, Item]], bool]:
        """Return the items since number ``count``, and whether none was forgotten meanwhile."""
        await self._refresh()
        fresh = [entry for entry in self._recent if entry[0] > count]
        return fresh, self._count - count <= len(fresh)

    async def _refresh(self) -> None:
        async with self._lock:
            if time.monotonic() - self._read_at < READ_EVERY_SECONDS:
                return
            if self._news is None:
                place = await _in_thread(self._start)
                self._news = await _in_thread(self._read, place, seen=None)
            else:
                self._news = await _in_thread(self._read, self._news.place, seen=self._news.seen)
                for item in self._news.items:
                    self._count += 1
                    self._recent.append((self._count, self._news.place, item))
            self._read_at = time.monotonic()


async def _in_thread(ask: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Ask the database, and leave no connection behind: a page that is looked at for hours needs one for milliseconds."""

    def asked() -> Any:
        try:
            return ask(*args, **kwargs)
        finally:
            if not connection.in_atomic_block:  # a transaction around us has an owner, who closes it
                connection.close()

    return await sync_to_async(asked)()


async def lines(feed: Feed, *, since: Place | None) -> AsyncIterator[bytes]:
    """Yield the stream's bytes for ever; whoever closes the connection ends it."""
    yield b": Weir\nretry: 2000\n\n"
    count, missed, place, complete = await feed.begin(since)
    if not complete:
        yield _event("reset", {}, place=place)
    for item in missed:
        yield _event(item.kind, item.data, place=place)
    sent_at = time.monotonic()
    while True:
        fresh, complete = await feed.after(count)
        if not complete:
            yield _event("reset", {}, place=fresh[-1][1] if fresh else place)
        for number, reached, item in fresh:
            count, sent_at = number, time.monotonic()
            yield _event(item.kind, item.data, place=reached)
        if time.monotonic() - sent_at >= SILENCE_SECONDS:
            sent_at = time.monotonic()
            yield b": still here\n\n"
        await asyncio.sleep(READ_EVERY_SECONDS)


def _event(kind: str, data: dict[str, Any], *, place: Place) -> bytes:
    return f"id: {place}\nevent: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


_feeds: dict[asyncio.AbstractEventLoop, Feed] = {}


def feed_of(loop: asyncio.AbstractEventLoop) -> Feed:
    """Return the feed of a process's event loop; its lock belongs to that loop."""
    for ended in [known for known in _feeds if known.is_closed()]:
        del _feeds[ended]
    if loop not in _feeds:
        _feeds[loop] = Feed(selectors.news_after, start=selectors.newest_place)
    return _feeds[loop]


class WhateverIsAsked(BaseContentNegotiation):
    """An ``EventSource`` asks for text/event-stream, a command line for anything; errors are JSON for both."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        return next(iter(parsers))

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return JSONRenderer(), JSONRenderer.media_type


class StreamView(Door):
    """What changes, live. Events: ``rollout``, ``snapshot``, ``verdict``, ``traffic``, and ``reset``: read everything anew."""

    content_negotiation_class = WhateverIsAsked

    @extend_schema(
        parameters=[
            OpenApiParameter(
                LAST_EVENT_ID,
                OpenApiTypes.STR,
                OpenApiParameter.HEADER,
                description="The id of the last event received: the stream resumes after it.",
            )
        ],
        responses={(200, "text/event-stream"): OpenApiResponse(OpenApiTypes.STR, "Events without end.")},
    )
    def get(self, request: Request) -> HttpResponseBase:
        since = Place.parse(request.headers.get(LAST_EVENT_ID, ""))
        return StreamingHttpResponse(
            _lines_of_this_loop(since),
            content_type="text/event-stream",
            headers={"X-Accel-Buffering": "no"},  # nginx would collect events into blocks
        )


async def _lines_of_this_loop(since: Place | None) -> AsyncIterator[bytes]:
    async for line in lines(feed_of(asyncio.get_running_loop()), since=since):
        yield line
