"""Middleware that belongs to no single door."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

_SAFE = re.compile(r"[\w.:-]{1,64}")


def _take(request: HttpRequest) -> str:
    """Keep a well-formed ``X-Request-Id`` of the caller, so that its log and our audit trail can be joined."""
    given = request.headers.get("X-Request-Id", "")
    return given if _SAFE.fullmatch(given) else uuid.uuid4().hex


class RequestIdMiddleware:
    """Give each request an id: ``request.META["weir.request_id"]``, answered as ``X-Request-Id``."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.META["weir.request_id"] = _take(request)
        response = self.get_response(request)
        response.headers["X-Request-Id"] = request.META["weir.request_id"]
        return response
