"""The guards in SQLite's words. ``PRAGMA recursive_triggers`` is part of them: without it INSERT OR REPLACE deletes unseen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from releases.models.guards.watched import Watch

_ARCHIVED = "EXISTS (SELECT 1 FROM releases_auditarchive WHERE OLD.seq BETWEEN first_seq AND last_seq)"
_OLD_ENOUGH = "julianday('now') - julianday(OLD.at) > 180"
_NOW = "strftime('%Y-%m-%d %H:%M:%f', 'now')"

_OTHER_ROLES = """SELECT 1 FROM releases_role r JOIN releases_user u ON u.id = r.user_id WHERE r.id IS NOT NEW.id
  AND COALESCE(u.belongs_to_id, u.id) = (SELECT COALESCE(belongs_to_id, id) FROM releases_user WHERE id = NEW.user_id)"""
_ROLES_TOGETHER = """SELECT 1 FROM releases_role r JOIN releases_user u ON u.id = r.user_id
  WHERE (u.id = NEW.id OR COALESCE(u.belongs_to_id, u.id) = NEW.belongs_to_id)"""

GUARDS: Mapping[tuple[str, str], str] = {
    ("releases_auditevent", "audit_no_update"): "BEFORE UPDATE ON {table} "
    "BEGIN SELECT RAISE(ABORT, 'audit events are append-only'); END",
    (
        "releases_auditevent",
        "audit_no_delete",
    ): f"BEFORE DELETE ON {{table}} WHEN NOT ({_ARCHIVED} AND {_OLD_ENOUGH}) "
    "BEGIN SELECT RAISE(ABORT, 'audit events are append-only'); END",
    ("releases_auditevent", "audit_follows_head"): """BEFORE INSERT ON {table}
       WHEN NEW.seq != COALESCE((SELECT MAX(seq) FROM {table}), 0) + 1
         OR NEW.prev != COALESCE((SELECT hash FROM {table} ORDER BY seq DESC LIMIT 1), printf('%064d', 0))
         OR ABS(julianday(NEW.at) - julianday('now')) * 86400 > 5
       BEGIN SELECT RAISE(ABORT, 'an audit event follows the head of the chain, now'); END""",
    ("releases_auditarchive", "archive_of_what_is_sealed"): """BEFORE INSERT ON {table}
       WHEN NEW.first_seq != COALESCE((SELECT MAX(last_seq) FROM {table}), 0) + 1 OR NOT EXISTS (
         SELECT 1 FROM releases_auditevent e JOIN releases_signedhead h ON h.seq = e.seq AND h.hash = e.hash
         WHERE e.seq = NEW.last_seq AND e.hash = NEW.last_hash AND julianday('now') - julianday(e.at) > 180)
       BEGIN SELECT RAISE(ABORT, 'an archive follows the one before and ends with a signed head older than 180 days'); END""",
    ("releases_auditarchive", "archive_no_update"): "BEFORE UPDATE ON {table} "
    "BEGIN SELECT RAISE(ABORT, 'archives are append-only'); END",
    ("releases_auditarchive", "archive_no_delete"): "BEFORE DELETE ON {table} "
    "BEGIN SELECT RAISE(ABORT, 'archives are append-only'); END",
    ("releases_signedhead", "head_no_update"): "BEFORE UPDATE OF seq, hash, at, signature, key_id ON {table} "
    "BEGIN SELECT RAISE(ABORT, 'signed heads are append-only'); END",
    ("releases_signedhead", "head_no_delete"): "BEFORE DELETE ON {table} "
    "BEGIN SELECT RAISE(ABORT, 'signed heads are append-only'); END",
    ("releases_approval", "approval_by_somebody_else"): """BEFORE INSERT ON {table}
       WHEN (SELECT COALESCE(belongs_to_id, id) FROM releases_user WHERE id = NEW.by_id) IN (
         SELECT COALESCE(u.belongs_to_id, u.id) FROM releases_rollout r JOIN releases_user u ON u.id = r.requested_by_id
           WHERE r.id = NEW.rollout_id
         UNION SELECT COALESCE(u.belongs_to_id, u.id) FROM releases_rolloutedit e JOIN releases_user u ON u.id = e.by_id
           WHERE e.rollout_id = NEW.rollout_id)
       BEGIN SELECT RAISE(ABORT, 'requester and editors do not decide'); END""",
    (
        "releases_approval",
        "approval_stays",
    ): """BEFORE UPDATE OF rollout_id, by_id, decision, reason, fingerprint, evidence, evidence_hash, created_at
       ON {table} BEGIN SELECT RAISE(ABORT, 'a vote is not changed, only voided'); END""",
    ("releases_approval", "approval_no_delete"): "BEFORE DELETE ON {table} "
    "BEGIN SELECT RAISE(ABORT, 'a vote is not deleted, only voided'); END",
    ("releases_trafficvote", "traffic_vote_by_somebody_else"): """BEFORE INSERT ON {table}
       WHEN (SELECT COALESCE(belongs_to_id, id) FROM releases_user WHERE id = NEW.by_id) = (
         SELECT COALESCE(u.belongs_to_id, u.id) FROM releases_trafficchange c JOIN releases_user u ON u.id = c.requested_by_id
           WHERE c.id = NEW.change_id)
       BEGIN SELECT RAISE(ABORT, 'who asked for a change does not decide on it'); END""",
    (
        "releases_trafficvote",
        "traffic_vote_stays",
    ): """BEFORE UPDATE OF change_id, by_id, decision, reason, fingerprint, evidence, evidence_hash, created_at
       ON {table} BEGIN SELECT RAISE(ABORT, 'a vote is not changed, only voided'); END""",
    ("releases_trafficvote", "traffic_vote_no_delete"): "BEFORE DELETE ON {table} "
    "BEGIN SELECT RAISE(ABORT, 'a vote is not deleted, only voided'); END",
    ("releases_user", "user_powers_apart"): f"""BEFORE UPDATE OF belongs_to_id ON {{table}}
       WHEN NEW.belongs_to_id IS NOT NULL AND EXISTS ({_ROLES_TOGETHER} AND r.name = 'auditor')
         AND EXISTS ({_ROLES_TOGETHER} AND r.name IN ('approver', 'operator'))
       BEGIN SELECT RAISE(ABORT, 'an auditor is neither approver nor operator'); END""",
    **{
        (table, f"{table.removeprefix('releases_')}_stays_void"): "BEFORE UPDATE OF voided_at ON {table} "
        "WHEN OLD.voided_at IS NOT NULL BEGIN SELECT RAISE(ABORT, 'a voided vote stays void'); END"
        for table in ("releases_approval", "releases_trafficvote")
    },
    **{
        (
            table,
            f"{table.removeprefix('releases_')}_keeps_requester",
        ): "BEFORE UPDATE OF requested_by_id ON {table} "
        "WHEN OLD.requested_by_id IS NOT NEW.requested_by_id "
        "BEGIN SELECT RAISE(ABORT, 'who asked for it stays who asked for it'); END"
        for table in ("releases_rollout", "releases_trafficchange")
    },
    ("releases_rolloutedit", "edit_no_update"): "BEFORE UPDATE ON {table} "
    "BEGIN SELECT RAISE(ABORT, 'edits are append-only'); END",
    ("releases_rolloutedit", "edit_no_delete"): "BEFORE DELETE ON {table} "
    "BEGIN SELECT RAISE(ABORT, 'edits are append-only'); END",
    (
        "releases_proposal",
        "proposal_stays",
    ): 'BEFORE UPDATE OF kind, asked_by_id, account_id, "after" ON {table} '
    'WHEN OLD.kind IS NOT NEW.kind OR OLD.asked_by_id IS NOT NEW.asked_by_id OR OLD."after" IS NOT NEW."after" '
    "OR OLD.account_id IS NOT NEW.account_id "
    "BEGIN SELECT RAISE(ABORT, 'what was proposed stays what was proposed'); END",
    ("releases_proposal", "proposal_stays_decided"): "BEFORE UPDATE OF state, decided_by_id ON {table} "
    "WHEN OLD.state != 'open' BEGIN SELECT RAISE(ABORT, 'a decided proposal stays decided'); END",
    **{
        (table, f"{name}_{event.lower()}"): f"BEFORE {event} ON {{table}} WHEN {condition} AND "
        f"(SELECT COALESCE(belongs_to_id, id) FROM releases_user WHERE id = NEW.{first}) = "
        f"(SELECT COALESCE(belongs_to_id, id) FROM releases_user WHERE id = NEW.{second}) "
        "BEGIN SELECT RAISE(ABORT, 'this takes two persons'); END"
        for event in ("INSERT", "UPDATE")
        for table, name, first, second, condition in (
            (
                "releases_proposal",
                "proposal_by_somebody_else",
                "asked_by_id",
                "decided_by_id",
                "NEW.state IN ('agreed', 'refused')",
            ),
            ("releases_proposal", "proposal_not_for_oneself", "asked_by_id", "account_id", "1"),
            (
                "releases_proposal",
                "proposal_not_about_decider",
                "decided_by_id",
                "account_id",
                "NEW.state IN ('agreed', 'refused')",
            ),
            ("releases_emergencyrelease", "review_by_somebody_else", "declared_by_id", "reviewed_by_id", "1"),
            ("releases_freezeoverride", "override_by_two_persons", "asked_by_id", "agreed_by_id", "1"),
        )
    },
    **{
        ("releases_role", f"role_powers_apart_{event.lower()}"): f"""BEFORE {event} ON {{table}}
       WHEN (NEW.name = 'auditor' AND EXISTS ({_OTHER_ROLES} AND r.name IN ('approver', 'operator')))
         OR (NEW.name IN ('approver', 'operator') AND EXISTS ({_OTHER_ROLES} AND r.name = 'auditor'))
       BEGIN SELECT RAISE(ABORT, 'an auditor is neither approver nor operator'); END"""
        for event in ("INSERT", "UPDATE")
    },
}

INSTALLED = "SELECT tbl_name, name, 1 FROM sqlite_master WHERE type = 'trigger'"


def install_sql(tables: frozenset[str], watched: Mapping[str, Watch]) -> Iterator[str]:
    """Yield what makes the triggers of the tables that are there."""
    for (table, name), body in GUARDS.items():
        if table in tables and ("releases_auditarchive" in tables or "auditarchive" not in body):
            yield f"CREATE TRIGGER {name} {body.format(table=table)}"
    for table, watch in watched.items():
        yield from _watch(table, watch)


def remove_sql(installed: list[tuple[str, str, bool]]) -> Iterator[str]:
    """Yield what takes these triggers off."""
    for _table, name, _always in installed:
        yield f'DROP TRIGGER "{name}"'


def expected(watched: Mapping[str, Watch]) -> set[str]:
    """Return ``table.trigger`` of everything that must be there."""
    watches = {f"{table}.watch_{table}_{event}" for table in watched for event in _EVENTS}
    return {f"{table}.{name}" for table, name in GUARDS} | watches


_EVENTS = ("insert", "update", "delete")


def _watch(table: str, watch: Watch) -> Iterator[str]:
    """A change that no act has recorded yet is written down; ``flow.record`` takes it away again in the same transaction."""
    changed = " OR ".join(f'OLD."{name}" IS NOT NEW."{name}"' for name in watch.columns)
    watched_columns = ", ".join(f'"{name}"' for name in watch.columns)
    when = {
        "insert": ("INSERT", "", "NULL", _row("NEW", watch), "NEW"),
        "update": (
            f"UPDATE OF {watched_columns}",
            f"WHEN {changed}",
            _row("OLD", watch),
            _row("NEW", watch),
            "NEW",
        ),
        "delete": ("DELETE", "", _row("OLD", watch), "NULL", "OLD"),
    }
    for event, (on, condition, before, after, row) in when.items():
        yield f"""CREATE TRIGGER watch_{table}_{event} AFTER {on} ON {table} {condition}
          BEGIN INSERT INTO releases_unrecordedchange (table_name, row_id, operation, "before", "after", mark, at)
            VALUES ('{table}', {row}.id, '{event}', {before}, {after},
                    COALESCE((SELECT MAX(seq) FROM releases_auditevent), 0), {_NOW}); END"""


def _row(which: str, watch: Watch) -> str:
    return "json_object(" + ", ".join(f"'{name}', {which}.\"{name}\"" for name in watch.shown) + ")"
