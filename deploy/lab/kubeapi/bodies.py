"""Request bodies: JSON, YAML as Kubernetes reads it, and a little protobuf."""

from __future__ import annotations

import json
from typing import Any

import yaml

from deploy.lab.kubeapi.failures import bad_request, unsupported_media
from deploy.lab.kubeapi.protobuf import read_protobuf


class _KubernetesYaml(yaml.CSafeLoader):
    """YAML in which a time is a string, as in every Kubernetes field."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }


def read_body(content: bytes, media_type: str) -> Any:
    """Return the parsed body; an empty one is an empty object. Raises ApiFailure 400 or 415."""
    if not content:
        return {}
    if "protobuf" in media_type:
        return read_protobuf(content)
    if "cbor" in media_type:
        raise unsupported_media(f"the lab's API reads JSON and YAML, not {media_type}")
    try:
        if "yaml" in media_type and not content.lstrip().startswith(b"{"):
            return yaml.load(content, Loader=_KubernetesYaml)  # noqa: S506 -- a SafeLoader with fewer tags
        return json.loads(content)
    except (ValueError, yaml.YAMLError) as error:
        raise bad_request(f"the body of the request cannot be read: {error}") from error


def read_object(content: bytes, media_type: str) -> dict[str, Any]:
    """Return the parsed body, which must be one object. Raises ApiFailure 400 or 415."""
    body = read_body(content, media_type)
    if not isinstance(body, dict):
        raise bad_request("the body of the request is not an object")
    return body
