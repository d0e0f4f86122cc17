"""``stream/``: what changes, as server-sent events, for as long as somebody looks.

One read a second serves every page that this process streams to. An event's id is the place in the tables after it and everything
sent before it, so that ``Last-Event-ID`` resumes on any process, after a restart, too, and misses nothing.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import replace
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
OVERLAP = 50
"""So many keys before the newest may still be uncommitted when a process begins to read."""
LAST_EVENT_ID = "Last-Event-ID"


class Feed:
    """The news of one process. ``read`` answers ``selectors.news_after``, in a thread.

    ``settled`` is the place that ids may lead up to: see ``selectors.news``. What is read beyond it is told once here, and
    told again to who resumes elsewhere, rather than never.
    """

    def __init__(self, read: Callable[..., News], *, start: Callable[[], Place]) -> None:
        self._read, self._start = read, start
        self._news: News | None = None
        self._read_at = 0.0
        self._recent: deque[tuple[int, Item]] = deque(maxlen=REMEMBERED)
        self._count = 0
        self._lock = asyncio.Lock()
        self._settled = Place()
        self._unsettled: deque[News] = deque()
        self._told: set[tuple[str, int]] = set()

    async def begin(self, since: Place | None) -> tuple[int, tuple[Item, ...], Place, bool]:
        """Return the number to go on from, what was missed since, the place reached, and whether that is everything."""
        await self._refresh()
        assert self._news is not None  # noqa: S101 - narrows the type; a refresh leaves news behind
        count, place, settled = self._count, self._news.place, self._settled
        missed = await _in_thread(self._read, since or place, seen=None)
        return count, tuple(_held(missed.items, settled)), place.up_to(settled), missed.complete

    async def after(self, count: int) -> tuple[list[tuple[int, Item]], bool]:
        """Return the items since number ``count``, and whether none was forgotten meanwhile."""
        await self._refresh()
        fresh = [entry for entry in self._recent if entry[0] > count]
        return fresh, self._count - count <= len(fresh)

    async def _refresh(self) -> None:
        async with self._lock:
            if time.monotonic() - self._read_at < READ_EVERY_SECONDS:
                return
            if self._news is None:
                self._settled = (await _in_thread(self._start)).back(OVERLAP)
                news = await _in_thread(self._read, self._settled, seen=None)
            else:
                place = self._news.place.up_to(self._settled)
                news = await _in_thread(self._read, place, seen=self._news.seen, told=self._told)
            self._settle(news)
            if self._news is not None:
                for item in _held(news.items, self._settled):
                    self._count += 1
                    self._recent.append((self._count, item))
            self._told |= {item.key for item in news.items if item.kind in _MEASURED}
            self._told = {key for key in self._told if key[1] > getattr(self._settled, key[0])}
            self._news = news
            self._read_at = time.monotonic()

    def _settle(self, news: News) -> None:
        """Go on to the newest place before which nothing can be committed any more.

        A transaction gets its number a moment after its first key, so what was read just now waits for the next read.
        """
        while self._unsettled and self._unsettled[0].horizon.coming <= news.horizon.oldest:
            self._settled = self._unsettled.popleft().place
        if not news.horizon.coming:
            self._settled = news.place
        elif news.place != (self._unsettled[-1].place if self._unsettled else self._settled):
            self._unsettled.append(News(place=news.place, horizon=news.horizon))


_MEASURED = ("snapshot", "verdict")


def _held(items: Iterable[Item], settled: Place) -> Iterator[Item]:
    """Return the items with ids that lead no further than what is settled."""
    return (replace(item, place=item.place.up_to(settled)) for item in items)


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
        yield _event(item.kind, item.data, place=item.place)
    sent_at = time.monotonic()
    while True:
        fresh, complete = await feed.after(count)
        if not complete:
            yield _event("reset", {}, place=fresh[0][1].place if fresh else place)
        for number, item in fresh:
            count, sent_at = number, time.monotonic()
            yield _event(item.kind, item.data, place=item.place)
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
