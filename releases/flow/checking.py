"""The facts the checks of ``istio.checks`` want, read from the cluster once, and the findings they lead to."""

from __future__ import annotations

from istio.checks import Finding
from istio.mesh import DEPLOYMENT, DESTINATION_RULE, GATEWAY, SERVICE, VIRTUAL_SERVICE, Manifest
from releases.models import Rollout
from services.connections import mesh_of
from services.models import Service


def baseline_of(service: Service) -> dict[str, Manifest]:
    """Read the objects of a service as they are now. Raises MeshError."""
    mesh = mesh_of(service.cluster)
    return {
        "virtual_service": mesh.get(service.virtual_service_ref),
        "destination_rule": mesh.get(service.destination_rule_ref),
    }
