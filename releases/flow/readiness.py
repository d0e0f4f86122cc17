"""What a request must show before anybody is asked to approve it. Reads the mesh and Prometheus; changes nothing."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from istio.checks import Finding, Severity
from istio.checks.request import NO_WAY_BACK, UNMEASURED
from istio.mesh import Manifest, Rejected
from istio.telemetry import TelemetryError
from releases.domain import Blocked
from releases.flow.conclude import roll_back_document
from releases.flow.evidence_pack import recent_counts
from releases.models import Rollout
from releases.said import said_of
from services.connections import mesh_of


def check_measured(rollout: Rollout, *, now: datetime) -> None:
    """Refuse a service that nobody could guard: no guard metric had data in the last hour. Raises Blocked."""
    try:
        counts = recent_counts(rollout.service, now=now)
        found = any(version.requests > 0 for version in counts.values())
        said = ""
    except TelemetryError as error:
        found, said = False, f" {said_of(error)}"
    if not found:
        message = _(
            "No guard metric of %(service)s had data in the last hour, so nothing could be judged."
        ) % {"service": rollout.service}
        raise _blocked(UNMEASURED.code, path="/metrics", message=message + said)


def rehearse_roll_back(rollout: Rollout, *, virtual_service: Manifest) -> None:
    """Let the API server try the write that would roll back, and store nothing. Raises Blocked, MeshError."""
    document, _note = roll_back_document(rollout, live=virtual_service)
    try:
        mesh_of(rollout.service.cluster).put(document, dry_run=True)
    except Rejected as error:
        message = _("The rollback could not be written, so nothing may begin: %(error)s") % {
            "error": said_of(error)
        }
        raise _blocked(
            NO_WAY_BACK.code, path=str(rollout.service.virtual_service_ref), message=message
        ) from error


def _blocked(code: str, *, path: str, message: str) -> Blocked:
    return Blocked(
        message, findings=[Finding(code=code, severity=Severity.ERROR, path=path, message=message)]
    )
