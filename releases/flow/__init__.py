"""What can be done to a rollout, in the order in which it happens to one.

request -> approve -> advance (shift, measure, judge) -> conclude, with intervene for the operator's hand and record for the
audit trail. Doors call these functions, translate their errors, and do nothing more.
"""

from releases.domain.verifier import Report
from releases.flow.access import appoint_administrators, delete_access, save_access
from releases.flow.accounts import check_powers_apart
from releases.flow.advance import advance
from releases.flow.archive import archive_audit
from releases.flow.attempts import tell_refusal
from releases.flow.calendar import (
    ask_override,
    change_freeze,
    delete_holiday,
    delete_window,
    import_freezes,
    lift_freeze,
    save_holiday,
    save_window,
)
from releases.flow.catalogue import VersionConflict, register_version, save_catalogue
from releases.flow.chain_checks import (
    ask_for_reading,
    carry_on_chain_check,
    due_chain_check,
    start_chain_check,
)
from releases.flow.deliver import deliver, due_deliveries, retry_delivery
from releases.flow.emergency import SHORTEST_REASON, release_in_emergency, review_emergency
from releases.flow.exports import begin_evidence_pack, begin_export
from releases.flow.four_eyes import (
    agree,
    check_may_decide,
    check_may_withdraw,
    propose,
    refuse,
    withdraw_proposal,
)
from releases.flow.freezes import create_freeze, press_red_button
from releases.flow.go_back import go_back
from releases.flow.guarded import guarded
from releases.flow.heads import send_heads, sign_head
from releases.flow.measured import as_measured
from releases.flow.measured_windows import questions_of
from releases.flow.notify import remind
from releases.flow.perform import check_first, perform
from releases.flow.plans import Owners, delete_plan, save_plan
from releases.flow.raw_changes import record_raw_changes
from releases.flow.recompute import Again, said_again
from releases.flow.record import record_refusal
from releases.flow.rehearse import ask_rehearsal, carry_out_rehearsal, due_rehearsals, is_short, rehearsed_now
from releases.flow.request import create, edit
from releases.flow.sign_in import (
    note_failed_log_in,
    record_failed_log_ins,
    record_log_in,
    record_log_out,
    wait_before_log_in,
)
from releases.flow.standard import propose_standard, revoke_standard
from releases.flow.thin import Thinned, rollouts_to_thin, thin_snapshots
from releases.flow.tokens import issue_token, revoke_token
from releases.flow.traffic_change import (
    all_back,
    back_target,
    check_change_first,
    draft_change,
    finish_change,
    perform_change,
    request_change,
)
from releases.flow.trains import (
    Asked,
    Statements,
    check_train_first,
    create_train,
    fingerprint_of_train,
    perform_train,
)
from releases.flow.verify import verify_chain

__all__ = [
    "SHORTEST_REASON",
    "Again",
    "Asked",
    "Owners",
    "Report",
    "Statements",
    "Thinned",
    "VersionConflict",
    "advance",
    "agree",
    "all_back",
    "appoint_administrators",
    "archive_audit",
    "as_measured",
    "ask_for_reading",
    "ask_override",
    "ask_rehearsal",
    "back_target",
    "begin_evidence_pack",
    "begin_export",
    "carry_on_chain_check",
    "carry_out_rehearsal",
    "change_freeze",
    "check_change_first",
    "check_first",
    "check_may_decide",
    "check_may_withdraw",
    "check_powers_apart",
    "check_train_first",
    "create",
    "create_freeze",
    "create_train",
    "delete_access",
    "delete_holiday",
    "delete_plan",
    "delete_window",
    "deliver",
    "draft_change",
    "due_chain_check",
    "due_deliveries",
    "due_rehearsals",
    "edit",
    "fingerprint_of_train",
    "finish_change",
    "go_back",
    "guarded",
    "import_freezes",
    "is_short",
    "issue_token",
    "lift_freeze",
    "note_failed_log_in",
    "perform",
    "perform_change",
    "perform_train",
    "press_red_button",
    "propose",
    "propose_standard",
    "questions_of",
    "record_failed_log_ins",
    "record_log_in",
    "record_log_out",
    "record_raw_changes",
    "record_refusal",
    "refuse",
    "register_version",
    "rehearsed_now",
    "release_in_emergency",
    "remind",
    "request_change",
    "retry_delivery",
    "review_emergency",
    "revoke_standard",
    "revoke_token",
    "rollouts_to_thin",
    "said_again",
    "save_access",
    "save_catalogue",
    "save_holiday",
    "save_plan",
    "save_window",
    "send_heads",
    "sign_head",
    "start_chain_check",
    "tell_refusal",
    "thin_snapshots",
    "verify_chain",
    "wait_before_log_in",
    "withdraw_proposal",
]
