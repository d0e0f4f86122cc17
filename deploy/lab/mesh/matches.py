"""HTTPMatchRequest -> Envoy RouteMatch. Pure; the conditions inside one match all have to hold."""

from __future__ import annotations

from deploy.lab.mesh.fields import Json, TranslationError, regex, string_match

GATEWAY_LABELS = {"app": "istio-ingressgateway", "istio": "ingressgateway"}
GATEWAY_NAMESPACE = "istio-system"
_PSEUDO_HEADERS = {"scheme": ":scheme", "method": ":method", "authority": ":authority"}
_UNDERSTOOD = {
    *("name", "uri", "ignoreUriCase", "scheme", "method", "authority", "headers", "withoutHeaders"),
    *("queryParams", "gateways", "port", "sourceLabels", "sourceNamespace", "statPrefix"),
}


def route_match(match: Json, *, path: str) -> Json:
    """Translate one match; an empty one catches everything. Raises TranslationError."""
    if unknown := set(match) - _UNDERSTOOD:
        raise TranslationError(f"{path}: the lab does not know {', '.join(sorted(unknown))}.")
    translated = _uri(match.get("uri"), path=f"{path}.uri")
    if match.get("ignoreUriCase") and "safe_regex" not in translated:
        translated["case_sensitive"] = False
    headers = [
        {"name": header, "string_match": string_match(match[field], path=f"{path}.{field}")}
        for field, header in _PSEUDO_HEADERS.items()
        if field in match
    ]
    headers += [
        _header(name, match=value or {}, path=f"{path}.headers[{name}]")
        for name, value in (match.get("headers") or {}).items()
    ]
    headers += [
        _without(name, match=value or {}, path=f"{path}.withoutHeaders[{name}]")
        for name, value in (match.get("withoutHeaders") or {}).items()
    ]
    if headers:
        translated["headers"] = headers
    if parameters := match.get("queryParams"):
        translated["query_parameters"] = [
            _query(name, match=value or {}, path=f"{path}.queryParams[{name}]")
            for name, value in parameters.items()
        ]
    return translated


def concerns_gateway(match: Json, *, ports: tuple[int, ...]) -> bool:
    """Say whether a match is about requests through this gateway, to one of these ports of the service."""
    labels = match.get("sourceLabels") or {}
    return (
        labels.items() <= GATEWAY_LABELS.items()
        and match.get("sourceNamespace", GATEWAY_NAMESPACE) == GATEWAY_NAMESPACE
        and (not match.get("port") or not ports or match["port"] in ports)
    )


def _uri(uri: Json | None, *, path: str) -> Json:
    if not uri:
        return {"prefix": "/"}
    if "exact" in uri:
        return {"path": uri["exact"]}
    if "prefix" in uri:
        return {"prefix": uri["prefix"]}
    if "regex" in uri:
        return {"safe_regex": regex(uri["regex"], path=f"{path}.regex")}
    raise TranslationError(f"{path}: give exact, prefix or regex.")


def _present(match: Json) -> bool:
    """Istio takes an empty match, and the regex ``*``, for "the header is there"."""
    return not match or match == {"regex": "*"}


def _header(name: str, *, match: Json, path: str) -> Json:
    if _present(match):
        return {"name": name, "present_match": True}
    return {"name": name, "string_match": string_match(match, path=path)}


def _without(name: str, *, match: Json, path: str) -> Json:
    inverted = {**_header(name, match=match, path=path), "invert_match": True}
    # "without x=1" also holds for a request that has no x at all.
    return inverted if _present(match) else {**inverted, "treat_missing_header_as_empty": True}


def _query(name: str, *, match: Json, path: str) -> Json:
    if _present(match) or match == {"exact": ""}:
        return {"name": name, "present_match": True}
    return {"name": name, "string_match": string_match(match, path=path)}
