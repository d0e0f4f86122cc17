"""What a VirtualService does: the split of every route, and where one request would go, and why.

Follows Istio: routes in order, first match wins; a match entry is an AND, several are an OR, none is all;
regular expressions are RE2 and must match the whole text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

from istio.documents import (
    fqdn,
    host_covers,
    mapping_at,
    namespace_of,
    objects_at,
    spec_of,
    text_at,
    texts_at,
    whole_number_at,
)
from istio.matches import comparison_of, string_matches
from istio.mesh import Manifest
from istio.routes import (
    Place,
    effective_weights,
    is_managed,
    route_name,
    sections_of,
    versions_in,
)

MESH_GATEWAY = "mesh"
Action = Literal["route", "redirect", "directResponse", "delegate", "none"]


@dataclass(frozen=True, slots=True)
class Share:
    """Percent (0-100) of a route's requests for a version. ``host`` is a full name, no subset is None."""

    host: str
    subset: str | None
    percent: float


@dataclass(frozen=True, slots=True)
class RouteSplit:
    """How one route splits its requests. ``path`` is such as ``spec/http[0]``, ``name`` "" if it has none.

    ``takes_all`` says that it has no match.
    """

    path: str
    name: str
    managed: bool
    takes_all: bool
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class RequestLike:
    """A request as Envoy sees it: ``path`` may carry a query, ``port`` None is any, header case is free."""

    path: str = "/"
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    authority: str = ""
    scheme: str = "http"
    port: int | None = None
    gateway: str = MESH_GATEWAY
    source_labels: Mapping[str, str] = field(default_factory=dict)
    source_namespace: str = ""


@dataclass(frozen=True, slots=True)
class RouteVerdict:
    """Whether one route takes the request; ``why`` is a sentence. Nothing after the first hit is reached."""

    path: str
    name: str
    managed: bool
    matched: bool
    why: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a request goes: every http route in order, what the one that takes it does, and its shares."""

    routes: tuple[RouteVerdict, ...]
    action: Action
    shares: tuple[Share, ...]


def effective_split(
    virtual_service: Manifest,
    *,
    host: str,
    routes: Sequence[str] | None = None,
    namespace: str | None = None,
    stable: str | None = None,
) -> dict[str, float]:
    """Return the percent of ordinary requests that each subset of ``host`` gets; no subset is "".

    Ordinary requests are those that no managed route takes. Where several of the owner's routes lead to the
    host and split differently, those with the subset ``stable`` go before others (testers may be pinned to
    another version), then the one for all requests, else the first; {} if none leads there. For a display: ``weights_of`` refuses what is ambiguous. Raises MalformedRoute.
    """
    home = namespace_of(virtual_service, default=namespace)
    splits = route_splits(virtual_service, host=host, routes=routes, namespace=namespace)
    ordinary = [split for split in splits if not split.managed]
    if not ordinary:
        return {}
    full_host = fqdn(host, namespace=home)
    carrying = [
        split
        for split in ordinary
        if any((share.host, share.subset or "") == (full_host, stable) for share in split.shares)
    ]
    chosen = next((split for split in carrying or ordinary if split.takes_all), (carrying or ordinary)[0])
    percent: dict[str, float] = {}
    for share in chosen.shares:
        if share.host == full_host:
            percent[share.subset or ""] = percent.get(share.subset or "", 0.0) + share.percent
    return percent


def route_splits(
    virtual_service: Manifest, *, host: str, routes: Sequence[str] | None = None, namespace: str | None = None
) -> list[RouteSplit]:
    """Return the split of every route that leads to ``host``, in order, managed routes too.

    ``routes`` keeps only the http routes with these names. Raises MalformedRoute.
    """
    home = namespace_of(virtual_service, default=namespace)
    full_host = fqdn(host, namespace=home)
    splits = []
    for place, route in sections_of(virtual_service):
        name = route_name(route, place=place)
        shares = _shares(route, place=place, namespace=home)
        if any(share.host == full_host for share in shares) and (not routes or name in routes):
            takes_all = not objects_at(route, "match", where=str(place))
            managed = is_managed(route, place=place, named=routes)
            splits.append(RouteSplit(str(place), name, managed, takes_all, shares))
    return splits


def destination_of(
    request: RequestLike, virtual_service: Manifest, *, namespace: str | None = None
) -> Decision:
    """Say which http route takes a request, why the earlier ones do not, and each version's share of it.

    Raises MalformedRoute.
    """
    home = namespace_of(virtual_service, default=namespace)
    foreign = _not_for_this_host(request, virtual_service=virtual_service, namespace=home)
    verdicts: list[RouteVerdict] = []
    action: Action = "none"
    shares: tuple[Share, ...] = ()
    for place, route in sections_of(virtual_service, only=["http"]):
        if action != "none":
            matched, why = False, "An earlier route takes the request."
        elif foreign:
            matched, why = False, foreign
        else:
            matched, why = _takes(request, route=route, place=place, virtual_service=virtual_service)
        if matched:
            action = _action(route)
            shares = _shares(route, place=place, namespace=home) if action == "route" else ()
        name = route_name(route, place=place)
        verdicts.append(RouteVerdict(str(place), name, is_managed(route, place=place), matched, why))
    return Decision(tuple(verdicts), action, shares)


def _shares(route: Manifest, *, place: Place, namespace: str) -> tuple[Share, ...]:
    weights = effective_weights(route, place=place)
    total = sum(weights) or 1
    versions = versions_in(route, place=place, namespace=namespace)
    return tuple(
        Share(version.host, version.subset, weight * 100 / total)
        for version, weight in zip(versions, weights, strict=True)
    )


def _action(route: Manifest) -> Action:
    actions: tuple[Action, ...] = ("redirect", "directResponse", "delegate")
    return next((action for action in actions if route.get(action) is not None), "route")


def _not_for_this_host(request: RequestLike, *, virtual_service: Manifest, namespace: str) -> str:
    """Return why the whole VirtualService does not apply to the request's host, "" if it does."""
    hosts = texts_at(spec_of(virtual_service), "hosts", where="spec")
    asked = request.authority.partition(":")[0].lower()
    if not asked or not hosts:
        return ""
    full = fqdn(asked, namespace=namespace)
    if any(host_covers(fqdn(host, namespace=namespace), full) for host in hosts):
        return ""
    return f"The VirtualService is for {', '.join(hosts)}, not for {asked}."


