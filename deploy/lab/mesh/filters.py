"""The parts of a VirtualService route that are filters in Envoy: injected faults and CORS. Pure."""

from __future__ import annotations

from deploy.lab.mesh.fields import Json, TranslationError, fraction, seconds, string_match

_FAULT = "envoy.extensions.filters.http.fault.v3.HTTPFault"
_CORS = "envoy.extensions.filters.http.cors.v3.CorsPolicy"


def filter_configs(route: Json, *, path: str) -> Json:
    """Return ``typed_per_filter_config`` of one route; empty if it asks for none. Raises TranslationError."""
    configs: Json = {}
    if fault := route.get("fault"):
        configs["envoy.filters.http.fault"] = {
            "@type": f"type.googleapis.com/{_FAULT}",
            **_fault(fault, path=f"{path}.fault"),
        }
    if policy := route.get("corsPolicy"):
        configs["envoy.filters.http.cors"] = {
            "@type": f"type.googleapis.com/{_CORS}",
            **_cors(policy, path=f"{path}.corsPolicy"),
        }
    return configs


def _fault(fault: Json, *, path: str) -> Json:
    translated: Json = {}
    if delay := fault.get("delay"):
        if "fixedDelay" not in delay:
            raise TranslationError(f"{path}.delay: only fixedDelay is possible.")
        translated["delay"] = {
            "fixed_delay": seconds(delay["fixedDelay"], path=f"{path}.delay.fixedDelay"),
            "percentage": _share(delay),
        }
    if abort := fault.get("abort"):
        if "httpStatus" not in abort:
            raise TranslationError(f"{path}.abort: the lab speaks HTTP; give httpStatus.")
        translated["abort"] = {"http_status": abort["httpStatus"], "percentage": _share(abort)}
    return translated


def _share(fault: Json) -> Json:
    """Without a percentage no request is touched, as in Istio; ``percent`` is its deprecated form."""
    percentage = fault.get("percentage")
    return fraction(percentage.get("value", 0) if percentage is not None else fault.get("percent", 0))


def _cors(policy: Json, *, path: str) -> Json:
    origins = [
        string_match(origin, path=f"{path}.allowOrigins[{index}]")
        for index, origin in enumerate(policy.get("allowOrigins") or [])
    ] + [{"exact": origin} for origin in policy.get("allowOrigin") or []]
    translated: Json = {"allow_origin_string_match": origins}
    for ours, theirs in (
        ("allow_methods", "allowMethods"),
        ("allow_headers", "allowHeaders"),
        ("expose_headers", "exposeHeaders"),
    ):
        if values := policy.get(theirs):
            translated[ours] = ",".join(values)
    if "maxAge" in policy:
        translated["max_age"] = seconds(policy["maxAge"], path=f"{path}.maxAge").rstrip("s")
    if "allowCredentials" in policy:
        translated["allow_credentials"] = policy["allowCredentials"]
    return translated
