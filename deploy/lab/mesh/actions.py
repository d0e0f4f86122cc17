"""What a VirtualService route does with a request: forward, redirect or answer. Pure."""

from __future__ import annotations

from deploy.lab.mesh.fields import Json, TranslationError, fraction, regex, seconds
from deploy.lab.mesh.hosts import cluster_name, fqdn
from deploy.lab.mesh.objects import MeshObjects

# Istio's default: twice again, and only when no server has begun to work on the request.
_DEFAULT_RETRY_ON = "connect-failure,refused-stream,unavailable,cancelled,reset-before-request"
_DEFAULT_RETRIES: Json = {"retry_on": _DEFAULT_RETRY_ON, "num_retries": 2}

_REDIRECT_CODES = {
    301: "MOVED_PERMANENTLY",
    302: "FOUND",
    303: "SEE_OTHER",
    307: "TEMPORARY_REDIRECT",
    308: "PERMANENT_REDIRECT",
}


def route_action(route: Json, *, namespace: str, objects: MeshObjects, path: str) -> Json:
    """Return Envoy's ``route``, ``redirect`` or ``direct_response``, as one key. Raises TranslationError."""
    if "delegate" in route:
        raise TranslationError(f"{path}.delegate: the lab does not follow delegates; write the route here.")
    if redirect := route.get("redirect"):
        return {"redirect": _redirect(redirect, path=f"{path}.redirect")}
    if answer := route.get("directResponse"):
        return {"direct_response": _direct_response(answer)}
    if not route.get("route"):
        raise TranslationError(f"{path}: give route, redirect or directResponse.")
    return {"route": _forward(route, namespace=namespace, objects=objects, path=path)}


def header_changes(headers: Json | None) -> Json:
    """Translate Istio's header operations for requests and responses to the four lists Envoy keeps."""
    changes: Json = {}
    for direction in ("request", "response"):
        operations = (headers or {}).get(direction) or {}
        added = [
            _header(name, value=value, action="OVERWRITE_IF_EXISTS_OR_ADD")
            for name, value in (operations.get("set") or {}).items()
            if not _is_host(name)
        ] + [
            _header(name, value=value, action="APPEND_IF_EXISTS_OR_ADD")
            for name, value in (operations.get("add") or {}).items()
        ]
        if added:
            changes[f"{direction}_headers_to_add"] = added
        if removed := operations.get("remove"):
            changes[f"{direction}_headers_to_remove"] = removed
    return changes


def _is_host(name: str) -> bool:
    return name.lower() in (":authority", "host")


def _header(name: str, *, value: str, action: str) -> Json:
    return {"header": {"key": name, "value": value}, "append_action": action}


def _forward(route: Json, *, namespace: str, objects: MeshObjects, path: str) -> Json:
    destinations = route["route"]
    action: Json = {
        "weighted_clusters": {
            "clusters": [
                {
                    "name": _cluster_of(
                        one.get("destination") or {}, namespace=namespace, objects=objects, path=path
                    ),
                    # A single destination gets everything; among several, a missing weight is 0.
                    "weight": 1 if len(destinations) == 1 else one.get("weight", 0),
                    **header_changes(one.get("headers")),
                }
                for one in destinations
            ]
        },
        # Envoy's own default is 15 s, Istio's is none.
        "timeout": seconds(route["timeout"], path=f"{path}.timeout") if "timeout" in route else "0s",
    }
    if not any(cluster["weight"] for cluster in action["weighted_clusters"]["clusters"]):
        raise TranslationError(f"{path}.route: the weights sum to 0; give at least one destination a weight.")
    if retries := _retries(route.get("retries"), path=f"{path}.retries"):
        action["retry_policy"] = retries
    if mirrors := _mirrors(route, namespace=namespace, objects=objects, path=path):
        action["request_mirror_policies"] = mirrors
    return action | _rewrite(route, path=path)


