"""What can be done to a rollout, in the order in which it happens to one.

request -> approve -> advance (shift, measure, judge) -> conclude, with intervene for the operator's hand and record for the
audit trail. Doors call these functions, translate their errors, and do nothing more.
"""

from releases.flow.advance import advance
from releases.flow.catalogue import VersionConflict, register_version, save_catalogue
from releases.flow.perform import perform
from releases.flow.plans import delete_plan, save_plan
from releases.flow.raw_changes import record_raw_changes
from releases.flow.recompute import is_reproduced
from releases.flow.record import record_refusal
from releases.flow.rehearse import ask_rehearsal, carry_out_rehearsal, due_rehearsals, is_short, rehearsed_now
from releases.flow.request import create, edit
from releases.flow.tokens import issue_token, revoke_token
from releases.flow.traffic_change import (
    all_back,
    back_target,
    draft_change,
    finish_change,
    perform_change,
    request_change,
)
from releases.flow.verify import ChainReport, verify_chain

__all__ = [
    "ChainReport",
    "VersionConflict",
    "advance",
    "all_back",
    "ask_rehearsal",
    "back_target",
    "carry_out_rehearsal",
    "create",
    "delete_plan",
    "draft_change",
    "due_rehearsals",
    "edit",
    "finish_change",
    "is_reproduced",
    "is_short",
    "issue_token",
    "perform",
    "perform_change",
    "record_raw_changes",
    "record_refusal",
    "register_version",
    "rehearsed_now",
    "request_change",
    "revoke_token",
    "save_catalogue",
    "save_plan",
    "verify_chain",
]
