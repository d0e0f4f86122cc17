"""The operators' door: pages that read by ``selectors``, act by ``flow``, and turn refusals into messages."""

from releases.admin import (
    catalogue,
    notifications,
    people,
    plans,
    records,
    rollouts,
    sign_in,
    tokens,
    traffic_changes,
)

__all__ = [
    "catalogue",
    "notifications",
    "people",
    "plans",
    "records",
    "rollouts",
    "sign_in",
    "tokens",
    "traffic_changes",
]