def _cluster_of(destination: Json, *, namespace: str, objects: MeshObjects, path: str) -> str:
    if "host" not in destination:
        raise TranslationError(f"{path}: a destination needs a host.")
    host = fqdn(destination["host"], namespace=namespace)
    service = objects.service(host)
    own_port = service.ports[0] if service and service.ports else 80
    port = (destination.get("port") or {}).get("number", own_port)
    return cluster_name(host, port=port, subset=destination.get("subset", ""))


def _retries(retries: Json | None, *, path: str) -> Json:
    if retries is None:
        return _DEFAULT_RETRIES
    if not retries.get("attempts"):
        return {}
    causes = [
        cause.strip() for cause in retries.get("retryOn", _DEFAULT_RETRY_ON).split(",") if cause.strip()
    ]
    codes = [int(cause) for cause in causes if cause.isdigit()]
    names = [cause for cause in causes if not cause.isdigit()]
    if codes and "retriable-status-codes" not in names:
        names.append("retriable-status-codes")
    policy: Json = {"retry_on": ",".join(names), "num_retries": retries["attempts"]}
    if codes:
        policy["retriable_status_codes"] = codes
    if "perTryTimeout" in retries:
        policy["per_try_timeout"] = seconds(retries["perTryTimeout"], path=f"{path}.perTryTimeout")
    if "backoff" in retries:
        policy["retry_back_off"] = {"base_interval": seconds(retries["backoff"], path=f"{path}.backoff")}
    return policy


def _mirrors(route: Json, *, namespace: str, objects: MeshObjects, path: str) -> list[Json]:
    wanted: list[tuple[Json, float]] = []
    if single := route.get("mirror"):
        deprecated = route.get("mirrorPercent", 100)
        wanted.append((single, (route.get("mirrorPercentage") or {"value": deprecated}).get("value", 0)))
    for mirror in route.get("mirrors") or []:
        percentage = mirror.get("percentage")
        wanted.append((mirror["destination"], 100 if percentage is None else percentage.get("value", 0)))
    return [
        {
            "cluster": _cluster_of(destination, namespace=namespace, objects=objects, path=f"{path}.mirrors"),
            "runtime_fraction": {"default_value": fraction(percent)},
        }
        for destination, percent in wanted
        if percent > 0
    ]


def _rewrite(route: Json, *, path: str) -> Json:
    rewrite = route.get("rewrite") or {}
    action: Json = {}
    if expression := rewrite.get("uriRegexRewrite"):
        action["regex_rewrite"] = {
            "pattern": regex(expression["match"], path=f"{path}.rewrite.uriRegexRewrite.match"),
            "substitution": expression["rewrite"],
        }
    elif "uri" in rewrite:
        action["prefix_rewrite"] = rewrite["uri"]
    asked = ((route.get("headers") or {}).get("request") or {}).get("set") or {}
    authority = next((value for name, value in asked.items() if _is_host(name)), rewrite.get("authority"))
    if authority:
        action["host_rewrite_literal"] = authority
    return action


def _redirect(redirect: Json, *, path: str) -> Json:
    code = redirect.get("redirectCode", 301)
    if code not in _REDIRECT_CODES:
        raise TranslationError(
            f"{path}.redirectCode: {code} is no redirect; give one of {sorted(_REDIRECT_CODES)}."
        )
    action: Json = {"response_code": _REDIRECT_CODES[code]}
    for ours, theirs in (
        ("path_redirect", "uri"),
        ("host_redirect", "authority"),
        ("scheme_redirect", "scheme"),
        ("port_redirect", "port"),
    ):
        if theirs in redirect:
            action[ours] = redirect[theirs]
    return action


def _direct_response(answer: Json) -> Json:
    action: Json = {"status": answer["status"]}
    body = answer.get("body") or {}
    if "string" in body:
        action["body"] = {"inline_string": body["string"]}
    elif "bytes" in body:
        action["body"] = {"inline_bytes": body["bytes"]}
    return action
