"""The few protobuf bodies that kubectl's generators send: ``create namespace``, ``auth can-i`` and such.

Typed Go clients prefer protobuf and do not fall back. What is read here is what those commands fill; a
message or field that is not in the table is refused (415), never dropped. Source of the numbers: the
``protobuf`` tags of k8s.io/api and k8s.io/apimachinery.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.lab.kubeapi.failures import unsupported_media
from deploy.lab.kubeapi.kinds import Json

MAGIC = b"k8s\x00"


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its JSON name, and how to read it.

    ``text``, ``int`` and ``raw`` are what they say; ``count`` and ``flag`` are left out when zero or false,
    as Go leaves them out of JSON; ``labels`` and ``secrets`` are maps of text to text or bytes; ``unread`` is
    skipped.
    """

    name: str
    kind: str | Mapping[int, Field] = "text"
    repeated: bool = False


Message = Mapping[int, Field]

_META: Message = {
    1: Field("name"),
    2: Field("generateName"),
    3: Field("namespace"),
    4: Field("selfLink"),
    5: Field("uid"),
    6: Field("resourceVersion"),
    7: Field("generation", "count"),
    8: Field("creationTimestamp", "unread"),
    11: Field("labels", "labels"),
    12: Field("annotations", "labels"),
    14: Field("finalizers", repeated=True),
}
_PORT: Message = {
    1: Field("name"),
    2: Field("hostPort", "count"),
    3: Field("containerPort", "count"),
    4: Field("protocol"),
    5: Field("hostIP"),
}
_CONTAINER: Message = {
    1: Field("name"),
    2: Field("image"),
    3: Field("command", repeated=True),
    4: Field("args", repeated=True),
    5: Field("workingDir"),
    6: Field("ports", _PORT, repeated=True),
    8: Field("resources", {}),
    13: Field("terminationMessagePath"),
    14: Field("imagePullPolicy"),
    16: Field("stdin", "flag"),
    17: Field("stdinOnce", "flag"),
    18: Field("tty", "flag"),
    20: Field("terminationMessagePolicy"),
}
_POD: Message = {
    2: Field("containers", _CONTAINER, repeated=True),
    3: Field("restartPolicy"),
    6: Field("dnsPolicy"),
    8: Field("serviceAccountName"),
    9: Field("serviceAccount"),
    10: Field("nodeName"),
    11: Field("hostNetwork", "flag"),
    12: Field("hostPID", "flag"),
    13: Field("hostIPC", "flag"),
    16: Field("hostname"),
    17: Field("subdomain"),
    19: Field("schedulerName"),
    24: Field("priorityClassName"),
}
_TEMPLATE: Message = {1: Field("metadata", _META), 2: Field("spec", _POD)}
_DEPLOYMENT: Message = {
    1: Field("replicas", "int"),
    2: Field("selector", {1: Field("matchLabels", "labels")}),
    3: Field("template", _TEMPLATE),
    4: Field("strategy", {1: Field("type")}),
    5: Field("minReadySeconds", "count"),
    7: Field("paused", "flag"),
}
_ATTRIBUTES: Message = {
    number: Field(name)
    for number, name in enumerate(
        ("namespace", "verb", "group", "version", "resource", "subresource", "name"), 1
    )
}
_REVIEW: Message = {
    1: Field("resourceAttributes", _ATTRIBUTES),
    2: Field("nonResourceAttributes", {1: Field("path"), 2: Field("verb")}),
}
_STATUS = Field("status", "unread")  # a creation's status counts for nothing
MESSAGES: Mapping[str, Message] = {
    "Namespace": {1: Field("metadata", _META), 2: Field("spec", {}), 3: _STATUS},
    "ServiceAccount": {1: Field("metadata", _META)},
    "ConfigMap": {1: Field("metadata", _META), 2: Field("data", "labels")},
    "Secret": {1: Field("metadata", _META), 2: Field("data", "secrets"), 3: Field("type")},
    "Deployment": {1: Field("metadata", _META), 2: Field("spec", _DEPLOYMENT), 3: _STATUS},
    "SelfSubjectAccessReview": {
        1: Field("metadata", _META),
        2: Field("spec", _REVIEW),
        3: _STATUS,
    },
}
_IDENTITY: Message = {1: Field("apiVersion"), 2: Field("kind")}
_ENVELOPE: Message = {
    1: Field("typeMeta", _IDENTITY),
    2: Field("raw", "raw"),
    3: Field("encoding"),
    4: Field("type"),
}


def read_protobuf(content: bytes) -> Json:
    """Return the object of a Kubernetes protobuf body as JSON. Raises ApiFailure 415."""
    if not content.startswith(MAGIC):
        raise unsupported_media("the body is no Kubernetes protobuf message")
    envelope = _message(content[len(MAGIC) :], _ENVELOPE, "envelope")
    identity = envelope.get("typeMeta", {})
    message = MESSAGES.get(identity.get("kind", ""))
    if message is None:
        kind = identity.get("kind")
        raise unsupported_media(
            f"the lab reads {kind} as JSON or YAML, not as protobuf: use kubectl apply -f"
        )
    return {**identity, **_message(envelope.get("raw", b""), message, identity["kind"])}


def _message(content: bytes, message: Message, path: str) -> Json:
    found: Json = {}
    for number, value in _wire(content):
        field = message.get(number)
        if field is None:
            raise unsupported_media(
                f"the lab cannot read field {number} of {path} from protobuf: use kubectl apply -f"
            )
        if field.kind == "unread":
            continue
        read = _value(value, field, f"{path}.{field.name}")
        if field.repeated:
            found.setdefault(field.name, []).append(read)
        elif field.kind in ("labels", "secrets"):
            found.setdefault(field.name, {}).update(read)
        elif read not in ("", {}) and not (field.kind in ("count", "flag") and not read):
            # Go sends zeros and empty structs for what was never set.
            found[field.name] = read
    return found


def _value(value: Any, field: Field, path: str) -> Any:
    if not isinstance(field.kind, str):
        return _message(value, field.kind, path)
    if field.kind == "flag":
        return bool(value)
    if field.kind in {"int", "count", "raw"}:
        return value
    if field.kind == "text":
        return value.decode()
    entry = dict(_wire(value))
    content = entry.get(2, b"")
    text = content.decode() if field.kind == "labels" else base64.b64encode(content).decode()
    return {entry.get(1, b"").decode(): text}


def _wire(content: bytes) -> Iterator[tuple[int, Any]]:
    """Yield number and value of each field: an int for varints, bytes for everything with a length."""
    place = 0
    try:
        while place < len(content):
            key, place = _varint(content, place)
            value: Any
            value, place = _varint(content, place)
            if key & 7 == 2:
                value, place = content[place : place + value], place + value
            elif key & 7 != 0:
                raise unsupported_media("the lab reads no fixed-width protobuf fields")
            yield key >> 3, value
    except IndexError as error:
        raise unsupported_media("the protobuf body ends too early") from error


def _varint(content: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
