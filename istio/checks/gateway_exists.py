"""The VirtualService is bound to a Gateway that is not there, or leaves out the mesh."""

from __future__ import annotations

from collections.abc import Iterator

from istio.checks.check import Check
from istio.checks.facts import CheckFacts
from istio.checks.finding import Finding, Severity
from istio.documents import name_of, namespace_of, objects_at, texts_at
from istio.effective import MESH_GATEWAY
from istio.routes import SECTIONS, sections_of
from istio.sentence import Sentence

CODE = "WEIR0106"


def find(facts: CheckFacts) -> Iterator[Finding]:
    """Look up every gateway named. What is missing was missing before: a warning, not an error."""
    known = {(namespace_of(gateway, default=facts.namespace), name_of(gateway)) for gateway in facts.gateways}
    seen = {namespace for namespace, _ in known} | {facts.home}
    for path, written in _named(facts):
        namespace, _, name = written.rpartition("/")
        namespace = facts.home if namespace in {"", "."} else namespace
        if written == MESH_GATEWAY or namespace not in seen or (namespace, name) in known:
            continue
        message = Sentence(
            "There is no Gateway {namespace}/{name}: nothing arrives through it. Correct the "
            "name, or create it.",
            namespace=namespace,
            name=name,
        )
        yield Finding(CODE, Severity.WARNING, path, message)
    if MESH_GATEWAY not in {written for _, written in _named(facts)}:
        message = Sentence(
            "The VirtualService is not bound to 'mesh': calls between services ignore its weights "
            "and reach every version's pods. Add 'mesh' to the gateways if services call this "
            "host."
        )
        yield Finding(CODE, Severity.INFO, "spec/gateways", message)


def _named(facts: CheckFacts) -> list[tuple[str, str]]:
    """Return path and name of every gateway of the VirtualService and of its match entries."""
    named = [(f"spec/gateways[{index}]", name) for index, name in enumerate(facts.gateway_names())]
    for place, route in sections_of(facts.virtual_service, only=SECTIONS):
        for entry_index, entry in enumerate(objects_at(route, "match", where=str(place))):
            where = f"{place}/match[{entry_index}]"
            names = texts_at(entry, "gateways", where=where)
            named += [(f"{where}/gateways[{index}]", name) for index, name in enumerate(names)]
    return named


CHECK = Check(
    CODE,
    Sentence("Gateway exists"),
    Severity.WARNING,
    "The VirtualService is bound to a Gateway that does not exist, or to Gateways only and not to the mesh.",
    Sentence("Correct the name or create the Gateway; add `mesh` if services inside call the host."),
    find,
)
