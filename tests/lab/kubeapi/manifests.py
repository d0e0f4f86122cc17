"""The shop's objects in the smallest form that Istio's CRDs accept."""

from __future__ import annotations

from typing import Any

ISTIO = "networking.istio.io/v1"


def virtual_service(name: str = "product", namespace: str = "shop", *, weight: int = 0) -> dict[str, Any]:
    """Return a VirtualService that gives the candidate v2 a weight."""
    route = [
        {"destination": {"host": name, "subset": "v1"}, "weight": 100 - weight},
        {"destination": {"host": name, "subset": "v2"}, "weight": weight},
    ]
    return {
        "apiVersion": ISTIO,
        "kind": "VirtualService",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {"hosts": [name], "http": [{"name": "main", "route": route}]},
    }


def destination_rule(name: str = "product", namespace: str = "shop") -> dict[str, Any]:
    """Return a DestinationRule with the subsets v1 and v2."""
    subsets = [{"name": version, "labels": {"version": version}} for version in ("v1", "v2")]
    return {
        "apiVersion": ISTIO,
        "kind": "DestinationRule",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {"host": name, "subsets": subsets},
    }


def gateway(name: str = "shop", namespace: str = "shop") -> dict[str, Any]:
    """Return a Gateway for plain HTTP."""
    server = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}
    spec = {"selector": {"istio": "ingressgateway"}, "servers": [server]}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": ISTIO, "kind": "Gateway", "metadata": metadata, "spec": spec}


def service(name: str = "product", namespace: str = "shop") -> dict[str, Any]:
    """Return a Service on port 8080."""
    spec = {"selector": {"app": name}, "ports": [{"name": "http", "port": 8080}]}
    metadata = {"name": name, "namespace": namespace, "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def deployment(
    name: str = "product-v1", namespace: str = "shop", *, image: str = "shop/product:1"
) -> dict[str, Any]:
    """Return a Deployment with one container."""
    labels = {"app": name.partition("-")[0], "version": name.partition("-")[2]}
    container = {"name": "app", "image": image, "ports": [{"containerPort": 8080}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def namespace(name: str = "shop") -> dict[str, Any]:
    """Return a Namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
