"""How the OpenAPI schema is made: what every operation may answer is written once, here."""

from __future__ import annotations

from typing import Any

from drf_spectacular import openapi
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.permissions import SAFE_METHODS

from releases.api.errors import ErrorSerializer

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Sent again with the same body within a day, the same answer comes back and nothing is done twice.",
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

    def _get_response_bodies(self, direction: str = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        writes = self.method not in SAFE_METHODS
        reaches_out = getattr(self.view, "reaches_out", False) or writes
        statuses = [*ALWAYS, *(WITH_BODY if writes else ()), *((BEHIND_US,) if reaches_out else ())]
        for status in statuses:
            bodies.setdefault(status, self._get_response_for_code(ErrorSerializer, status))
        return bodies
