"""The facts the checks of ``istio.checks`` want, read from the cluster once, and the findings they lead to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from istio.checks import CheckFacts, Finding, run_checks
from istio.mesh import DEPLOYMENT, DESTINATION_RULE, GATEWAY, SERVICE, VIRTUAL_SERVICE, Manifest
from releases.flow.content import Rendered, rendered_steps, with_candidate_subset
from releases.models import Rollout, TrafficChange
from services.connections import mesh_of
from services.models import Service

Surroundings = Mapping[str, Sequence[Manifest]]
"""The live objects of a service's namespace by kind."""

KINDS = (VIRTUAL_SERVICE, DESTINATION_RULE, GATEWAY, SERVICE, DEPLOYMENT)
"""What the checks look at."""


def baseline_of(service: Service) -> dict[str, Manifest]:
    """Read the objects of a service as they are now. Raises MeshError."""
    mesh = mesh_of(service.cluster)
    return {
        "virtual_service": mesh.get(service.virtual_service_ref),
        "destination_rule": mesh.get(service.destination_rule_ref),
    }


def surroundings_of(service: Service) -> Surroundings:
    """Read what stands beside the objects in their namespace: one list per kind. Raises MeshError."""
    mesh = mesh_of(service.cluster)
    return {kind: mesh.list(kind, namespace=service.namespace) for kind in KINDS}


def findings_for(rollout: Rollout, *, baseline: dict[str, Manifest]) -> list[Finding]:
    """Run the checks over every step, and say each finding once. Raises MeshError, TrafficError."""
    surroundings = surroundings_of(rollout.service)
    found = [
        finding
        for step in rendered_steps(rollout, baseline=baseline)
        for finding in findings_of(rollout, step, surroundings=surroundings)
    ]
    return list(dict.fromkeys(found))


def findings_of(rollout: Rollout, step: Rendered, *, surroundings: Surroundings) -> list[Finding]:
    """Run the checks over one step as it would be written."""
    weight = rollout.plan_value.steps[step.position].weight
    return findings_about(
        rollout, virtual_service=step.virtual_service, weight=weight, surroundings=surroundings
    )


def findings_about(
    of: Rollout | TrafficChange, *, virtual_service: Manifest, weight: int, surroundings: Surroundings
) -> list[Finding]:
    """Run the checks over one VirtualService as it would be written, with ``weight`` percent for the candidate."""
    service = of.service
    rules = [
        with_candidate_subset(rule, rollout=of)
        if rule["metadata"]["name"] == service.destination_rule
        else rule
        for rule in surroundings[DESTINATION_RULE]
    ]
    facts = CheckFacts(
        virtual_service=virtual_service,
        host=service.host,
        stable=of.stable.subset,
        candidate=of.candidate.subset,
        candidate_weight=weight,
        namespace=service.namespace,
        routes=service.routes,
        destination_rules=rules,
        virtual_services=surroundings[VIRTUAL_SERVICE],
        services=surroundings[SERVICE],
        deployments=surroundings[DEPLOYMENT],
        gateways=surroundings[GATEWAY],
        candidate_labels=of.candidate.labels,
    )
    return run_checks(facts)
