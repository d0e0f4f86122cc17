"""What somebody else changed in the mesh, place by place: as it was approved, as Weir wrote it, as it is."""

from __future__ import annotations

from typing import Any

from istio.difference import three_way
from istio.sentence import from_parts
from releases.said import said


def drift_seen(drift: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a rollout's drift with ``rows``: each place at which the mesh is not what Weir wrote.

    A row is ``{"path", "baseline", "written", "live"}``; a value is a weight in percent, other JSON, or None where there is nothing.
    """
    if drift is None:
        return None
    sides = {side: _by_destination(drift[side]) for side in ("baseline", "written", "live")}
    rows = [
        {"path": row.path, "baseline": row.baseline, "written": row.written, "live": row.live}
        for row in three_way(sides["baseline"], sides["written"], sides["live"])
        if row.live != row.written
    ]
    return {**drift, "rows": rows}


def _by_destination(part: dict[str, Any]) -> dict[str, Any]:
    """Name base routes and weights as people do; ``owned_part`` keeps them in the order in which they are compared."""
    if "problem" in part:
        return {"problem": said(from_parts(part, "problem")), "code": part.get("code", "")}
    return {
        key: [_named(item) for item in value] if isinstance(value, list) else value
        for key, value in part.items()
    }


def _named(route: dict[str, Any]) -> dict[str, Any]:
    if "base" not in route:
        return route
    named = {subset for _host, subset, _weight in route["weights"]}
    is_telling = all(named) and len(named) == len(route["weights"])

    def by_destination(rows: list[list[Any]]) -> dict[str, Any]:
        return {
            subset if is_telling else f"{host} {subset}".rstrip(): number for host, subset, number in rows
        }

    # A drift that was stored by an older Weir has neither ports nor rules.
    ports, rules = by_destination(route.get("ports", [])), route.get("rules", [])
    return {
        "name": route["base"] or "*",
        "weights": by_destination(route["weights"]),
        "mirrors": route["mirrors"],
        **({"ports": ports} if ports else {}),
        **({"rules": rules} if rules else {}),
    }
