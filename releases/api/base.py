"""What every view of the API has in common: permissions, limits, idempotency, ETags. No rules of releases live here."""

from __future__ import annotations

import hashlib
from typing import Any

from django.http import HttpResponseBase
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_vary_headers
from rest_framework.permissions import SAFE_METHODS, BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from releases.api import idempotency
from releases.api.pagination import Pages
from releases.api.permissions import HasRole, TokenScope
from releases.api.schema import AutoSchema
from releases.api.throttling import RequestRate
from releases.models.idempotency import IdempotencyKey


class Door(APIView):
    """A view of the API. Mixed into every view and view set."""

    permission_classes: list[type[BasePermission]] = [IsAuthenticated, HasRole, TokenScope]  # type: ignore[assignment]  # the stub says Sequence of unions
    throttle_classes = [RequestRate]
    pagination_class = Pages
    schema = AutoSchema()
    scope = "write"
    reaches_out = False
    claimed: IdempotencyKey | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check who asks, then whether this was asked before. Reading the body here refuses one that is too large."""
        super().initial(request, *args, **kwargs)
        if request.method in SAFE_METHODS:
            return
        len(request._request.body)
        if request.method == "POST":
            self.claimed = idempotency.claim(request, now=timezone.now())

    def handle_exception(self, exc: Exception) -> Response:
        return exc.response if isinstance(exc, idempotency.Replay) else super().handle_exception(exc)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:  # type: ignore[override]  # every view here answers a Response
        if self.claimed is not None:
            idempotency.keep(self.claimed, response, now=timezone.now())
        final: Response = super().finalize_response(request, response, *args, **kwargs)
        patch_vary_headers(final, ["Accept", "Accept-Language", "Authorization", "Cookie"])
        final.headers["Cache-Control"] = "private, no-cache"
        if request.method == "GET" and final.status_code == 200 and hasattr(final, "add_post_render_callback"):
            final.add_post_render_callback(lambda rendered: _conditional(request, rendered))
        return final


def _conditional(request: Request, response: HttpResponseBase) -> HttpResponseBase | None:
    """Give the rendered answer an ETag, and answer 304 when the caller has it already."""
    etag = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'  # type: ignore[attr-defined]  # a rendered answer has content
    response.headers["ETag"] = etag
    return get_conditional_response(request._request, etag=etag, response=response)  # type: ignore[arg-type]  # as above
