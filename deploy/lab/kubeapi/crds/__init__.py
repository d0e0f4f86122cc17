"""Istio's own CRDs, vendored as data (README.md beside this file says whence), read as kinds."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

from deploy.lab.kubeapi.kinds import Column, Json, Kind

FILE = Path(__file__).with_name("istio-networking.yaml")
OLDER_VERSIONS = ("v1beta1", "v1alpha3")


@cache
def istio_definitions() -> tuple[Json, ...]:
    """Return the CustomResourceDefinition objects of the vendored file."""
    return tuple(yaml.load_all(FILE.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))


@cache
def istio_kinds() -> tuple[Kind, ...]:
    """Return VirtualService, DestinationRule and Gateway with the schema of each served version."""
    return tuple(_kind(definition["spec"]) for definition in istio_definitions())


def _kind(spec: Json) -> Kind:
    versions = sorted((v for v in spec["versions"] if v["served"]), key=lambda v: not v["storage"])
    names, stored = spec["names"], versions[0]
    columns = [
        Column(c["name"], c["type"], c["jsonPath"]) for c in stored.get("additionalPrinterColumns", ())
    ]
    schemas = {version["name"]: version["schema"]["openAPIV3Schema"] for version in versions}
    # Istio serves the older versions with the same schema; the vendored file leaves the repetition out.
    schemas |= {older: schemas[stored["name"]] for older in OLDER_VERSIONS if older not in schemas}
    return Kind(
        group=spec["group"],
        versions=tuple(schemas),
        name=names["kind"],
        plural=names["plural"],
        short=tuple(names.get("shortNames", ())),
        namespaced=spec["scope"] == "Namespaced",
        status="status" in stored.get("subresources", {}),
        generation=True,
        custom=True,
        categories=tuple(names.get("categories", ())),
        columns=tuple(columns),
        schemas=schemas,
    )
