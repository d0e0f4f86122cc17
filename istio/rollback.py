"""The one kubectl command that rolls a service back without Weir."""

from __future__ import annotations

import json
import shlex

from istio.documents import name_of, namespace_of, spec_of
from istio.mesh import Manifest
from istio.routes import SECTIONS
from istio.traffic import cleaned


def rollback_patch(
    live: Manifest, target: Manifest, *, host: str | None = None, routes: list[str] | None = None
) -> str:
    """Return the ``kubectl patch`` that gives the live object the target's routes, without anything of Weir.

    ``target`` is the rendered rollback, or an older baseline; ``host`` and ``routes`` are as
    ``cleaned`` takes them. Route lists are replaced whole and nothing is
    tested: the command printed before a release works at each of its steps, and twice. What it overwrites
    is what the routes' owner changed since it was printed. Raises MalformedRoute.
    """
    # `add` on a member of an object replaces it, and does not fail where it is missing, as `replace` would.
    operations = [
        {"op": "add", "path": f"/spec/{section}", "value": routes}
        for section in SECTIONS
        if (routes := spec_of(cleaned(target, host=host, routes=routes)).get(section)) is not None
    ]
    patch = json.dumps(operations, ensure_ascii=False, separators=(",", ":"))
    place = ["-n", namespace_of(live, default=namespace_of(target))]
    return shlex.join(
        ["kubectl", *place, "patch", "virtualservice", name_of(live), "--type", "json", "-p", patch]
    )
