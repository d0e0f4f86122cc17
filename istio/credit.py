"""Whose doing is a business event? A payment is made in one service and caused by another's version. Pure.

A service that users are split on (it exports ``assignments_total``) is credited by ``variant``: what the
users who saw that version did, wherever they did it. Any other service is credited by ``version`` with what
it counted itself, and by ``caller_version`` with what it asked another service to do. A query template that answers with Istio's
own labels is credited by ``destination_version``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from istio.telemetry import Target

NO_VERSION = ("", "none")
"""Label values that name no version: the caller did not say."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of an answer: its labels and its value."""

    labels: Mapping[str, str]
    value: float


def concerns(labels: Mapping[str, str], target: Target) -> bool:
    """Say whether a row may be the target's: of its namespace, or of none, as outside Kubernetes."""
    namespace = labels.get("destination_service_namespace") or labels.get("namespace", "")
    return namespace in ("", target.namespace)


def splits_users(target: Target, rows: Iterable[Row]) -> bool:
    """Say whether the target is among the services that export assignments."""
    return any(row.labels.get("service") == target.service and concerns(row.labels, target) for row in rows)


def credited(rows: Iterable[Row], *, target: Target, by_variant: bool) -> dict[str, float]:
    """Sum the rows that are the target's doing, by its version. Versions without a row are absent."""
    sums: defaultdict[str, float] = defaultdict(float)
    for row in rows:
        version = _credited_version(row.labels, target=target, by_variant=by_variant)
        if version not in NO_VERSION:
            sums[version] += row.value
    return dict(sums)


def _credited_version(labels: Mapping[str, str], *, target: Target, by_variant: bool) -> str:
    if not concerns(labels, target):
        return ""
    if labels.get("destination_service_name") == target.service:
        return labels.get("destination_version", "")
    if by_variant and "variant" in labels:
        return labels.get("variant", "")
    if labels.get("service") == target.service:
        return labels.get("version", "")
    if labels.get("caller") == target.service:
        return labels.get("caller_version", "")
    return ""
