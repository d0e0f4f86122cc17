"""What clients ask first: versions, groups, resources. The legacy documents: kubectl falls back to them."""

from __future__ import annotations

import platform

from deploy.lab.kubeapi.kinds import Catalogue, Json, Kind

VERSION = {"major": "1", "minor": "37", "gitVersion": "v1.37.0+lab"}

_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]


def version() -> Json:
    """Return the answer to ``/version``. ``+lab`` tells that no apiserver is behind it."""
    built = {
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "",
    }
    return {**VERSION, **built, "platform": f"{platform.system().lower()}/{platform.machine()}"}


def core_versions() -> Json:
    """Return the answer to ``/api``."""
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def groups(catalogue: Catalogue) -> Json:
    """Return the answer to ``/apis``."""
    listed = [_group(catalogue, name) for name in catalogue.groups()]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}


def group(catalogue: Catalogue, name: str) -> Json | None:
    """Return the answer to ``/apis/GROUP``, or None for an unknown group."""
    if name not in catalogue.groups():
        return None
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(catalogue, name)}


def _group(catalogue: Catalogue, name: str) -> Json:
    versions = [
        {"groupVersion": f"{name}/{version}", "version": version} for version in catalogue.versions(name)
    ]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def resources(catalogue: Catalogue, group: str, version: str) -> Json | None:
    """Return the answer to ``/apis/GROUP/VERSION`` or ``/api/v1``, or None for an unknown one."""
    kinds = catalogue.served(group, version)
    if not kinds:
        return None
    listed = [entry for kind in kinds for entry in _resources(kind)]
    name = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": listed}


def _resources(kind: Kind) -> list[Json]:
    entry: Json = {
        "name": kind.plural,
        "singularName": kind.name.lower(),
        "namespaced": kind.namespaced,
        "kind": kind.name,
        "verbs": ["create"] if kind.virtual else _VERBS,
    }
    if kind.short:
        entry["shortNames"] = list(kind.short)
    if kind.categories:
        entry["categories"] = list(kind.categories)
    if not kind.status:
        return [entry]
    status = {
        "name": f"{kind.plural}/status",
        "singularName": "",
        "namespaced": kind.namespaced,
        "kind": kind.name,
    }
    return [entry, {**status, "verbs": ["get", "patch", "update"]}]
