"""What the kubectl tests share: manifests as kubectl takes them, objects as kubectl shows them."""

from __future__ import annotations

import json
from typing import Any

import yaml

from tests.lab.kubeapi.process import KubeApi


def as_yaml(*objects: dict[str, Any]) -> str:
    """Return objects as one YAML stream."""
    return yaml.safe_dump_all(objects)


def live(shop: KubeApi, kind: str = "virtualservice", name: str = "product") -> dict[str, Any]:
    """Return an object as kubectl reads it, managed fields included."""
    done = shop.kubectl("-n", "shop", "get", kind, name, "-o", "json", "--show-managed-fields")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
