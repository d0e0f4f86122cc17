"""One value says what the mesh shall do for a service; ``render`` is the one function that writes it.

Plans, manual changes, previews, fingerprints, drift detection and rollback all use it. Everything here is
pure: documents in, copies out. Header rules, user lists and sticky users become managed routes: copies of the
base route, directly before it, named ``weir-...``, with the match narrowed and a single destination.
"""

from __future__ import annotations

import json

from istio.documents import (
    RuleConflict,
    SubsetNotDefined,
    copied,
    describe,
    fqdn,
    namespace_of,
    spec_of,
    subsets_of,
)
from istio.drift import has_drifted, owned_part
from istio.marks import EMPTY_MIRRORS, MIRROR, annotated, unmarked, without_weir
from istio.matches import Condition, conditions_of, narrowed, sticky_conditions
from istio.mesh import Manifest
from istio.mirrors import mirror_host, with_mirror, without_mirror
from istio.routes import (
    MANAGED_PREFIX,
    Choice,
    Pair,
    Place,
    base_routes,
    destinations_of,
    is_managed_for,
    pair_in,
    route_at,
    route_name,
    sections_of,
    versions_in,
)
from istio.rules import Match, Rule
from istio.sentence import Sentence
from istio.spec import Mirror, Sticky, TrafficSpec
from istio.weights import check_subset, destination_of_candidate, with_weights

__all__ = [
    "MAX_OBJECT_BYTES",
    "Match",
    "Mirror",
    "Rule",
    "Sticky",
    "TrafficSpec",
    "annotated",
    "cleaned",
    "has_drifted",
    "owned_part",
    "render",
    "with_subset",
    "without_weir",
]

# etcd takes requests of 1.5 MiB. A megabyte is refused with room to spare: managedFields grow with every writer.
MAX_OBJECT_BYTES = 950_000


def render(
    spec: TrafficSpec,
    virtual_service: Manifest,
    *,
    host: str,
    stable: str | None,
    candidate: str | None,
    routes: list[str] | None = None,
    destination_rules: list[Manifest] | None = None,
    namespace: str | None = None,
) -> Manifest:
    """Return a copy of the document that does what the spec says for this service.

    What an earlier rendering left is taken out first, so rendering twice is rendering once; an empty spec
    renders the rollback. ``destination_rules`` are asked only if the spec sends more to the candidate.
    Raises what ``with_weights`` raises, and RuleConflict.
    """
    pair = pair_in(virtual_service, host=host, stable=stable, candidate=candidate, namespace=namespace)
    document = with_weights(
        _without_managed(virtual_service, routes=routes, host=pair.stable.host, namespace=pair.namespace),
        host=host,
        stable=stable,
        candidate=candidate,
        candidate_weight=spec.candidate_weight,
        routes=routes,
        destination_rules=destination_rules,
        namespace=namespace,
    )
    if not (spec.rules or spec.sticky or spec.mirror):
        return document
    if spec.reaches_candidate and destination_rules is not None:
        check_subset(pair.candidate, destination_rules=destination_rules, namespace=pair.namespace)
    places = base_routes(
        document, stable=pair.stable, namespace=pair.namespace, choice=Choice(http=routes or ())
    )
    http = [place for place in places if place.section == "http"]
    if not http:
        raise RuleConflict(
            Sentence(
                "{document} has no http route to {stable}: rules, sticky users, mirrors need it.",
                document=describe(document),
                stable=pair.stable,
            )
        )
    managed = [_managed_routes(spec, document=document, place=place, pair=pair) for place in http]
    if spec.mirror:
        document = with_mirror(document, percent=spec.mirror.percent, places=http, pair=pair)
    for place, ours in reversed(list(zip(http, managed, strict=True))):
        document["spec"]["http"][place.index : place.index] = ours
    _check_size(document)
    return document


