"""A caller has a rate; it is above 20 requests a second, and losing the cache locks nobody out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.cache.backends.locmem import LocMemCache
from redis.exceptions import ConnectionError as RedisConnectionError
from rest_framework.test import APIClient

from releases.api import throttling
from tests.api.conftest import World

Bearer = Callable[..., APIClient]
ME = "/api/v1/me/"


def test_the_rate_is_at_least_twenty_a_second() -> None:
    assert throttling.REQUESTS_PER_WINDOW / throttling.WINDOW_SECONDS >= 20


def test_beyond_the_rate_a_token_waits(world: World, bearer: Bearer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling, "REQUESTS_PER_WINDOW", 2)
    monkeypatch.setattr(throttling, "WINDOW_SECONDS", 3600)
    first, second = bearer(world.viewer), bearer(world.requester)
    answers = [first.get(ME) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["code"] == "throttled"
    assert 0 < int(answers[2].headers["Retry-After"]) <= 3600
    assert second.get(ME).status_code == 200


def test_without_the_cache_everybody_is_let_in(
    world: World, bearer: Bearer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RedisConnectionError("refused")

    monkeypatch.setattr(LocMemCache, "incr", refuse)
    assert bearer(world.viewer).get(ME).status_code == 200
    assert "cache does not answer" in caplog.text
