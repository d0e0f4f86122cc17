"""Hypothesis strategies: VirtualServices as an API server holds them, and JSON as an enemy sends it."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from istio.documents import copied
from istio.mesh import Manifest
from tests.istio.builders import virtual_service

HOSTS = ("product", "product.shop.svc.cluster.local", "order", "example.com")
SUBSETS = ("v1", "v2", "v3", None)
WORDS = st.sampled_from(["a", "b", "c-d", "x-user-id", "灰度", "ÿ"])


def string_matches() -> st.SearchStrategy[Manifest]:
    """Return StringMatches, those that match everything too."""
    plain = st.builds(lambda kind, text: {kind: text}, st.sampled_from(["exact", "prefix"]), WORDS)
    return st.one_of(plain, st.sampled_from([{"regex": ".*"}, {"regex": "a|b"}, {}]))


def matches() -> st.SearchStrategy[list[Manifest]]:
    """Return lists of match entries."""
    entry = st.fixed_dictionaries(
        {},
        optional={
            "uri": st.builds(lambda text: {"prefix": f"/{text}"}, WORDS),
            "method": st.sampled_from([{"exact": "GET"}, {"exact": "POST"}]),
            "headers": st.dictionaries(
                st.sampled_from(["x-a", "x-user-id", "cookie"]), string_matches(), max_size=2
            ),
            "withoutHeaders": st.dictionaries(st.sampled_from(["x-a", "x-b"]), string_matches(), max_size=1),
            "queryParams": st.dictionaries(WORDS, string_matches(), max_size=1),
            "port": st.integers(1, 65535),
            "futureField": st.just({"kept": True}),
        },
    )
    return st.lists(entry, max_size=3)


def entries(*, max_weight: int = 100) -> st.SearchStrategy[list[Manifest]]:
    """Return the entries of one route: distinct versions, weights or none."""
    destination = st.tuples(st.sampled_from(HOSTS), st.sampled_from(SUBSETS))
    weight = st.one_of(st.none(), st.integers(0, max_weight))
    one = st.tuples(destination, weight, st.booleans())

    def entry(chosen: tuple[tuple[str, str | None], int | None, bool]) -> Manifest:
        (host, subset), given_weight, with_port = chosen
        made: Manifest = {"destination": {"host": host}}
        if subset:
            made["destination"]["subset"] = subset
        if with_port:
            made["destination"]["port"] = {"number": 8080}
        if given_weight is not None:
            made["weight"] = given_weight
        return made

    def version(chosen: tuple[tuple[str, str | None], int | None, bool]) -> tuple[str, str | None]:
        (host, subset), _, _ = chosen
        return (HOSTS[0] if host == HOSTS[1] else host, subset)

    return st.lists(one, min_size=1, max_size=4, unique_by=version).map(
        lambda chosen: [entry(c) for c in chosen]
    )


# Copies: a spoiled document is changed in place.
MIRRORS = st.sampled_from([[], [{"destination": {"host": "audit"}, "percentage": {"value": 100}}]]).map(
    copied
)


def routes() -> st.SearchStrategy[Manifest]:
    """Return http routes with destinations or a redirect, and fields nobody here knows."""
    extras: dict[str, st.SearchStrategy[Any]] = {
        "name": st.sampled_from(["primary", "secondary", "old"]),
        "match": matches(),
        "timeout": st.just("3s"),
        "retries": st.just({"attempts": 3}),
        "fault": st.just({"abort": {"httpStatus": 500, "percentage": {"value": 1.5}}}),
        "mirrors": MIRRORS,
        "headers": st.just({"request": {"set": {"a": "b"}}}),
        "futureField": st.lists(st.integers(), max_size=2),
    }
    weighted = st.fixed_dictionaries({"route": entries()}, optional=extras)
    redirect = st.fixed_dictionaries(
        {"redirect": st.just({"uri": "/new"})}, optional={"name": extras["name"]}
    )
    return st.one_of(weighted, weighted, redirect)


def virtual_services() -> st.SearchStrategy[Manifest]:
    """Return VirtualServices of namespace shop with any routes."""
    return st.builds(
        lambda http, tcp: virtual_service(*http, tcp=tcp),
        st.lists(routes(), min_size=1, max_size=4),
        st.one_of(st.none(), st.lists(st.builds(lambda e: {"route": e}, entries()), max_size=2)),
    )


def editable_services() -> st.SearchStrategy[Manifest]:
    """Return VirtualServices with one named base route for product v1 at any place: edits succeed."""

    def assemble(
        base: list[Manifest], given: Manifest, match: list[Manifest], others: list[Manifest], place: int
    ) -> Manifest:
        kept = [
            e
            for e in base
            if e["destination"].get("subset") != "v1" or not e["destination"]["host"].startswith("product")
        ]
        stable = {"destination": {"host": "product", "subset": "v1"}, "weight": 50}
        made = {
            "name": "base",
            "timeout": "1s",
            **given,
            **({"match": match} if match else {}),
            "route": [stable, *kept],
        }
        return virtual_service(*others[:place], made, *others[place:])

    given = st.fixed_dictionaries({}, optional={"mirrors": MIRRORS})
    return st.builds(assemble, entries(), given, matches(), st.lists(routes(), max_size=3), st.integers(0, 3))


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)
FIELDS = (
    "spec",
    "metadata",
    "http",
    "tcp",
    "tls",
    "route",
    "destination",
    "host",
    "subset",
    "weight",
    "match",
    "name",
)


def hostile_services() -> st.SearchStrategy[Any]:
    """Return a good VirtualService in which one value, anywhere, has been replaced by any JSON."""

    def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        found = [path]
        items = (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        )
        for key, item in items:
            found += paths(item, (*path, key))
        return found

    @st.composite
    def spoiled(draw: st.DrawFn) -> Any:
        document: Any = draw(editable_services())
        path = draw(st.sampled_from(paths(document)))
        poison = draw(JSON)
        if not path:
            return poison
        parent = document
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = poison
        return document

    return spoiled()
