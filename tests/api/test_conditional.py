"""What the caller already has is not sent again."""

from __future__ import annotations

from collections.abc import Callable

from rest_framework.test import APIClient

from services.models import Service
from tests.api.conftest import World

Bearer = Callable[..., APIClient]
SERVICES = "/api/v1/services/"


def test_an_unchanged_answer_is_304_and_empty(world: World, bearer: Bearer) -> None:
    client = bearer(world.viewer)
    first = client.get(SERVICES)
    second = client.get(SERVICES, headers={"if-none-match": first.headers["ETag"]})
    assert second.status_code == 304
    assert second.content == b""
    assert second.headers["ETag"] == first.headers["ETag"]


def test_a_change_changes_the_etag(world: World, bearer: Bearer) -> None:
    client = bearer(world.viewer)
    first = client.get(SERVICES)
    Service.objects.update(title="Orders")
    second = client.get(SERVICES, headers={"if-none-match": first.headers["ETag"]})
    assert second.status_code == 200
    assert second.headers["ETag"] != first.headers["ETag"]


def test_no_cache_between_keeps_an_answer_for_somebody_else(world: World, bearer: Bearer) -> None:
    answer = bearer(world.viewer).get(SERVICES)
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert {"Authorization", "Cookie", "Accept-Language"} <= set(answer.headers["Vary"].split(", "))


def test_a_refusal_has_no_etag(world: World, bearer: Bearer) -> None:
    assert "ETag" not in bearer(world.viewer).get(f"{SERVICES}999999/").headers
