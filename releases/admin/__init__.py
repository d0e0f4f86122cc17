"""The operators' door: pages that read by ``selectors``, act by ``flow``, and turn refusals into messages."""

from releases.admin import (
    calendar,
    catalogue,
    notifications,
    people,
    plans,
    proposals,
    records,
    rollouts,
    sign_in,
    tokens,
    traffic_changes,
)

__all__ = [
    "calendar",
    "catalogue",
    "notifications",
    "people",
    "plans",
    "proposals",
    "records",
    "rollouts",
    "sign_in",
    "tokens",
    "traffic_changes",
]