def _takes(
    request: RequestLike, *, route: Manifest, place: Place, virtual_service: Manifest
) -> tuple[bool, str]:
    entries = objects_at(route, "match", where=str(place))
    gateways = texts_at(spec_of(virtual_service), "gateways", where="spec") or [MESH_GATEWAY]
    if not entries:
        if request.gateway not in gateways:
            return False, f"The route is for gateways {', '.join(gateways)}, not {request.gateway}."
        return True, "The route has no match: it takes everything."
    reasons = []
    for index, entry in enumerate(entries):
        where = f"{place}/match[{index}]"
        reason = _mismatch(request, entry=entry, where=where, gateways=gateways)
        if not reason:
            return True, f"match[{index}] holds in every field."
        reasons.append(f"match[{index}]: {reason}")
    shown = "; ".join(reasons[:3])
    return False, shown if len(reasons) <= 3 else f"{shown}; and {len(reasons) - 3} more match entries fail."


def _mismatch(request: RequestLike, *, entry: Manifest, where: str, gateways: list[str]) -> str:
    """Return the first field in which an entry does not hold, "" if it holds."""
    bound = texts_at(entry, "gateways", where=where) or gateways
    if request.gateway not in bound:
        return f"it is for gateways {', '.join(bound)}"
    port = whole_number_at(entry, "port", where=where)
    if port and request.port not in {None, port}:
        return f"port is {request.port}, not {port}"
    labels = mapping_at(entry, "sourceLabels", where=where)
    if not labels.items() <= dict(request.source_labels).items():
        return f"the caller has not the labels {labels}"
    source_namespace = text_at(entry, "sourceNamespace", where=where)
    if source_namespace and source_namespace != request.source_namespace:
        return f"the caller is not in namespace {source_namespace}"
    return (
        _line_mismatch(request, entry=entry, where=where)
        or _values_mismatch(_lower(request.headers), entry=entry, key="headers", where=where)
        or _values_mismatch(_query_of(request), entry=entry, key="queryParams", where=where)
        or _without_mismatch(_lower(request.headers), entry=entry, where=where)
    )


def _line_mismatch(request: RequestLike, *, entry: Manifest, where: str) -> str:
    values = {
        "uri": urlsplit(request.path).path or "/",
        "method": request.method,
        "authority": request.authority,
        "scheme": request.scheme,
    }
    for key, value in values.items():
        if entry.get(key) is None:
            continue
        ignore_case = key == "uri" and entry.get("ignoreUriCase") is True and not entry[key].get("regex")
        if not string_matches(entry[key], value, where=f"{where}/{key}", ignore_case=ignore_case):
            return f"{key} {value!r} is not {_wanted(entry[key], where=f'{where}/{key}')}"
    return ""


def _values_mismatch(values: Mapping[str, str], *, entry: Manifest, key: str, where: str) -> str:
    for name, matcher in mapping_at(entry, key, where=where).items():
        place = f"{where}/{key}/{name}"
        label = f"header {name}" if key == "headers" else f"query parameter {name}"
        value = values.get(name.lower() if key == "headers" else name)
        if value is None:
            return f"{label} is missing"
        if not string_matches(matcher or {}, value, where=place):
            return f"{label} {value!r} is not {_wanted(matcher, where=place)}"
    return ""


def _without_mismatch(headers: Mapping[str, str], *, entry: Manifest, where: str) -> str:
    for name, matcher in mapping_at(entry, "withoutHeaders", where=where).items():
        value = headers.get(name.lower())
        if value is not None and string_matches(matcher or {}, value, where=f"{where}/withoutHeaders/{name}"):
            return f"header {name} is {value!r}, which is excluded"
    return ""


def _wanted(matcher: Manifest, *, where: str) -> str:
    kind, text = comparison_of(matcher, where=where)
    return f"{kind} {text!r}" if len(text) <= 80 else f"{kind} {text[:77]!r}..."


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _query_of(request: RequestLike) -> dict[str, str]:
    return {**dict(parse_qsl(urlsplit(request.path).query, keep_blank_values=True)), **request.query}
