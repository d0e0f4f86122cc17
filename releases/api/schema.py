"""How the OpenAPI schema is made: what every operation may answer is written once, here."""

from __future__ import annotations

from typing import Any, Literal

from django.conf import settings
from drf_spectacular import openapi
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.permissions import SAFE_METHODS

from releases.api.errors import ErrorSerializer

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Sent again with the same body within a day: the first answer again, nothing done twice.",
)
ALWAYS = ("400", "401", "403", "404", "406", "429")
WITH_BODY = ("409", "413", "415", "422")
BEHIND_US = "502"


class AutoSchema(openapi.AutoSchema):
    """Adds the errors that every operation can answer, and the header that every POST takes.

    A view that reads the mesh or Prometheus says so with ``reaches_out = True`` and gets 502 as well.
    """

    def get_override_parameters(self) -> list[Any]:
        given = list(super().get_override_parameters())
        return [*given, IDEMPOTENCY_KEY] if self.method == "POST" else given

    def _get_parameters(self) -> list[dict[str, Any]]:
        """What may be left out of a query may be sent empty, as forms do: it asks for nothing then."""
        parameters: list[dict[str, Any]] = super()._get_parameters()
        for parameter in parameters:
            if parameter["in"] == "query" and not parameter.get("required"):
                parameter["allowEmptyValue"] = True
        return parameters

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        writes = self.method not in SAFE_METHODS
        reaches_out = getattr(self.view, "reaches_out", False) or writes
        statuses = [*ALWAYS, *(WITH_BODY if writes else ()), *((BEHIND_US,) if reaches_out else ())]
        for status in statuses:
            body = self._get_response_for_code(ErrorSerializer, status)  # type: ignore[no-untyped-call]  # as above
            bodies.setdefault(status, body)
        return bodies


class EventSchema(AutoSchema):
    """One operation per event: the view's own input in, the rollout out."""

    view: Any

    def get_request_serializer(self) -> Any:
        return self.view.input_class

    def get_response_serializers(self) -> Any:
        return self.view.output_class

    def get_description(self) -> str:  # type: ignore[override]  # as drf-spectacular calls it
        return str(self.view.input_class.__doc__)


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # the base registers it
    """How the schema describes bearer tokens."""

    target_class = "releases.api.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: openapi.AutoSchema) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A token of a person, with the scopes read, write and approve.",
        }


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # the base registers it
    """How the schema describes the session."""

    target_class = "releases.api.authentication.PortalSession"
    name = "session"

    def get_security_definition(self, auto_schema: openapi.AutoSchema) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}
