"""Two VirtualServices claim one host: sidecars obey only the older one."""

from __future__ import annotations

from collections.abc import Iterator

from istio.checks.check import Check
from istio.checks.facts import CheckFacts
from istio.checks.finding import Finding, Severity
from istio.documents import describe, fqdn, metadata_of, name_of, namespace_of, spec_of, text_at, texts_at
from istio.effective import MESH_GATEWAY
from istio.mesh import Manifest
from istio.sentence import Sentence

CODE = "WEIR0107"


def find(facts: CheckFacts) -> Iterator[Finding]:
    """Compare with the other VirtualServices that share a host and a gateway with this one."""
    ours = _hosts(facts.virtual_service, facts=facts)
    for other in facts.virtual_services:
        shared = sorted(ours & _hosts(other, facts=facts))
        gateways = set(facts.gateway_names()) & set(_gateways(other))
        if _is_same(other, facts=facts) or not shared or not gateways:
            continue
        named = {"document": describe(other), "host": shared[0]}
        if MESH_GATEWAY not in gateways:
            message = Sentence(
                "{document} has the host {host} too; a gateway merges their routes in an order nobody "
                "wrote down. Merge them into one.",
                **named,
            )
            yield Finding(CODE, Severity.WARNING, "spec/hosts", message)
        elif "" < _created(other) < _created(facts.virtual_service):
            message = Sentence(
                "{document} has the host {host} too and is older: sidecars obey only that one, no weight "
                "here counts. Merge them.",
                **named,
            )
            yield Finding(CODE, Severity.ERROR, "spec/hosts", message)
        else:
            message = Sentence(
                "{document} has the host {host} too; sidecars obey only the older of the two. Merge them "
                "into one.",
                **named,
            )
            yield Finding(CODE, Severity.WARNING, "spec/hosts", message)


def _hosts(document: Manifest, *, facts: CheckFacts) -> set[str]:
    namespace = namespace_of(document, default=facts.namespace)
    return {fqdn(host, namespace=namespace) for host in texts_at(spec_of(document), "hosts", where="spec")}


def _gateways(document: Manifest) -> list[str]:
    return texts_at(spec_of(document), "gateways", where="spec") or [MESH_GATEWAY]


def _is_same(other: Manifest, *, facts: CheckFacts) -> bool:
    same_name = name_of(other) == name_of(facts.virtual_service)
    return same_name and namespace_of(other, default=facts.namespace) == facts.home


def _created(document: Manifest) -> str:
    return text_at(metadata_of(document), "creationTimestamp", where=describe(document))


CHECK = Check(
    CODE,
    Sentence("One VirtualService for a host"),
    Severity.ERROR,
    "Another VirtualService claims the same host; sidecars obey only the older one (an error if it is that).",
    Sentence("Merge the two into one VirtualService."),
    find,
)
