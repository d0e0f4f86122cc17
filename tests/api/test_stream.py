"""The live stream: what is news, who gets it, and how it resumes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.http import StreamingHttpResponse
from django.test import AsyncClient
from pytest_django import DjangoAssertNumQueries

from releases import flow
from releases.api import stream
from releases.api.stream import Feed, lines
from releases.domain.states import Event
from releases.selectors import Item, News, Place, newest_place, news_after
from tests.api.conftest import World, actor_for, add_service, approved, pending, secret_of


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "READ_EVERY_SECONDS", 0.0)


async def next_events(source: AsyncIterator[bytes], number: int) -> list[dict[str, Any]]:
    """Read so many events; comments and the retry line are none."""
    found: list[dict[str, Any]] = []
    async for block in source:
        fields = dict(line.split(": ", 1) for line in block.decode().splitlines() if ": " in line)
        if "event" in fields:
            found.append({"id": fields["id"], "event": fields["event"], "data": json.loads(fields["data"])})
        if len(found) == number:
            break
    return found


@pytest.mark.parametrize("text", ["", "1", "1.2", "1.2.x", "1.2.-3", "1.2.3.4", "9" * 30 + ".1.1", "٣.1.1"])
def test_a_place_made_up_is_no_place(text: str) -> None:
    assert Place.parse(text) is None


def test_a_place_is_read_back() -> None:
    assert Place.parse(str(Place(seq=7, snapshot=8, verdict=9))) == Place(seq=7, snapshot=8, verdict=9)


def test_an_act_is_news_of_its_rollout(world: World) -> None:
    rollout = pending(world)
    before = news_after(newest_place(), seen=None)
    flow.perform(rollout, Event.WITHDRAW, by=actor_for(world.requester), why="Later.")
    news = news_after(before.place, seen=before.seen)
    assert [(item.kind, item.data["id"], item.data["state"]) for item in news.items] == [
        ("rollout", rollout.pk, "draft")
    ]
    assert news_after(news.place, seen=news.seen).items == ()


def test_another_reason_is_news_though_no_event_was_written(world: World) -> None:
    rollout = approved(world)
    before = news_after(newest_place(), seen=None)
    type(rollout).objects.filter(pk=rollout.pk).update(reason_code="mesh_unreachable")
    (item,) = news_after(before.place, seen=before.seen).items
    assert item.data["reason_code"] == "mesh_unreachable"


def test_news_cost_the_same_for_one_and_many(
    world: World, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    start = newest_place()
    approved(world)
    for name in ("product", "payment"):
        add_service(name, cluster=world.cluster, policy=world.policy)
    with django_assert_max_num_queries(7):
        assert news_after(start, seen=None).items


def test_a_page_gets_what_happens_while_it_looks(world: World) -> None:
    rollout = pending(world)

    async def look() -> list[dict[str, Any]]:
        source = lines(Feed(news_after, start=newest_place), since=None)
        first = await next_events(source, 1)
        await stream._in_thread(
            flow.perform, rollout, Event.WITHDRAW, by=actor_for(world.requester), why="Later."
        )
        return first + await next_events(source, 1)

    first, second = async_to_sync(look)()
    assert (first["event"], first["data"]["state"]) == ("rollout", "pending")
    assert (second["event"], second["data"]["state"]) == ("rollout", "draft")
    assert first["id"] != second["id"]


def test_a_page_that_was_away_gets_what_it_missed(world: World) -> None:
    rollout = pending(world)
    left_at = newest_place()
    flow.perform(rollout, Event.WITHDRAW, by=actor_for(world.requester), why="Later.")

    async def look() -> list[dict[str, Any]]:
        return await next_events(lines(Feed(news_after, start=newest_place), since=left_at), 1)

    (event,) = async_to_sync(look)()
    assert event["data"] == {**event["data"], "id": rollout.pk, "state": "draft"}


def test_who_is_too_far_behind_is_told_to_read_everything(world: World) -> None:
    def read(place: Place, *, seen: object) -> News:
        return News(place=place, items=(Item("rollout", {"id": 1}),), complete=False)

    async def look() -> list[dict[str, Any]]:
        return await next_events(lines(Feed(read, start=newest_place), since=Place()), 2)

    assert [event["event"] for event in async_to_sync(look)()] == ["reset", "rollout"]


def test_all_pages_of_a_process_share_one_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "READ_EVERY_SECONDS", 3600.0)
    reads: list[Place] = []

    def read(place: Place, *, seen: object) -> News:
        reads.append(place)
        return News(place=place)

    async def look() -> None:
        feed = Feed(read, start=newest_place)
        for _ in range(20):
            await feed.after(0)

    async_to_sync(look)()
    assert len(reads) == 1


def test_the_stream_needs_a_person(world: World) -> None:
    answer = async_to_sync(AsyncClient().get)("/api/v1/stream/", headers={"accept": "text/event-stream"})
    assert answer.status_code in {401, 403}
    assert answer["Content-Type"] == "application/json"


def test_the_stream_over_http(world: World, bearer: Callable[..., Any]) -> None:
    rollout = pending(world)
    headers = {"authorization": f"Bearer {secret_of(world.viewer)}", "accept": "text/event-stream"}

    async def look() -> tuple[str, list[dict[str, Any]]]:
        answer = await AsyncClient().get("/api/v1/stream/", headers=headers)
        assert isinstance(answer, StreamingHttpResponse)
        return answer["Content-Type"], await next_events(answer.__aiter__(), 1)

    kind, (event,) = async_to_sync(look)()
    assert kind == "text/event-stream"
    assert event["data"]["id"] == rollout.pk
