"""Rows of a release. They hold facts and invariants; what changes them is ``releases.flow``."""

from releases.models.access import ApiToken, Role, User
from releases.models.approval import Approval
from releases.models.audit import AuditEvent
from releases.models.calendar import Freeze, FreezeOverride, Holiday, ReleaseWindow
from releases.models.chain_check import ChainCheck
from releases.models.evidence import (
    AskedQueries,
    Calibration,
    JudgeMemory,
    MetricSnapshot,
    SnapshotPack,
    Verdict,
)
from releases.models.keeping import AuditArchive, FailedLogIn, SignedHead, UnrecordedChange
from releases.models.notification import Delivery, NotificationChannel
from releases.models.plan import PlanStep, RolloutPlan
from releases.models.proposal import Proposal
from releases.models.rehearsal import Rehearsal
from releases.models.rollout import Rollout, RolloutEdit, StepRun
from releases.models.standard import EmergencyRelease, StandardChange
from releases.models.traffic_change import TrafficChange, TrafficVote
from releases.models.train import Train, TrainMember

__all__ = [
    "ApiToken",
    "Approval",
    "AskedQueries",
    "AuditArchive",
    "AuditEvent",
    "Calibration",
    "ChainCheck",
    "Delivery",
    "EmergencyRelease",
    "FailedLogIn",
    "Freeze",
    "FreezeOverride",
    "Holiday",
    "JudgeMemory",
    "MetricSnapshot",
    "NotificationChannel",
    "PlanStep",
    "Proposal",
    "Rehearsal",
    "ReleaseWindow",
    "Role",
    "Rollout",
    "RolloutEdit",
    "RolloutPlan",
    "SignedHead",
    "SnapshotPack",
    "StandardChange",
    "StepRun",
    "TrafficChange",
    "TrafficVote",
    "Train",
    "TrainMember",
    "UnrecordedChange",
    "User",
    "Verdict",
]
