"""Percent of traffic per version: reading it from a VirtualService and writing it there, nothing else.

``with_weights`` is the only place where a weight is changed. It edits raw JSON, so that every field nobody
here knows stays; it must not talk to anything and must not change its input.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence

from istio.documents import (
    AmbiguousRoutes,
    InvalidWeight,
    NoMatchingRoute,
    SameVersion,
    SubsetNotDefined,
    Version,
    WeightOverflow,
    copied,
    describe,
    fqdn,
    namespace_of,
    rules_for_host,
    subsets_of,
)
from istio.mesh import Manifest
from istio.routes import (
    Choice,
    Pair,
    Place,
    base_routes,
    destinations_of,
    effective_weights,
    index_of,
    is_managed,
    is_weighted,
    route_at,
    route_name,
    sections_of,
    versions_in,
)
from istio.sentence import Sentence


def with_weights(
    virtual_service: Manifest,
    *,
    host: str,
    stable: str | None,
    candidate: str | None,
    candidate_weight: int,
    routes: list[str] | None = None,
    tls_routes: list[dict[str, object]] | None = None,
    tcp_routes: list[dict[str, object]] | None = None,
    stable_host: str | None = None,
    candidate_host: str | None = None,
    destination_rules: list[Manifest] | None = None,
    namespace: str | None = None,
) -> Manifest:
    """Return a copy in which the candidate has ``candidate_weight`` percent of each base route.

    ``routes`` names the http routes to edit, ``tls_routes`` and ``tcp_routes`` select by ``port`` and
    ``sniHosts``; with none given, each of http, tls and tcp has one route with the stable version.
    ``stable_host`` and ``candidate_host`` split between hosts instead of subsets. ``destination_rules`` are
    only asked when the weight goes up. ``namespace`` counts when the manifest names none. Equal to the input
    if nothing is to do; raises one of the thirteen TrafficErrors and then changes nothing.
    """
    percent = checked_percent(candidate_weight)
    home = namespace_of(virtual_service, default=namespace)
    pair = Pair(
        candidate_host or host,
        stable=Version(fqdn(stable_host or host, namespace=home), stable or None),
        candidate=Version(fqdn(candidate_host or host, namespace=home), candidate or None),
        namespace=home,
    )
    if pair.stable == pair.candidate:
        raise SameVersion(
            Sentence("Stable and candidate are both {stable}; name two versions.", stable=pair.stable)
        )
    choice = Choice(http=routes or (), tls=tls_routes or (), tcp=tcp_routes or ())
    places = base_routes(virtual_service, stable=pair.stable, namespace=home, choice=choice)
    result: Manifest = copied(virtual_service)
    now = [
        percent_of(pair.candidate, route=route_at(result, place=place), place=place, namespace=home)
        for place in places
    ]
    for place in places:
        _split_route(route_at(result, place=place), place=place, pair=pair, percent=percent)
    if percent > min(now) and destination_rules is not None:
        check_subset(pair.candidate, destination_rules=destination_rules, namespace=home)
    return result


def weights_of(
    virtual_service: Manifest,
    *,
    host: str,
    routes: list[str] | None = None,
    namespace: str | None = None,
    stable: str | None = None,
) -> dict[str, float]:
    """Return the percent each subset of ``host`` gets of its base route, exactly as Istio splits it.

    A destination without a subset is ``""``. The sum is below 100 where other hosts have a share. Without
    ``routes`` the base routes are those that carry ``stable``, or any version of the host if ``stable`` is
    None; several are fine as long as they split alike. Raises NoMatchingRoute, AmbiguousRoutes, and what
    ``with_weights`` raises for routes.
    """
    home = namespace_of(virtual_service, default=namespace)
    full_host = fqdn(host, namespace=home)
    if stable is not None:
        choice = Choice(http=routes or ())
        places = base_routes(
            virtual_service, stable=Version(full_host, stable), namespace=home, choice=choice
        )
    else:
        places = _routes_to(full_host, virtual_service=virtual_service, namespace=home, only=routes or ())
    splits = [_split_of(virtual_service, place=place, host=full_host, namespace=home) for place in places]
    if not splits:
        raise NoMatchingRoute(
            Sentence(
                "No route of {document} leads to {full_host}; correct host or routes.",
                document=describe(virtual_service),
                full_host=full_host,
            )
        )
    if any(split != splits[0] for split in splits):
        raise AmbiguousRoutes(
            Sentence(
                "Routes of {document} split {full_host} differently ({routes}); name the ones that count.",
                document=describe(virtual_service),
                full_host=full_host,
                routes=", ".join(map(str, places)),
            )
        )
    return splits[0]


def checked_percent(value: object) -> int:
    """Return a whole number from 0 to 100. Raises InvalidWeight: true is no number, 10.5 is not rounded."""
    try:
        percent = operator.index(value)  # type: ignore[arg-type]  # the point is to refuse what has no index
    except TypeError:
        percent = -1
    if isinstance(value, bool) or not 0 <= percent <= 100:
        raise InvalidWeight(
            Sentence("{value} is not a weight; give a whole number from 0 to 100.", value=repr(value))
        )
    return percent


def percentages(weights: Sequence[int]) -> list[int]:
    """Scale weights to whole percent that sum to 100, by largest remainder, the first of equals first.

    Weights that sum to 100 come back as they are, and if all are 0 nobody gets anything.
    """
    total = sum(weights)
    if total in {0, 100}:
        return list(weights)
    shares = [weight * 100 // total for weight in weights]
    remainders = [weight * 100 % total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda index: -remainders[index])
    for index in by_remainder[: 100 - sum(shares)]:
        shares[index] += 1
    return shares


def check_subset(version: Version, *, destination_rules: list[Manifest], namespace: str) -> None:
    """Raise SubsetNotDefined unless a DestinationRule that applies to the host defines the subset."""
    if version.subset is None:
        return
    rules = rules_for_host(destination_rules, host=version.host, namespace=namespace)
    if not any(name == version.subset for rule in rules for name, _ in subsets_of(rule)):
        raise SubsetNotDefined(
            Sentence(
                "No DestinationRule defines subset {subset} of {host}; its requests would get 503. "
                "Add the subset with the version's labels first.",
                subset=repr(version.subset),
                host=version.host,
            )
        )


def percent_of(version: Version, *, route: Manifest, place: Place, namespace: str) -> float:
    """Return the percent of a route's traffic that a version gets now, 0 if the route does not name it."""
    index = index_of(version, versions=versions_in(route, place=place, namespace=namespace), place=place)
    weights = effective_weights(route, place=place)
    return 0.0 if index is None else weights[index] * 100 / (sum(weights) or 1)


