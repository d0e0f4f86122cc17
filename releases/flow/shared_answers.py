"""Answers of the outside that somebody got a moment ago, shared by every worker through the cache.

A cache that does not answer costs a question each and stops nothing. Failures are never shared.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.core.cache import cache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")


def shared(key: str, ask: Callable[[], Answer], *, seconds: int = 10) -> Answer:
    """Return the answer somebody got for this key a moment ago, or ask. Without the cache everybody asks."""
    known: Answer | None = kept(key)
    if known is not None:
        return known
    answer = ask()
    keep({key: answer}, seconds=seconds)
    return answer


def kept(key: str) -> Any:
    """Return what was kept under this key, or None."""
    try:
        return cache.get(key)
    except RedisError:
        logger.warning("The cache does not answer; %s is not shared.", key)
        return None


def keep(answers: Mapping[str, Any], *, seconds: int) -> None:
    """Keep each answer under its key for so long, in one go."""
    try:
        cache.set_many(dict(answers), timeout=seconds)
    except RedisError:
        logger.warning("The cache does not answer; %d answers are not shared.", len(answers))
