"""Does the traffic arrive as it was written? The judge's sample-ratio test, read on its own.

The judge rolls back on the evidence of all metrics together. A split that does not arrive (a VirtualService that is bound to
nothing, a subset without pods) harms nobody at first, so its own evidence is enough to stop, and only to stop: silence is no
data, and a split that is not tested (rules, sticky users, a mirror) contradicts nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

METRIC_PREFIX = "sample_ratio"
CONTRADICTS = math.log(1 / 0.01)
"""Log of the e-value from which a split counts as contradicted: in 1 of 100 releases whose split is as written, at most."""


def contradiction(metrics: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the observed split (percent for the candidate, requests) if it contradicts the declared weights, else None.

    ``metrics`` are ``MetricEvidence`` as a verdict stores them: log e-value, and requests with declared weight per version.
    """
    for metric in metrics:
        if str(metric["metric"]).startswith(METRIC_PREFIX) and metric["log_e"] >= CONTRADICTS:
            mine, theirs = metric["candidate"][0], metric["stable"][0]
            whole = mine + theirs
            share = round(100 * mine / whole, 1) if whole else None
            return {"observed": share, "requests": round(whole)}
    return None
