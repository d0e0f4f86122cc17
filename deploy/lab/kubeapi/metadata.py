"""What the server itself writes into ``metadata``, and the checks on names."""

from __future__ import annotations

import base64
import re
import secrets
import uuid
from datetime import UTC, datetime

from deploy.lab.kubeapi.failures import Cause, bad_request, invalid
from deploy.lab.kubeapi.kinds import Json, Kind

_SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
_LABEL_VALUE = re.compile(r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")
_LABEL_NAMES = frozenset({"Namespace", "Service"})
_PATH_NAMES = frozenset(
    {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}
)  # "system:x" is a fine name there
_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"


def now() -> str:
    """Return the present as the API writes times: RFC 3339, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def generated_name(prefix: str) -> str:
    """Return ``prefix`` with five random characters, as ``generateName`` asks."""
    return prefix + "".join(secrets.choice(_SUFFIX) for _ in range(5))


def placed(kind: Kind, obj: Json, *, namespace: str, name: str = "") -> Json:
    """Return the object with the namespace and name of its path. Raises ApiFailure 400."""
    metadata = dict(obj["metadata"])
    if kind.namespaced:
        metadata["namespace"] = namespace
    elif metadata.pop("namespace", ""):
        raise bad_request(f"{kind.key} are not namespaced")
    if name:
        metadata["name"] = name
    elif not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = generated_name(metadata["generateName"])
    return {**obj, "metadata": metadata}


def with_status(obj: Json, of: Json) -> Json:
    """Return one object with the status, or the lack of one, of another."""
    bare = {name: value for name, value in obj.items() if name != "status"}
    return {**bare, "status": of["status"]} if "status" in of else bare


def with_encoded_data(secret: Json) -> Json:
    """Return a Secret whose write-only ``stringData`` has become ``data``."""
    if "stringData" not in secret:
        return secret
    plain = {k: base64.b64encode(text.encode()).decode() for k, text in (secret["stringData"] or {}).items()}
    rest = {name: value for name, value in secret.items() if name != "stringData"}
    return {**rest, "data": {**(secret.get("data") or {}), **plain}}


def created(kind: Kind, obj: Json) -> Json:
    """Return a new object with what the server sets on creation."""
    metadata = {**obj["metadata"], "uid": str(uuid.uuid4()), "creationTimestamp": now()}
    metadata.pop("resourceVersion", None)
    metadata.pop("generation", None)
    if kind.generation:
        metadata["generation"] = 1
    fresh = {**obj, "metadata": metadata}
    if kind.status:
        fresh.pop("status", None)
    if kind.key == "namespaces":
        metadata["labels"] = {
            **(metadata.get("labels") or {}),
            "kubernetes.io/metadata.name": metadata["name"],
        }
        fresh["spec"] = {"finalizers": ["kubernetes"]}
        fresh["status"] = {"phase": "Active"}
    elif kind.key == "pods":
        fresh["status"] = {"phase": "Pending"}
    return fresh


def carried_over(kind: Kind, *, old: Json, new: Json) -> Json:
    """Return the new object with what a write cannot change, and the generation counted."""
    metadata = dict(new["metadata"])
    for name in ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds"):
        metadata.pop(name, None)
        if name in old["metadata"]:
            metadata[name] = old["metadata"][name]
    metadata["resourceVersion"] = old["metadata"]["resourceVersion"]
    if kind.generation and _counted(kind, old) != _counted(kind, new):
        metadata["generation"] = old["metadata"].get("generation", 1) + 1
    return {**new, "metadata": metadata}


def _counted(kind: Kind, obj: Json) -> Json:
    if kind.custom:
        return {
            name: value
            for name, value in obj.items()
            if name not in {"apiVersion", "kind", "metadata", "status"}
        }
    return {"spec": obj.get("spec")}


def check_identity(kind: Kind, version: str, obj: Json, *, namespace: str, name: str) -> None:
    """Refuse a body that is of another kind, namespace or name than its path says. Raises ApiFailure 400."""
    if obj.get("kind") != kind.name or obj.get("apiVersion") != kind.api_version(version):
        sent = f"{obj.get('apiVersion')}, Kind={obj.get('kind')}"
        wanted = f"{kind.api_version(version)}, Kind={kind.name}"
        raise bad_request(
            f"{kind.name} in version {version!r} cannot be handled: the body is {sent}, expected {wanted}"
        )
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict):
        raise bad_request("the body has no metadata")
    if (metadata.get("namespace") or namespace) != namespace:
        rule = "the namespace of the provided object does not match the namespace sent on the request"
        raise bad_request(f"{rule} ({namespace})")
    if name and (metadata.get("name") or name) != name:
        raise bad_request(
            f"the name of the object ({metadata['name']}) does not match the name on the URL ({name})"
        )


def check_metadata(kind: Kind, obj: Json) -> None:
    """Refuse names, labels and annotations that Kubernetes refuses. Raises ApiFailure 422."""
    metadata = obj["metadata"]
    name = metadata.get("name", "")
    causes: list[Cause] = []
    if not name:
        causes.append(
            Cause("FieldValueRequired", "Required value: name or generateName is required", "metadata.name")
        )
    elif not _name_fits(kind, name):
        rule = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'"
        causes.append(Cause("FieldValueInvalid", f'Invalid value: "{name}": {rule}', "metadata.name"))
    for key, value in (metadata.get("labels") or {}).items():
        if value is not None and (len(value) > 63 or not _LABEL_VALUE.match(value)):
            text = (
                f"Invalid value: {value!r}: a valid label must be empty or consist of alphanumeric characters"
            )
            causes.append(Cause("FieldValueInvalid", text, f"metadata.labels.{key}"))
    if causes:
        raise invalid(kind, name, causes)


def _name_fits(kind: Kind, name: str) -> bool:
    if kind.name in _PATH_NAMES:
        return "/" not in name and "%" not in name and name not in {".", ".."}
    if kind.name in _LABEL_NAMES:
        return len(name) <= 63 and _LABEL.match(name) is not None
    return len(name) <= 253 and _SUBDOMAIN.match(name) is not None
