"""One exception handler, one shape: ``{"type", "code", "detail", "errors": [{"code", "detail", "attr"}]}``.

``type`` is ``validation_error``, ``client_error`` or ``server_error``. ``code`` is for programs, ``detail``
for people. Nothing else in the API builds an error answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from django.core.exceptions import RequestDataTooBig
from django.utils.translation import gettext_lazy as _
from drf_standardized_errors.formatter import flatten_errors
from drf_standardized_errors.handler import ExceptionHandler
from drf_standardized_errors.types import ExceptionHandlerContext
from rest_framework import exceptions, serializers, status
from rest_framework.response import Response
from rest_framework.settings import api_settings

from istio import mesh
from istio.documents import TrafficError
from istio.mesh import MeshError
from istio.telemetry import TelemetryError
from releases.domain import BadPlan, Blocked, DomainError, IllegalMove, LostRace, NotAllowed, Stale
from releases.said import said, said_of

STATUSES: Mapping[type[Exception], int] = {
    BadPlan: status.HTTP_400_BAD_REQUEST,
    NotAllowed: status.HTTP_403_FORBIDDEN,
    IllegalMove: status.HTTP_409_CONFLICT,
    LostRace: status.HTTP_409_CONFLICT,
    Stale: status.HTTP_409_CONFLICT,
    Blocked: status.HTTP_422_UNPROCESSABLE_ENTITY,
    DomainError: status.HTTP_409_CONFLICT,
    TrafficError: status.HTTP_422_UNPROCESSABLE_ENTITY,
    MeshError: status.HTTP_502_BAD_GATEWAY,
    TelemetryError: status.HTTP_502_BAD_GATEWAY,
    RequestDataTooBig: status.HTTP_413_REQUEST_ENTITY_TOO_LARGE,
}
"""The status of each error of the lower floors. The first class that fits counts, so roots stand after their
children.
"""

MESH_CODES: Mapping[type[MeshError], str] = {
    mesh.NotFound: "mesh_not_found",
    mesh.Conflict: "mesh_conflict",
    mesh.Rejected: "mesh_rejected",
    mesh.Unreachable: "mesh_unreachable",
}


class Item(TypedDict):
    """One thing that is wrong. ``attr`` is the path of the field (``steps.2.weight``) or of the object, or
    null.
    """

    code: str
    detail: str
    attr: str | None


class Refusal(exceptions.APIException):
    """An error of a lower floor on its way out."""

    def __init__(self, *, status_code: int, code: str, detail: str, items: Sequence[Item] = ()) -> None:
        super().__init__(detail=detail, code=code)
        self.status_code = status_code
        self.items = list(items) or [Item(code=code, detail=detail, attr=None)]


class ErrorItemSerializer(serializers.Serializer[Item]):
    code = serializers.CharField()
    detail = serializers.CharField()
    attr = serializers.CharField(allow_null=True)


class ErrorSerializer(serializers.Serializer[dict[str, Any]]):
    """The body of every answer from 400 on."""

    type = serializers.ChoiceField(choices=["validation_error", "client_error", "server_error"])
    code = serializers.CharField()
    detail = serializers.CharField()
    errors = ErrorItemSerializer(many=True)  # type: ignore[assignment]  # the answer's, not the serializer's


def as_refusal(error: Exception) -> Refusal | None:
    """Return what the API answers to an error of a lower floor, or None for an error of somebody else."""
    found = next((code for kind, code in STATUSES.items() if isinstance(error, kind)), None)
    if found is None:
        return None
    code, detail = _code_of(error), said_of(error)
    if isinstance(error, RequestDataTooBig):
        detail = str(_("The body of the request is too large."))
    items: list[Item] = []
    if isinstance(error, BadPlan) and error.field:
        items = [Item(code=code, detail=detail, attr=_path(error.field))]
    if isinstance(error, Blocked):
        items = [
            Item(code=finding.code, detail=said(finding.message), attr=finding.path)
            for finding in error.findings
        ]
    return Refusal(status_code=found, code=code, detail=detail, items=items)


def exception_handler(error: Exception, context: ExceptionHandlerContext) -> Response | None:
    """Answer any error of a view. Named in the settings."""
    return _Handler(error, context).run()


class _Handler(ExceptionHandler):
    """The package reports and logs; the shape is ours."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        return as_refusal(exc) or super().convert_known_exceptions(exc)

    def report_exception(self, exc: exceptions.APIException, response: Response) -> None:
        """Report what is a fault of ours; a cluster or Prometheus that is away is told, not reported."""
        if not isinstance(exc, Refusal):
            super().report_exception(exc, response)

    def format_exception(self, exc: exceptions.APIException) -> dict[str, Any]:
        items = exc.items if isinstance(exc, Refusal) else _items_of(exc)
        first = items[0] if items else Item(code=exc.default_code, detail=str(exc.default_detail), attr=None)
        invalid = isinstance(exc, exceptions.ValidationError)
        return {
            "type": _type_of(exc),
            "code": "invalid" if invalid else _top_code(exc) or first["code"],
            "detail": str(exc.detail) if isinstance(exc, Refusal) else first["detail"],
            "errors": items,
        }


def _type_of(error: exceptions.APIException) -> str:
    if error.status_code >= 500:
        return "server_error"
    return (
        "validation_error"
        if error.status_code == status.HTTP_400_BAD_REQUEST and not _unreadable(error)
        else "client_error"
    )


def _unreadable(error: exceptions.APIException) -> bool:
    return isinstance(error, exceptions.ParseError)


def _top_code(error: exceptions.APIException) -> str:
    codes = error.get_codes()
    return codes if isinstance(codes, str) else ""


def _items_of(error: exceptions.APIException) -> list[Item]:
    """Return the error's parts; what concerns a list or the whole body is named by it alone."""
    found = flatten_errors(error.detail)
    return [Item(code=item.code, detail=item.detail, attr=_owner(item.attr)) for item in found]


def _owner(attr: str | None) -> str | None:
    whole = api_settings.NON_FIELD_ERRORS_KEY
    return None if attr in {None, whole} else str(attr).removesuffix(f".{whole}")


def _code_of(error: Exception) -> str:
    if isinstance(error, MeshError):
        return next((code for kind, code in MESH_CODES.items() if isinstance(error, kind)), "mesh_error")
    if isinstance(error, TelemetryError):
        return "metrics_unreachable"
    if isinstance(error, RequestDataTooBig):
        return "too_large"
    code: str = getattr(error, "code", "refused")
    return code


def _path(field: str) -> str:
    """Write ``steps[2].weight`` as serializers do: ``steps.2.weight``."""
    return field.replace("[", ".").replace("]", "")
