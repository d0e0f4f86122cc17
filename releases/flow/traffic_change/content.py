"""What a change would write: the objects rendered, what stands in the mesh before it, and the digest of it all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from istio.checks import Finding, Severity
from istio.documents import TrafficError
from istio.marks import FENCE, annotated, with_annotations, without_weir
from istio.mesh import Manifest
from istio.sentence import message_of
from istio.spec import TrafficSpec
from istio.traffic import render
from istio.weights import weights_of
from releases.domain import Blocked
from releases.domain.fingerprint import digest
from releases.domain.traffic_change import goes_back, is_plain, settled_on
from releases.flow.checking import Surroundings, findings_about, surroundings_of
from releases.flow.content import pair_of, with_candidate_subset, without_ours
from releases.flow.quorum import terms_of
from releases.flow.traffic_change.versions import in_force, previous_stable
from releases.models import TrafficChange
from services.models import Service, Version

BY_HAND = "by hand"


def rendered(
    change: TrafficChange, live: Manifest, *, destination_rules: list[Manifest] | None = None
) -> Manifest:
    """Render the change's traffic into a VirtualService, without Weir's annotations. Raises TrafficError."""
    return render(change.spec_value, live, destination_rules=destination_rules, **pair_of(change))


def document_of(change: TrafficChange, live: Manifest) -> Manifest:
    """Return the VirtualService as it is to be written: marked while both versions get traffic, else cleaned.

    What settles on the stable version carries the fence, so that every write begun earlier gets 409. Raises
    TrafficError.
    """
    document = rendered(change, live)
    settled = settled_on(change.spec_value)
    if settled:
        fence = {FENCE: fence_of(change)} if settled == "stable" else {}
        return with_annotations(without_ours(document, service=change.service), changes=dict(fence))
    return annotated(
        document,
        rollout=str(change),
        step=BY_HAND,
        fingerprint=change.fingerprint,
        fence=fence_of(change),
    )


def fence_of(change: TrafficChange) -> str:
    """Return the fence: another one for each write, and never one that a rollout's revision could be."""
    return f"{change}.{change.revision}"


def objects_of(change: TrafficChange, *, baseline: dict[str, Manifest]) -> dict[str, Manifest]:
    """Return both objects as they would be. Raises Blocked with what stands against rendering them."""
    rule = baseline["destination_rule"]
    try:
        complete = (
            with_candidate_subset(rule, rollout=change) if change.spec_value.reaches_candidate else rule
        )
        document = rendered(change, baseline["virtual_service"], destination_rules=[complete])
    except TrafficError as error:
        path = str(change.service.virtual_service_ref)
        finding = Finding(code=error.code, severity=Severity.ERROR, path=path, message=message_of(error))
        raise Blocked(message_of(error), findings=[finding]) from error
    return {"virtual_service": document, "destination_rule": complete}


def findings_of_change(
    change: TrafficChange, *, document: Manifest, surroundings: Surroundings | None = None
) -> list[Finding]:
    """Run the checks over the document as it would be written. Raises MeshError."""
    round_it = surroundings or surroundings_of(change.service)
    return findings_about(
        change, virtual_service=document, weight=change.spec_value.candidate_weight, surroundings=round_it
    )


def standing(service: Service, *, stable: Version, candidate: Version, live: Manifest) -> TrafficSpec:
    """Return what the mesh does now, as a spec between these two versions.

    The weight is the live object's; rules are those of the change in force, if it is between the same versions.
    A live object that can not be read as a split gives the candidate nothing: so going anywhere asks for a vote.
    """
    try:
        weights = weights_of(
            live,
            host=service.host,
            routes=service.routes,
            namespace=service.namespace,
            stable=stable.subset,
        )
    except TrafficError:
        return TrafficSpec()
    weight = int(weights.get(candidate.subset, 0))
    current = in_force(service)
    if current is None or (current.stable_id, current.candidate_id) != (stable.pk, candidate.pk):
        return TrafficSpec(weight)
    return replace(current.spec_value, candidate_weight=weight)


def leads_back(change: TrafficChange, *, live: Manifest) -> bool:
    """Say whether the change only moves traffic towards the stable version, or towards the one before it."""
    service, after = change.service, change.spec_value
    before = standing(service, stable=change.stable, candidate=change.candidate, live=live)
    earlier = previous_stable(service)
    safe = {service.stable_id, earlier.pk if earlier else None}
    if change.stable_id in safe and goes_back(before, after):
        return True
    towards = (
        earlier is not None and change.candidate_id == earlier.pk and change.stable_id == service.stable_id
    )
    return (
        towards and is_plain(before) and is_plain(after) and after.candidate_weight >= before.candidate_weight
    )


def with_offset(spec: TrafficSpec, *, service: Service) -> TrafficSpec:
    """Give sticky users their offset: that of the change in force, so that a larger percent only adds users.

    A first change takes one of its own, so that it is not the same people who go first every time.
    """
    if spec.sticky is None or spec.sticky.offset:
        return spec
    current = in_force(service)
    old = current.spec_value.sticky if current else None
    if old and (old.header, old.ids) == (spec.sticky.header, spec.sticky.ids):
        return replace(spec, sticky=replace(spec.sticky, offset=old.offset))
    count = TrafficChange.objects.filter(service=service).count() + 1
    return replace(spec, sticky=replace(spec.sticky, offset=count * 37 % 100))


def fingerprint_of_change(change: TrafficChange, *, baseline: dict[str, Manifest]) -> str:
    """Return the 64 hex digits over everything a vote is about. Raises Blocked where it can not be rendered."""
    service = change.service
    objects = objects_of(change, baseline=baseline)
    return digest(
        {
            "service": {
                "cluster": service.cluster.name,
                "namespace": service.namespace,
                "name": service.name,
                "host": service.host,
                "routes": service.http_routes,
            },
            "stable": _version(change.stable),
            "candidate": _version(change.candidate),
            "traffic": change.spec,
            "reason": change.reason,
            "policy": terms_of(service.policy).as_json(),
            "submitted_under": change.policy_terms,
            "baseline": {kind: without_weir(document) for kind, document in baseline.items()},
            "objects": {kind: without_weir(document) for kind, document in objects.items()},
        }
    )


def _version(version: Version) -> dict[str, Any]:
    return {"name": version.name, "subset": version.subset, "labels": version.labels, "image": version.image}
