"""Whether one match takes everything that another takes. Sure when it says yes; when in doubt it says no."""

from __future__ import annotations

from collections.abc import Sequence

from istio.documents import mapping_at, objects_at, texts_at
from istio.matches import comparison_of, string_matches
from istio.mesh import Manifest

LINES = ("uri", "scheme", "method", "authority")
LABELS = ("name", "statPrefix")
"""Fields of a match entry that say nothing about requests."""


def route_covers(earlier: Manifest, later: Manifest, *, gateways: Sequence[str], where: str) -> bool:
    """Say whether every request that ``later`` matches is matched by ``earlier``.

    ``gateways`` are the VirtualService's, ``where`` names the place for errors. Raises MalformedRoute.
    """
    wides = objects_at(earlier, "match", where=where) or [{}]
    narrows = objects_at(later, "match", where=where) or [{}]
    return all(
        any(entry_covers(wide, narrow, gateways=gateways, where=where) for wide in wides)
        for narrow in narrows
    )


def entry_covers(wide: Manifest, narrow: Manifest, *, gateways: Sequence[str], where: str) -> bool:
    """Say whether every condition of ``wide`` follows from those of ``narrow``. Raises MalformedRoute."""
    for key, wanted in wide.items():
        if key in LABELS or key == "ignoreUriCase" or wanted is None:
            continue
        if key in LINES:
            holds = _line_follows(key, wide=wide, narrow=narrow, where=where)
        elif key in {"headers", "queryParams"}:
            holds = _values_follow(key, wide=wide, narrow=narrow, where=where)
        elif key == "gateways":
            bound = texts_at(narrow, key, where=where) or gateways
            holds = set(bound) <= set(texts_at(wide, key, where=where))
        elif key == "sourceLabels":
            labels = mapping_at(narrow, key, where=where)
            holds = mapping_at(wide, key, where=where).items() <= labels.items()
        else:
            holds = narrow.get(key) == wanted
        if not holds:
            return False
    return True


def _line_follows(key: str, *, wide: Manifest, narrow: Manifest, where: str) -> bool:
    kind, text = comparison_of(wide[key], where=f"{where}/{key}")
    if kind == "present" or (key == "uri" and (kind, text) == ("prefix", "/")):
        return True  # every request has a path, and it begins with a slash
    if narrow.get(key) is None:
        return False
    if key == "uri" and narrow.get("ignoreUriCase") and not wide.get("ignoreUriCase"):
        return False
    ignore_case = key == "uri" and wide.get("ignoreUriCase") is True
    return _follows(wide[key], narrow[key], where=f"{where}/{key}", ignore_case=ignore_case)


def _values_follow(key: str, *, wide: Manifest, narrow: Manifest, where: str) -> bool:
    def named(entry: Manifest) -> Manifest:
        values = mapping_at(entry, key, where=where)
        return {name.lower() if key == "headers" else name: values[name] for name in values}

    given = named(narrow)
    return all(
        name in given and _follows(matcher or {}, given[name] or {}, where=f"{where}/{key}/{name}")
        for name, matcher in named(wide).items()
    )


def _follows(wide: Manifest, narrow: Manifest, *, where: str, ignore_case: bool = False) -> bool:
    if wide == narrow:
        return True
    wide_kind, wide_text = comparison_of(wide, where=where)
    kind, text = comparison_of(narrow, where=where)
    if wide_kind == "present":
        return True
    if kind == "exact":
        return string_matches(wide, text, where=where, ignore_case=ignore_case)
    if kind == wide_kind == "prefix":
        return text.lower().startswith(wide_text.lower()) if ignore_case else text.startswith(wide_text)
    return False
