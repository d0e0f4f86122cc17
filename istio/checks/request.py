"""What is asked when a rollout is submitted, beyond its documents: described here, made by who has Prometheus and the API server."""

from __future__ import annotations

from dataclasses import dataclass

from istio.sentence import Sentence


@dataclass(frozen=True, slots=True)
class RequestCheck:
    """A code that never changes its meaning, what it finds, and what to do. It is always an error."""

    code: str
    title: Sentence
    finds: str
    remedy: Sentence


ALREADY_SERVED = RequestCheck(
    "WEIR0001",
    Sentence("The candidate has no traffic yet"),
    "The candidate already gets requests, so that there would be nothing to compare and nothing to roll back to.",
    Sentence("Give its traffic back to the stable version first: all back on the service's page."),
)
UNMEASURED = RequestCheck(
    "WEIR0003",
    Sentence("A guard metric has data"),
    "No guard metric of the service had data in the last hour, so that nothing could be judged.",
    Sentence("Send it requests and see that Prometheus scrapes it. An emergency release goes without."),
)
NO_WAY_BACK = RequestCheck(
    "WEIR0004",
    Sentence("The rollback can be written"),
    "The API server refused the write that would roll back, tried as a dry run.",
    Sentence("Correct what its answer names: an admission rule, a permission, or the VirtualService itself."),
)
REQUEST_CHECKS = (ALREADY_SERVED, UNMEASURED, NO_WAY_BACK)
