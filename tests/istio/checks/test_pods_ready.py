"""Whose pods count: those of the host's Service, not of every service with the same version label."""

from __future__ import annotations

import pytest

from istio.checks import CheckFacts, Severity, run_checks
from istio.mesh import Manifest
from tests.istio.builders import destination_rule, route, to, virtual_service


def deployment(app: str, *, ready: int) -> Manifest:
    labels = {"app": app, "version": "v2"}
    return {
        "kind": "Deployment",
        "metadata": {"name": f"{app}-v2", "namespace": "shop"},
        "spec": {"replicas": 2, "template": {"metadata": {"labels": labels}}},
        "status": {"readyReplicas": ready},
    }


def service(app: str) -> Manifest:
    return {
        "kind": "Service",
        "metadata": {"name": app, "namespace": "shop"},
        "spec": {"selector": {"app": app}, "ports": [{"port": 8080}]},
    }


@pytest.mark.parametrize(
    ("ready", "severities"),
    [
        pytest.param(0, [Severity.ERROR], id="none of ours ready, however many of the neighbour's are"),
        pytest.param(1, [Severity.WARNING], id="one of ours ready"),
        pytest.param(2, [], id="ours ready, the neighbour's not"),
    ],
)
def test_only_the_pods_of_the_hosts_service_count(ready: int, severities: list[Severity]) -> None:
    facts = CheckFacts(
        virtual_service=virtual_service(route(to("v1", 95), to("v2", 5))),
        host="product",
        stable="v1",
        candidate="v2",
        candidate_weight=5,
        namespace="shop",
        destination_rules=[destination_rule("v1", "v2")],
        services=[service("order"), service("product")],
        deployments=[deployment("product", ready=ready), deployment("order", ready=2 - ready)],
    )
    found = [finding for finding in run_checks(facts) if finding.code == "WEIR0103"]
    assert [finding.severity for finding in found] == severities