def destination_of_candidate(route: Manifest, *, place: Place, pair: Pair) -> Manifest:
    """Return the candidate's ``destination`` in a route: its own if present, else a copy of the stable one.

    The copy keeps the port and the manifest's spelling of the host; the pair's is written only if it is
    another one.
    """
    versions = versions_in(route, place=place, namespace=pair.namespace)
    index = index_of(pair.candidate, versions=versions, place=place)
    template = versions.index(pair.stable) if index is None else index
    destination: Manifest = copied(destinations_of(route, place=place)[template]["destination"])
    if index is not None:
        return destination
    if pair.candidate.host != pair.stable.host:
        destination["host"] = pair.host
    destination.pop("subset", None)
    if pair.candidate.subset is not None:
        destination["subset"] = pair.candidate.subset
    return destination


def _split_route(route: Manifest, *, place: Place, pair: Pair, percent: int) -> None:
    """Write the weights of one route in place, adding the candidate if it needs a share."""
    entries = destinations_of(route, place=place)
    versions = versions_in(route, place=place, namespace=pair.namespace)
    stable_index = index_of(pair.stable, versions=versions, place=place)
    candidate_index = index_of(pair.candidate, versions=versions, place=place)
    now = effective_weights(route, place=place)
    shares = percentages(now)
    if candidate_index is None and not percent and len(entries) == 1:
        return
    taken = sum(share for index, share in enumerate(shares) if index not in {stable_index, candidate_index})
    if percent + taken > 100:
        raise WeightOverflow(
            Sentence(
                "Other versions have {taken} of {place}: {percent} for {candidate} does not fit. "
                "Give at most {most} %, or take the others out first.",
                taken=f"{taken} %",
                place=place,
                percent=f"{percent} %",
                candidate=pair.candidate,
                most=100 - taken,
            )
        )
    if candidate_index is None and percent:
        entries.append({"destination": destination_of_candidate(route, place=place, pair=pair)})
        candidate_index = len(entries) - 1
        shares.append(percent)
    for index in range(len(shares)):
        shares[index] = {stable_index: 100 - taken - percent, candidate_index: percent}.get(
            index, shares[index]
        )
    if shares == now:
        return
    # All of them: beside another entry a missing weight means 0, and a reader should not have to know that.
    for entry, share in zip(entries, shares, strict=True):
        if entry.get("weight") != share:
            entry["weight"] = share


def _routes_to(host: str, *, virtual_service: Manifest, namespace: str, only: Sequence[str]) -> list[Place]:
    return [
        place
        for place, route in sections_of(virtual_service)
        if (route_name(route, place=place) in only if only else not is_managed(route, place=place))
        and is_weighted(route, place=place)
        and any(version.host == host for version in versions_in(route, place=place, namespace=namespace))
    ]


def _split_of(virtual_service: Manifest, *, place: Place, host: str, namespace: str) -> dict[str, float]:
    route = route_at(virtual_service, place=place)
    weights = effective_weights(route, place=place)
    split: dict[str, float] = {}
    for version, weight in zip(versions_in(route, place=place, namespace=namespace), weights, strict=True):
        if version.host == host:
            share = weight * 100 / (sum(weights) or 1)
            split[version.subset or ""] = split.get(version.subset or "", 0.0) + share
    return split
