"""Refusals as Kubernetes says them: one exception that knows how to become a ``Status`` object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deploy.lab.kubeapi.kinds import Json, Kind


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason inside a refusal. ``field`` is a path such as ``spec.http[0].route[1].weight``."""

    reason: str
    message: str
    field: str = ""

    def as_json(self) -> Json:
        """Return the cause as it stands in ``status.details.causes``."""
        cause: Json = {"reason": self.reason, "message": self.message}
        return {**cause, "field": self.field} if self.field else cause


class ApiFailure(Exception):
    """The request is refused. ``status`` is the HTTP code, ``reason`` Kubernetes' word for it."""

    def __init__(self, status: int, reason: str, message: str, *, details: Json | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.details = details

    def as_json(self) -> Json:
        """Return the ``Status`` object that clients parse."""
        body: Json = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": str(self),
            "reason": self.reason,
            "code": self.status,
        }
        return {**body, "details": self.details} if self.details else body


def _details(kind: Kind, name: str, *, causes: Sequence[Cause] = (), by_kind: bool = False) -> Json:
    details: Json = {"kind": kind.name if by_kind else kind.plural}
    if name:
        details["name"] = name
    if kind.group:
        details["group"] = kind.group
    if causes:
        details["causes"] = [cause.as_json() for cause in causes]
    return details


def not_found(kind: Kind, name: str) -> ApiFailure:
    """Say that the object is not there."""
    return ApiFailure(404, "NotFound", f'{kind.key} "{name}" not found', details=_details(kind, name))


def unknown_path() -> ApiFailure:
    """Say that nothing is served at this path."""
    return ApiFailure(404, "NotFound", "the server could not find the requested resource", details={})


def already_exists(kind: Kind, name: str) -> ApiFailure:
    """Say that a create found the name taken."""
    return ApiFailure(
        409, "AlreadyExists", f'{kind.key} "{name}" already exists', details=_details(kind, name)
    )


def conflict(kind: Kind, name: str, why: str) -> ApiFailure:
    """Say that an optimistic write lost."""
    message = f'Operation cannot be fulfilled on {kind.key} "{name}": {why}'
    return ApiFailure(409, "Conflict", message, details=_details(kind, name))


def stale(kind: Kind, name: str) -> ApiFailure:
    """Say that the resourceVersion of a write is not the live one."""
    why = "the object has been modified; please apply your changes to the latest version and try again"
    return conflict(kind, name, why)


def ownership_conflict(kind: Kind, name: str, causes: Sequence[Cause]) -> ApiFailure:
    """Say whose fields a server-side apply would take."""
    count = len(causes)
    lead = f"Apply failed with {count} conflict{'s' if count != 1 else ''}: "
    message = lead + "; ".join(f"{cause.message}: {cause.field}" for cause in causes)
    return ApiFailure(409, "Conflict", message, details=_details(kind, name, causes=causes))


def invalid(kind: Kind, name: str, causes: Sequence[Cause]) -> ApiFailure:
    """Say which fields break the schema or a rule: 422, one cause each."""
    listed = [f"{cause.field}: {cause.message}" for cause in causes]
    text = listed[0] if len(listed) == 1 else f"[{', '.join(listed)}]"
    who = f"{kind.name}.{kind.group}" if kind.group else kind.name
    details = _details(kind, name, causes=causes, by_kind=True)
    return ApiFailure(422, "Invalid", f'{who} "{name}" is invalid: {text}', details=details)


def bad_request(message: str) -> ApiFailure:
    """Say that the request itself cannot be read or makes no sense."""
    return ApiFailure(400, "BadRequest", message)


def unsupported_media(message: str) -> ApiFailure:
    """Say that the body comes in a form that is not read here."""
    return ApiFailure(415, "UnsupportedMediaType", message)


def too_large(message: str) -> ApiFailure:
    """Say that a body or an object is over the limit."""
    return ApiFailure(413, "RequestEntityTooLarge", message)


def expired(wanted: int, oldest: int) -> ApiFailure:
    """Say that a watch asks for history that is gone; clients list again."""
    return ApiFailure(410, "Expired", f"too old resource version: {wanted} ({oldest})")
