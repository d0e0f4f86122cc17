"""The object comes near what Kubernetes stores."""

from __future__ import annotations

import json
from collections.abc import Iterator

from istio.checks.check import Check
from istio.checks.facts import CheckFacts
from istio.checks.finding import Finding, Severity
from istio.sentence import Sentence
from istio.traffic import MAX_OBJECT_BYTES

CODE = "WEIR0109"


def find(facts: CheckFacts) -> Iterator[Finding]:
    """Weigh the JSON as it would be sent; half of the limit is a warning."""
    size = len(json.dumps(facts.virtual_service, ensure_ascii=False).encode(errors="replace"))
    if size <= MAX_OBJECT_BYTES // 2:
        return
    is_over = size >= MAX_OBJECT_BYTES
    yield Finding(
        CODE,
        Severity.ERROR if is_over else Severity.WARNING,
        "spec",
        Sentence(
            "The object would have {size} bytes; below {limit} Kubernetes stores it safely, and every "
            "proxy holds it. Shorten the user lists, or use a sticky percentage.",
            size=size,
            limit=MAX_OBJECT_BYTES,
        ),
    )


CHECK = Check(
    CODE,
    Sentence("Object size"),
    Severity.ERROR,
    f"The VirtualService would have over {MAX_OBJECT_BYTES // 2} bytes; from {MAX_OBJECT_BYTES} on it is refused.",
    Sentence("Shorten the user lists, or use sticky users instead."),
    find,
)
