"""Which tables are audited: a change of one of these columns without an audit event is itself made one.

The columns are what a row means. What changes every second (leases, wake-ups, last log-in) is left out; what is secret is
watched but never shown.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Watch:
    """``shown`` columns are told with their values, ``silent`` ones only by the fact that they changed."""

    shown: tuple[str, ...]
    silent: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        return self.shown + self.silent

    def within(self, columns: Container[str]) -> Watch:
        """Return the part of it that these columns have."""
        return Watch(
            shown=tuple(name for name in self.shown if name in columns),
            silent=tuple(name for name in self.silent if name in columns),
        )


WATCHED: Mapping[str, Watch] = {
    "releases_user": Watch(
        ("username", "title", "email", "is_active", "is_staff", "is_superuser", "belongs_to_id"), silent=("password",)
    ),
    "releases_user_groups": Watch(("user_id", "group_id")),
    "releases_role": Watch(("user_id", "name", "group_id")),
    "releases_apitoken": Watch(("user_id", "name", "scopes", "expires_at", "revoked_at"), silent=("digest",)),
    "releases_notificationchannel": Watch(
        ("name", "kind", "url_env", "secret_env", "subject", "group_id", "is_active")
    ),
    "auth_group": Watch(("name",)),
    "services_cluster": Watch(("name", "kubeconfig_env", "prometheus_url")),
    "services_service": Watch(
        (
            "name", "namespace", "cluster_id", "host", "port", "virtual_service", "destination_rule",
            "policy_id", "owners_id", "stable_id", "shadow", "metrics_source",
        )
    ),
    "services_version": Watch(("service_id", "name", "subset", "labels", "image", "commit")),
    "services_metric": Watch(("name", "kind", "role", "direction", "margin", "numerator", "denominator")),
    "services_rolloutlimit": Watch(("cluster_id", "group_id", "rollouts")),
    "services_policy": Watch(
        ("name", "approvals_needed", "signing", "guard_allowed", "token_approval_allowed", "number")
    ),
    "services_policy_required_groups": Watch(("policy_id", "group_id")),
    "services_policy_signers": Watch(("policy_id", "group_id")),
    "releases_rolloutplan": Watch(("name", "strategy", "evidence", "owners_id")),
    "releases_planstep": Watch(
        ("plan_id", "position", "weight", "bake_seconds", "gate", "not_before", "rules", "sticky", "mirror")
    ),
    "releases_rollout": Watch(
        ("service_id", "stable_id", "candidate_id", "state", "fingerprint", "requested_by_id", "start_at"),
        silent=("frozen_plan", "baseline"),
    ),
    "releases_trafficchange": Watch(
        (
            "service_id", "stable_id", "candidate_id", "state", "weight", "needs_vote", "fingerprint",
            "requested_by_id",
        ),
        silent=("spec", "baseline"),
    ),
    "releases_trafficvote": Watch(("change_id", "by_id", "decision", "fingerprint", "voided_at")),
    "releases_approval": Watch(("rollout_id", "by_id", "decision", "fingerprint", "voided_at")),
    "releases_freeze": Watch(
        (
            "name", "cluster_id", "service_id", "starts_at", "ends_at", "time_zone", "rule", "days", "effect",
            "lifted_at",
        )
    ),
    "releases_releasewindow": Watch(
        ("name", "cluster_id", "service_id", "starts_at", "ends_at", "time_zone", "rule", "days")
    ),
    "releases_holiday": Watch(("day", "name", "working")),
    "releases_freezeoverride": Watch(("freeze_id", "rollout_id", "asked_by_id", "agreed_by_id")),
    "releases_proposal": Watch(("kind", "state", "asked_by_id", "account_id", "decided_by_id", "after")),
    "releases_standardchange": Watch(
        ("plan_id", "plan_digest", "service_id", "max_weight", "valid_until", "revoked_at")
    ),
    "releases_emergencyrelease": Watch(("rollout_id", "declared_by_id", "due_at", "reviewed_by_id", "outcome")),
}  # fmt: skip
