"""The documents about the API, by their path."""

from __future__ import annotations

from collections.abc import Sequence

from deploy.lab.kubeapi import discovery, openapi
from deploy.lab.kubeapi.kinds import Catalogue, Json


def document(catalogue: Catalogue, parts: Sequence[str]) -> Json | None:
    """Return the document at a path, given as its parts, or None where there is none."""
    found: Json | None = None
    match parts:
        case ["version"]:
            found = discovery.version()
        case ["api"]:
            found = discovery.core_versions()
        case ["apis"]:
            found = discovery.groups(catalogue)
        case ["apis", group]:
            found = discovery.group(catalogue, group)
        case ["api", version]:
            found = discovery.resources(catalogue, "", version)
        case ["apis", group, version]:
            found = discovery.resources(catalogue, group, version)
        case ["openapi", "v3"]:
            found = openapi.index(catalogue)
        case ["openapi", "v3", "api", version]:
            found = openapi.document(catalogue, "", version)
        case ["openapi", "v3", "apis", group, version]:
            found = openapi.document(catalogue, group, version)
    return found