def cleaned(
    virtual_service: Manifest,
    *,
    host: str | None = None,
    routes: list[str] | None = None,
    namespace: str | None = None,
) -> Manifest:
    """Return a copy with nothing of Weir in it: no managed route, mirror or annotation. Weights stay.

    ``routes`` are the base routes as ``render`` takes them: an owner's route may be called ``weir-...``, too. With
    ``host`` the managed routes and the mirror of another host's release stay. Raises MalformedRoute.
    """
    home = namespace_of(virtual_service, default=namespace)
    full_host = fqdn(host, namespace=home) if host is not None else None
    document = _without_managed(virtual_service, routes=routes, host=full_host, namespace=home)
    return unmarked(document, keep=() if mirror_host(document) is None else (MIRROR, EMPTY_MIRRORS))


def with_subset(destination_rule: Manifest, *, name: str, labels: dict[str, str]) -> Manifest:
    """Return a copy that defines a subset; equal to the input if it does so already.

    Raises RuleConflict if the subset is there with other labels, SubsetNotDefined if there are no labels to define it by,
    MalformedRoute.
    """
    known = dict(subsets_of(destination_rule))
    result: Manifest = copied(destination_rule)
    if name in known and known[name] != labels:
        raise RuleConflict(
            Sentence(
                "{document} defines subset {name} with labels {known}, not {labels}; correct the rule "
                "or the version's labels.",
                document=describe(destination_rule),
                name=repr(name),
                known=known[name],
                labels=labels,
            )
        )
    if name not in known:
        if not labels:
            raise SubsetNotDefined(
                Sentence(
                    "{document} does not define subset {name}, and the version has no labels to define it by: it would take "
                    "every pod of the host. Give the version the labels of its pods.",
                    document=describe(destination_rule),
                    name=repr(name),
                )
            )
        spec = spec_of(result)
        spec["subsets"] = [*(spec.get("subsets") or []), {"name": name, "labels": dict(labels)}]
        result["spec"] = spec
    return result


def _without_managed(
    virtual_service: Manifest, *, routes: list[str] | None, host: str | None, namespace: str
) -> Manifest:
    """Return a copy without the managed routes and the mirror that Weir added for this host (None: for any)."""
    result = without_mirror(virtual_service, host=host)
    http = list(sections_of(result, only=["http"]))
    if http:
        result["spec"]["http"] = [
            route
            for place, route in http
            if not is_managed_for(host, route=route, place=place, namespace=namespace, named=routes)
        ]
    return result


def _managed_routes(spec: TrafficSpec, *, document: Manifest, place: Place, pair: Pair) -> list[Manifest]:
    """Return the managed routes of one base route, in the order in which they must stand before it."""
    wanted: list[tuple[str, str, list[Condition]]] = [
        (name, rule.to, conditions_of(rule.match))
        for name, rule in zip(spec.rule_names(), spec.rules, strict=True)
    ]
    if spec.sticky and (conditions := sticky_conditions(spec.sticky)):
        wanted.append(("sticky", "candidate", conditions))
    base = route_at(document, place=place)
    base_name = route_name(base, place=place)
    prefix = f"{MANAGED_PREFIX}{base_name}." if base_name else MANAGED_PREFIX
    return [
        {
            **copied(base),
            "name": f"{prefix}{name}",
            "match": narrowed(base, place=place, conditions=conditions),
            "route": [_entry_for(to, route=base, place=place, pair=pair)],
        }
        for name, to, conditions in wanted
    ]


def _entry_for(to: str, *, route: Manifest, place: Place, pair: Pair) -> Manifest:
    """Return the only destination of a managed route: the base's own entry for the version, unweighted."""
    version = pair.stable if to == "stable" else pair.candidate
    versions = versions_in(route, place=place, namespace=pair.namespace)
    if version in versions:
        entry = copied(destinations_of(route, place=place)[versions.index(version)])
        return {key: value for key, value in entry.items() if key != "weight"}
    return {"destination": destination_of_candidate(route, place=place, pair=pair)}


def _check_size(document: Manifest) -> None:
    size = len(json.dumps(document, ensure_ascii=False).encode(errors="replace"))
    if size >= MAX_OBJECT_BYTES:
        raise RuleConflict(
            Sentence(
                "{document} would have {size} bytes; Weir writes objects below {limit}, which Kubernetes "
                "stores safely. Shorten the user lists, or use a sticky percentage.",
                document=describe(document),
                size=size,
                limit=MAX_OBJECT_BYTES,
            )
        )
