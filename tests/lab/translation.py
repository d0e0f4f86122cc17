"""Objects for the translation's tables: one product with two versions, in as few words as possible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deploy.lab.mesh.fields import Json
from deploy.lab.mesh.objects import MeshObjects, mesh_objects

HOST = "product.shop.svc.cluster.local"


def metadata(name: str, **fields: Any) -> Json:
    return {"namespace": "shop", "name": name, "generation": 1, **fields}


def virtual_service(*routes: Json, hosts: tuple[str, ...] = ("product",), **spec: Any) -> Json:
    """Return a VirtualService with these HTTP routes."""
    return {"metadata": metadata("product"), "spec": {"hosts": list(hosts), "http": list(routes), **spec}}


def to(*weights: int) -> list[Json]:
    """Return destinations v1, v2, ... with these weights; without weights v1 alone, with none given."""
    if not weights:
        return [{"destination": {"host": "product", "subset": "v1"}}]
    return [
        {"destination": {"host": "product", "subset": f"v{number}"}, "weight": weight}
        for number, weight in enumerate(weights, start=1)
    ]


def deployment(version: str, *, ready: int = 2, annotations: Mapping[str, str] | None = None) -> Json:
    """Return a Deployment of product."""
    return {
        "metadata": metadata(f"product-{version}", annotations=dict(annotations or {})),
        "spec": {"replicas": 2, "template": {"metadata": {"labels": {"app": "product", "version": version}}}},
        "status": {"readyReplicas": ready},
    }


def destination_rule(*versions: str, **policy: Any) -> Json:
    """Return a DestinationRule with a subset per version."""
    subsets = [{"name": version, "labels": {"version": version}} for version in versions]
    return {
        "metadata": metadata("product"),
        "spec": {"host": "product", "subsets": subsets, "trafficPolicy": policy},
    }


def objects(
    *virtual_services: Json,
    deployments: tuple[Json, ...] = (deployment("v1"), deployment("v2")),
    rules: tuple[Json, ...] = (destination_rule("v1", "v2"),),
    gateways: tuple[Json, ...] = (),
) -> MeshObjects:
    """Return the shop as the translation sees it: product on port 8080, its processes on 9001 and 9002."""
    service = {
        "metadata": metadata("product"),
        "spec": {"selector": {"app": "product"}, "ports": [{"port": 8080}]},
    }
    return mesh_objects(
        services=[service],
        deployments=deployments,
        destination_rules=rules,
        virtual_services=virtual_services,
        gateways=gateways,
        endpoint_ports={"shop/product-v1": 9001, "shop/product-v2": 9002},
    )
