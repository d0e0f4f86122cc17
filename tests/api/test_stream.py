"""The live stream: what is news, who gets it, and how it resumes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection, transaction
from django.http import StreamingHttpResponse
from django.test import AsyncClient
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from releases import flow
from releases.api import stream
from releases.api.stream import Feed, lines
from releases.domain.states import Event
from releases.flow.record import record
from releases.models import MetricSnapshot, Rollout
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
    with django_assert_max_num_queries(8):
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
    def read(place: Place, *, seen: object, told: object = ()) -> News:
        return News(place=place, items=(Item("rollout", {"id": 1}),), complete=False)

    async def look() -> list[dict[str, Any]]:
        return await next_events(lines(Feed(read, start=newest_place), since=Place()), 2)

    assert [event["event"] for event in async_to_sync(look)()] == ["reset", "rollout"]


def snapshot(rollout: Rollout, **columns: Any) -> MetricSnapshot:
    return MetricSnapshot(
        rollout=rollout,
        at=timezone.now(),
        window_seconds=5,
        step=0,
        weight=5,
        stable={},
        candidate={},
        **columns,
    )


def test_every_id_leads_up_to_its_item_and_no_further(world: World) -> None:
    """Whoever stops after any item of a batch, and resumes from its id, still gets all that came after it."""
    start = newest_place()
    rollout = approved(world)
    other = pending(world, service=add_service("product", cluster=world.cluster, policy=world.policy))
    for row in (snapshot(rollout), snapshot(other)):
        row.save()
    flow.perform(other, Event.WITHDRAW, by=actor_for(world.requester), why="Later.")
    flow.perform(rollout, Event.CANCEL, by=actor_for(world.requester), why="Never.")
    items = news_after(start).items
    assert [item.kind for item in items] == ["snapshot", "snapshot", "rollout", "rollout"]
    for number, item in enumerate(items):
        resumed = [(again.kind, again.data["id"]) for again in news_after(item.place).items]
        assert resumed == [(later.kind, later.data["id"]) for later in items[number + 1 :]]


def test_two_items_of_one_event_are_not_parted_by_an_id(world: World) -> None:
    start = newest_place()
    rollout = pending(world)
    with transaction.atomic():
        record("mesh_write", by=actor_for(world.operator), obj=rollout)
    traffic, told = news_after(start, seen={}).items
    assert (traffic.kind, told.kind) == ("traffic", "rollout")
    assert [item.kind for item in news_after(traffic.place, seen={}).items] == ["traffic", "rollout"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(
    "connection.vendor != 'postgresql'", reason="SQLite has one writer: keys are committed in order"
)
def test_a_smaller_key_that_is_committed_later_is_neither_lost_nor_told_twice(world: World) -> None:
    rollout = approved(world)
    feed = Feed(news_after, start=newest_place)
    slow = connection.copy()
    try:

        def told(since: int) -> tuple[int, list[tuple[str, int]], list[Place]]:
            fresh, _complete = async_to_sync(feed.after)(since)
            found = [item for _number, item in fresh if item.kind == "snapshot"]
            return fresh[-1][0] if fresh else since, [item.key for item in found], [i.place for i in found]

        count, keys, _places = told(0)
        assert keys == []
        slow.set_autocommit(False)
        with slow.cursor() as cursor:
            cursor.execute("SELECT nextval('releases_metricsnapshot_id_seq'), pg_current_xact_id()")
            smaller = cursor.fetchone()[0]
        larger = snapshot(rollout)
        larger.save()
        assert larger.pk > smaller
        count, keys, (place,) = told(count)
        assert keys == [("snapshot", larger.pk)]
        assert place.snapshot < smaller, "a page that resumes there reads the smaller key, too"
        with slow.cursor() as cursor:
            cursor.execute(
                "INSERT INTO releases_metricsnapshot SELECT (jsonb_populate_record(s, %s)).* FROM releases_metricsnapshot s",
                [json.dumps({"id": smaller, "at": "2026-01-01T00:00:00Z"})],
            )
        assert told(count)[1] == []
        slow.commit()
        count, keys, _places = told(count)
        assert keys == [("snapshot", smaller)]
        assert told(count)[1] == []
        newest = snapshot(rollout)
        newest.save()
        count, keys, (place,) = told(count)
        assert keys == [("snapshot", newest.pk)]
        assert place.snapshot >= larger.pk, "what is settled is not told again to who resumes"
        again = [item.key for item in news_after(place).items if item.kind == "snapshot"]
        assert again in ([("snapshot", newest.pk)], [])
    finally:
        slow.close()


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
