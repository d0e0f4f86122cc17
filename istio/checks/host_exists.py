"""A destination names a host or a port that no Service has: Envoy finds nobody to send the requests to."""

from __future__ import annotations

from collections.abc import Iterator

from istio.checks.check import Check
from istio.checks.facts import CheckFacts, Destination
from istio.checks.finding import Finding, Severity
from istio.documents import (
    CLUSTER_DOMAIN,
    fqdn,
    name_of,
    namespace_of,
    objects_at,
    spec_of,
    whole_number_at,
)
from istio.mesh import Manifest
from istio.sentence import Sentence

CODE = "WEIR0102"


def find(facts: CheckFacts) -> Iterator[Finding]:
    """Look at destinations inside the cluster; other hosts may come from a ServiceEntry."""
    services = {_host_of(service, facts=facts): service for service in facts.services}
    seen = {namespace_of(service, default=facts.namespace) for service in facts.services} | {facts.home}
    for found in facts.receivers():
        labels = found.version.host.removesuffix(f".svc.{CLUSTER_DOMAIN}").split(".")
        if len(labels) != 2 or labels[1] not in seen:
            continue
        problem = _problem(found, service=services.get(found.version.host))
        if problem:
            severity = Severity.ERROR if found.percent > 0 else Severity.WARNING
            yield Finding(CODE, severity, found.path, problem)


def _problem(found: Destination, *, service: Manifest | None) -> str:
    if service is None:
        return Sentence(
            "There is no Service {host}: requests sent there get 503. Correct the host, or create "
            "the Service.",
            host=found.version.host,
        )
    where = f"Service {name_of(service)} spec"
    ports = [
        whole_number_at(port, "port", where=where)
        for port in objects_at(spec_of(service), "ports", where=where)
    ]
    if found.port is None or found.port in ports or not ports:
        return ""
    return Sentence(
        "Service {host} has no port {port} (it has {ports}): requests sent there get 503. Correct the port.",
        host=found.version.host,
        port=found.port,
        ports=", ".join(map(str, ports)),
    )


def _host_of(service: Manifest, *, facts: CheckFacts) -> str:
    return fqdn(name_of(service), namespace=namespace_of(service, default=facts.namespace))


CHECK = Check(
    CODE,
    Sentence("Destination host exists"),
    Severity.ERROR,
    "A destination names a host of the cluster that is no Service, or a port that its Service does not have.",
    Sentence("Correct the host or port in the VirtualService, or create the Service."),
    find,
)
