"""Middleware that belongs to no single door."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from portal.proxies import client_address, is_trusted, read_address

_SAFE = re.compile(r"[\w.:-]{1,64}")


def _take(request: HttpRequest) -> str:
    """Keep a well-formed ``X-Request-Id`` of the caller, so that its log and our audit trail can be joined."""
    given = request.headers.get("X-Request-Id", "")
    return given if _SAFE.fullmatch(given) else uuid.uuid4().hex


class ClientAddressMiddleware:
    """Make ``REMOTE_ADDR`` the caller's address, where ``WEIR_TRUSTED_PROXIES`` says which proxies are believed.

    The audit trail and the limits read ``REMOTE_ADDR`` and no header. From a peer that is no trusted proxy,
    ``X-Forwarded-Proto`` is not taken either, once proxies are named.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        peer, trusted = str(request.META.get("REMOTE_ADDR") or ""), settings.TRUSTED_PROXIES
        forwarded = request.META.pop("HTTP_X_FORWARDED_FOR", "")
        address = read_address(peer)
        if trusted and (address is None or not is_trusted(address, trusted=trusted)):
            request.META.pop("HTTP_X_FORWARDED_PROTO", None)
        request.META["REMOTE_ADDR"] = client_address(peer, forwarded=forwarded, trusted=trusted)
        return self.get_response(request)


class RequestIdMiddleware:
    """Give each request an id: ``request.META["weir.request_id"]``, answered as ``X-Request-Id``."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.META["weir.request_id"] = _take(request)
        response = self.get_response(request)
        response.headers["X-Request-Id"] = request.META["weir.request_id"]
        return response
