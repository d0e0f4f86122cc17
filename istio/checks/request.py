"""What is asked when a rollout is submitted, beyond its documents: described here, made by who has Prometheus and the API server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RequestCheck:
    """A code that never changes its meaning, what it finds, and what to do. It is always an error."""

    code: str
    title: str
    finds: str
    remedy: str


UNMEASURED = RequestCheck(
    "WEIR0003",
    "A guard metric has data",
    "No guard metric of the service had data in the last hour, so that nothing could be judged.",
    "Send it requests and see that Prometheus scrapes it. An emergency release goes without.",
)
NO_WAY_BACK = RequestCheck(
    "WEIR0004",
    "The rollback can be written",
    "The API server refused the write that would roll back, tried as a dry run.",
    "Correct what its answer names: an admission rule, a permission, or the VirtualService itself.",
)
REQUEST_CHECKS = (UNMEASURED, NO_WAY_BACK)
