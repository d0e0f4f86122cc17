"""How many requests one caller may send."""

from __future__ import annotations

import logging
import time

from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from releases.models import ApiToken

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 10
REQUESTS_PER_WINDOW = 600


class RequestRate(BaseThrottle):
    """At most 600 requests in each window of 10 s, per token, else per person, else per address.

    One counter and one round trip to the cache. When the cache is away everybody is let in: the portal must
    not stop rollbacks because Redis has stopped.
    """

    def allow_request(self, request: Request, view: APIView) -> bool:
        window = int(time.time()) // WINDOW_SECONDS
        key = f"rate:{self._caller(request)}:{window}"
        try:
            cache.add(key, 0, timeout=2 * WINDOW_SECONDS)
            return cache.incr(key) <= REQUESTS_PER_WINDOW
        except (RedisError, ValueError):  # ValueError: the counter expired between the two calls
            logger.warning("The cache does not answer; requests are not counted.")
            return True

    def wait(self) -> float:
        """Seconds until the next window."""
        return WINDOW_SECONDS - time.time() % WINDOW_SECONDS

    def _caller(self, request: Request) -> str:
        if isinstance(request.auth, ApiToken):
            return f"token-{request.auth.pk}"
        return (
            f"user-{request.user.pk}"
            if request.user.is_authenticated
            else f"address-{request.META.get('REMOTE_ADDR', '')}"
        )
