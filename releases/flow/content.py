"""What an approval approves: everything that will be written, rendered from the baseline, and the digest over it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from istio.documents import TrafficError
from istio.marks import without_weir
from istio.mesh import Manifest
from istio.restoring import with_routes_of
from istio.sentence import message_of, with_parts
from istio.traffic import TrafficSpec, cleaned, owned_part, render, with_subset
from releases.domain.fingerprint import digest
from releases.flow.quorum import terms_of
from releases.models import Rollout, TrafficChange
from services.models import Service


@dataclass(frozen=True, slots=True)
class Rendered:
    """The objects of one step as they will be written. ``destination_rule`` is None where it need not change."""

    position: int
    virtual_service: Manifest
    destination_rule: Manifest | None


def render_spec(
    spec: TrafficSpec,
    virtual_service: Manifest,
    *,
    rollout: Rollout,
    destination_rules: list[Manifest] | None = None,
) -> Manifest:
    """Render one traffic target of this rollout into a VirtualService. Raises TrafficError."""
    service = rollout.service
    return render(
        with_offset(spec, rollout=rollout),
        virtual_service,
        host=service.host,
        stable=rollout.stable.subset,
        candidate=rollout.candidate.subset,
        routes=service.routes,
        destination_rules=destination_rules,
        namespace=service.namespace,
    )


def with_offset(spec: TrafficSpec, *, rollout: Rollout) -> TrafficSpec:
    """Turn the sticky users by an offset of the rollout, so that it is not the same people who go first every time."""
    if spec.sticky is None or spec.sticky.offset:
        return spec
    return replace(spec, sticky=replace(spec.sticky, offset=(rollout.pk or 0) * 37 % 100))


def ended(virtual_service: Manifest, *, rollout: Rollout, candidate_weight: int) -> Manifest:
    """Render the end: one version has everything, nothing of Weir is left but the weights."""
    return render_spec(TrafficSpec(candidate_weight=candidate_weight), virtual_service, rollout=rollout)


def without_ours(virtual_service: Manifest, *, service: Service) -> Manifest:
    """Return a copy with nothing of a release of this service in it; another service's in the same object stays."""
    return cleaned(virtual_service, host=service.host, routes=service.routes, namespace=service.namespace)


def restored(stored: Manifest, live: Manifest, *, service: Service) -> Manifest:
    """Return the live object with this service's routes as they were stored; another service's in the same object stay."""
    return with_routes_of(stored, live, host=service.host, routes=service.routes, namespace=service.namespace)


def with_candidate_subset(destination_rule: Manifest, *, rollout: Rollout | TrafficChange) -> Manifest:
    """Return the DestinationRule with the candidate's subset in it; the same when it is there already."""
    return with_subset(destination_rule, name=rollout.candidate.subset, labels=rollout.candidate.labels)


def owned_parts(document: Manifest, *, rollout: Rollout | TrafficChange) -> Any:
    """Return the parts Weir renders, or the sentence that says why they can not be found in this object any more."""
    try:
        return owned_part(document, **pair_of(rollout))
    except TrafficError as error:
        return with_parts({"problem": message_of(error), "code": error.code})


def pair_of(rollout: Rollout | TrafficChange) -> dict[str, Any]:
    """Return the arguments by which the routes and versions of a rollout are found in a VirtualService."""
    service = rollout.service
    return {
        "host": service.host,
        "stable": rollout.stable.subset,
        "candidate": rollout.candidate.subset,
        "routes": service.routes,
        "namespace": service.namespace,
    }


def rendered_steps(rollout: Rollout, *, baseline: dict[str, Manifest]) -> list[Rendered]:
    """Render every step from the baseline, in order. Raises TrafficError naming the first that can not be written."""
    rule = baseline["destination_rule"]
    complete = with_candidate_subset(rule, rollout=rollout)
    steps: list[Rendered] = []
    for position, step in enumerate(rollout.plan_value.steps):
        document = render_spec(
            step.traffic, baseline["virtual_service"], rollout=rollout, destination_rules=[complete]
        )
        steps.append(
            Rendered(
                position=position,
                virtual_service=document,
                destination_rule=complete if complete != rule else None,
            )
        )
    return steps


def content_of(rollout: Rollout, *, baseline: dict[str, Manifest]) -> dict[str, Any]:
    """Return everything the votes are about, as JSON. Raises TrafficError when a step can not be rendered."""
    service = rollout.service
    return {
        "service": {
            "cluster": service.cluster.name,
            "namespace": service.namespace,
            "name": service.name,
            "host": service.host,
            "routes": service.http_routes,
            "virtual_service": service.virtual_service,
            "destination_rule": service.destination_rule,
        },
        "stable": _version(rollout.stable),
        "candidate": _version(rollout.candidate),
        "rollback_to": rollout.stable.name,
        "plan": rollout.frozen_plan,
        "start_at": rollout.start_at.isoformat() if rollout.start_at else None,
        "statements": {
            "impact": rollout.impact,
            "test_evidence": rollout.test_evidence,
            "rollback_note": rollout.rollback_note,
            "changes_data": rollout.changes_data,
            "compatibility_note": rollout.compatibility_note,
        },
        "judged": _judged(service),
        "policy": terms_of(service.policy).as_json(),
        "submitted_under": rollout.policy_terms,
        "standard_change": rollout.standard_change_id,
        "baseline": {kind: without_weir(document) for kind, document in baseline.items()},
        "objects": [
            {
                "virtual_service": without_weir(step.virtual_service),
                "destination_rule": without_weir(step.destination_rule) if step.destination_rule else None,
            }
            for step in rendered_steps(rollout, baseline=baseline)
        ],
    }


def fingerprint_of(rollout: Rollout, *, baseline: dict[str, Manifest]) -> str:
    """Return the 64 hex digits that an approval binds itself to."""
    return digest(content_of(rollout, baseline=baseline))


def _judged(service: Service) -> dict[str, Any]:
    """What the service is judged by, and whether verdicts do anything: who loosens it loosens what was approved."""
    columns = ("name", "kind", "role", "direction", "margin", "numerator", "denominator")
    return {
        "shadow": service.shadow,
        "source": service.metrics_source,
        "metrics": [
            {name: getattr(metric, name) for name in columns} for metric in service.metrics.order_by("name")
        ],
    }


def _version(version: Any) -> dict[str, Any]:
    return {
        "name": version.name,
        "subset": version.subset,
        "labels": version.labels,
        "image": version.image,
        "commit": version.commit,
    }
