"""What every view of the API has in common: permissions, limits, idempotency, ETags. No rules of releases
live here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

from django.db.models import Model
from django.http import HttpResponseBase
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_vary_headers
from rest_framework import serializers, viewsets
from rest_framework.exceptions import APIException
from rest_framework.permissions import SAFE_METHODS, BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from releases import flow
from releases.api import idempotency
from releases.api.actors import actor_of
from releases.api.authentication import BearerAuthentication, PortalSession
from releases.api.pagination import Pages
from releases.api.permissions import HasRole, MayCause, TokenScope, Wanted, granted_by
from releases.api.schema import AutoSchema
from releases.api.throttling import RequestRate
from releases.models import User
from releases.models.idempotency import IdempotencyKey

Row = TypeVar("Row", bound=Model)


class Door(APIView):
    """A view of the API. Mixed into every view and view set."""

    authentication_classes = [BearerAuthentication, PortalSession]
    permission_classes: list[type[BasePermission]] = [IsAuthenticated, HasRole, TokenScope, MayCause]
    throttle_classes = [RequestRate]
    schema = AutoSchema()
    scope = "write"
    grants: Mapping[str, Wanted] = {}
    """What somebody must be granted for each action (method of a plain view), any one of it; what is not here asks itself."""
    reaches_out = False
    claimed: IdempotencyKey | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check who asks, then whether this was asked before."""
        super().initial(request, *args, **kwargs)
        if request.method in SAFE_METHODS:
            return
        len(request._request.body)  # Django refuses here what is too large; parsers read past its limit
        if request.method == "POST":
            self.claimed = idempotency.claim(request, now=timezone.now())

    def given(
        self, request: Request, *, taken_as: type[serializers.Serializer[Any]], first: Callable[[], None]
    ) -> dict[str, Any]:
        """Return what was sent, checked. What stands against the act itself (``first`` raises it) is said before what is
        wrong with the input.
        """
        try:
            read = taken_as(data=request.data)
            read.is_valid(raise_exception=True)
        except APIException:
            first()
            raise
        return dict(read.validated_data)

    def permission_denied(
        self, request: Request, message: str | None = None, code: str | None = None
    ) -> NoReturn:
        """Refuse, and write it to the audit trail when a known person tried to change something."""
        if request.method not in SAFE_METHODS and isinstance(request.user, User):
            about = self.refused_object() or request.user
            flow.record_refusal(
                by=actor_of(request), action=self.refused_action(), obj=about, why=str(message or "")
            )
        super().permission_denied(request, message=message, code=code)

    def refused_object(self) -> Model | None:
        """What the refused request was about, where the view knows it."""
        return None

    def refused_action(self) -> str:
        wanted = granted_by(self, self.request)
        return wanted[0].value if wanted else f"api_{(self.request.method or '').lower()}"

    def handle_exception(self, exc: Exception) -> Response:
        return exc.response if isinstance(exc, idempotency.Replay) else super().handle_exception(exc)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        if self.claimed is not None:
            idempotency.keep(self.claimed, response, now=timezone.now())
        final: Response = super().finalize_response(request, response, *args, **kwargs)
        patch_vary_headers(final, ["Accept", "Accept-Language", "Authorization", "Cookie"])
        final.headers["Cache-Control"] = "private, no-cache"
        if (
            request.method == "GET"
            and final.status_code == 200
            and hasattr(final, "add_post_render_callback")
        ):
            final.add_post_render_callback(lambda rendered: _conditional(request, rendered))
        return final


class Noun(Door, viewsets.GenericViewSet[Row]):
    """The rows of one kind: paged, addressed by their number."""

    pagination_class = Pages
    lookup_value_converter = "int"
    ordering = "id"


def _conditional(request: Request, response: HttpResponseBase) -> HttpResponseBase | None:
    """Give the rendered answer an ETag, and answer 304 when the caller has it already."""
    etag = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'  # type: ignore[attr-defined]  # a rendered answer has content
    response.headers["ETag"] = etag
    return get_conditional_response(request._request, etag=etag, response=response)  # type: ignore[arg-type]  # as above
