"""A sound shop as facts, and what a test changes in it."""

from __future__ import annotations

import json
from typing import Any

from istio.checks import CheckFacts, Finding, Severity
from istio.mesh import Manifest
from istio.traffic import TrafficSpec, render
from tests.istio.builders import destination_rule, route, to, virtual_service

E, W, I = Severity.ERROR, Severity.WARNING, Severity.INFO  # noqa: E741  one letter keeps the table's rows on a line
Expected = list[tuple[str, Severity, str]]


def named(kind: str, name: str = "product", *, namespace: str = "shop", **spec: Any) -> Manifest:
    return {"kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def deployment(version: str, *, app: str = "product", ready: int = 2, wanted: int = 2) -> Manifest:
    labels = {"app": app, "version": version}
    made = named(
        "Deployment", f"product-{version}", replicas=wanted, template={"metadata": {"labels": labels}}
    )
    return {**made, "status": {"readyReplicas": ready} if ready else {}}


def document(*http: Manifest, **fields: Any) -> Manifest:
    made = virtual_service(*(http or [route(to("v1", 95), to("v2", 5), name="primary")]), **fields)
    made["metadata"]["creationTimestamp"] = "2026-03-01T00:00:00Z"
    return made


def facts(**changes: Any) -> CheckFacts:
    """Return the facts of a sound shop at 5 %, with changes."""
    sound: dict[str, Any] = {
        "virtual_service": document(),
        "host": "product",
        "stable": "v1",
        "candidate": "v2",
        "candidate_weight": 5,
        "namespace": "shop",
        "destination_rules": [destination_rule("v1", "v2")],
        "virtual_services": [document()],
        "services": [named("Service", ports=[{"port": 8080}], selector={"app": "product"})],
        "deployments": [deployment("v1"), deployment("v2")],
        "gateways": [named("Gateway", "front")],
        "candidate_labels": {"version": "v2"},
    }
    return CheckFacts(**{**sound, **changes})


def ruled(*rules: dict[str, Any], **spec: Any) -> Manifest:
    base = virtual_service(route(to("v1"), name="primary"))
    wanted = TrafficSpec.from_json({"weight": 5, "rules": list(rules), **spec})
    return render(wanted, base, host="product", stable="v1", candidate="v2")


def marked(**metadata: Any) -> Manifest:
    made = document()
    made["metadata"].update(metadata)
    return made


def sized(size: int) -> Manifest:
    """Return the sound document filled up to so many bytes of JSON."""
    empty = len(json.dumps(marked(annotations={"note": ""})))
    return marked(annotations={"note": "x" * (size - empty)})


def other(name: str, created: str, **fields: Any) -> Manifest:
    made = document(**fields)
    made["metadata"].update(name=name, creationTimestamp=created)
    return made


def told(findings: list[Finding]) -> Expected:
    return [(finding.code, finding.severity, finding.path) for finding in findings]


def header(value: Manifest) -> list[Manifest]:
    return [{"headers": {"x": value}}]
