"""Reason codes: why a rollout is where it is. They are for people; the engine never reads one."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """One code, one sentence (``releases.sentences``), in both languages."""

    WAITING_FOR_SUBMIT = "waiting_for_submit"
    WAITING_FOR_APPROVAL = "waiting_for_approval"
    WAITING_FOR_START = "waiting_for_start"
    STARTING = "starting"
    WRITING = "writing"
    BAKING = "baking"
    WAITING_FOR_EVIDENCE = "waiting_for_evidence"
    WAITING_FOR_PERSON = "waiting_for_person"
    WAITING_FOR_CHOICE = "waiting_for_choice"
    WAITING_FOR_CHECKS = "waiting_for_checks"
    WAITING_FOR_WINDOW = "waiting_for_window"
    WAITING_FOR_NOT_BEFORE = "waiting_for_not_before"
    HELD_BY_FREEZE = "held_by_freeze"
    PROMOTING = "promoting"
    PAUSED_BY_PERSON = "paused_by_person"
    DRIFTED = "drifted"
    VERSION_CHANGED = "version_changed"
    APPROVAL_VOID = "approval_void"
    APPROVAL_REVOKED = "approval_revoked"
    APPROVAL_EXPIRED = "approval_expired"
    CHECKS_FAILED = "checks_failed"
    SPLIT_MISMATCH = "split_mismatch"
    OVERDUE = "overdue"
    MESH_UNREACHABLE = "mesh_unreachable"
    MESH_REFUSED = "mesh_refused"
    METRICS_UNREACHABLE = "metrics_unreachable"
    INTERNAL_ERROR = "internal_error"
    GUARD_FAILED = "guard_failed"
    EVIDENCE_UNCLEAR = "evidence_unclear"
    ROLLED_BACK_BY_PERSON = "rolled_back_by_person"
    ROLLED_BACK_BY_FREEZE = "rolled_back_by_freeze"
    COMPLETED = "completed"
    ENDED_BY_PERSON = "ended_by_person"
