"""Changing weights and rules of a service by hand: request -> decide -> write, the same promises as a rollout's.

Same checks, approval policy, fingerprint, drift check, audit trail and crash safety. What leads back needs no vote,
and is refused by no check, drift, vote or freeze.
"""

from releases.flow.traffic_change.back import all_back, back_target
from releases.flow.traffic_change.perform import check_change_first, finish_change, perform_change
from releases.flow.traffic_change.request import draft_change, request_change

__all__ = [
    "all_back",
    "back_target",
    "check_change_first",
    "draft_change",
    "finish_change",
    "perform_change",
    "request_change",
]
