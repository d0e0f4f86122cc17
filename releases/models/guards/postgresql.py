"""The guards in PostgreSQL's words. Every trigger is ENABLE ALWAYS: ``session_replication_role`` does not silence it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from releases.models.guards.watched import Watch

_ERROR = "USING ERRCODE = 'integrity_constraint_violation'"

_FUNCTIONS = (
    f"""CREATE OR REPLACE FUNCTION weir_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN RAISE EXCEPTION '% on % is refused: append-only', TG_OP, TG_TABLE_NAME {_ERROR}; END $$""",
    f"""CREATE OR REPLACE FUNCTION weir_refuse_unless_archived() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN
         IF EXISTS (SELECT 1 FROM releases_auditarchive WHERE OLD.seq BETWEEN first_seq AND last_seq)
            AND OLD.at < clock_timestamp() - interval '180 days' THEN
           RETURN OLD;
         END IF;
         RAISE EXCEPTION 'audit events are append-only' {_ERROR};
       END $$""",
    f"""CREATE OR REPLACE FUNCTION weir_archives_what_is_sealed() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN
         IF NEW.first_seq <> COALESCE((SELECT MAX(last_seq) FROM releases_auditarchive), 0) + 1 OR NOT EXISTS (
              SELECT 1 FROM releases_auditevent e JOIN releases_signedhead h ON h.seq = e.seq AND h.hash = e.hash
              WHERE e.seq = NEW.last_seq AND e.hash = NEW.last_hash AND e.at < clock_timestamp() - interval '180 days') THEN
           RAISE EXCEPTION 'an archive follows the one before and ends with a signed head older than 180 days' {_ERROR};
         END IF;
         RETURN NEW;
       END $$""",
    f"""CREATE OR REPLACE FUNCTION weir_follows_head() RETURNS trigger LANGUAGE plpgsql AS $$
       DECLARE head RECORD;
       BEGIN
         SELECT seq, hash INTO head FROM releases_auditevent ORDER BY seq DESC LIMIT 1;
         IF NEW.seq <> COALESCE(head.seq, 0) + 1 OR NEW.prev <> COALESCE(head.hash, repeat('0', 64))
            OR abs(extract(epoch FROM NEW.at - clock_timestamp())) > 5 THEN
           RAISE EXCEPTION 'an audit event follows the head of the chain, now' {_ERROR};
         END IF;
         RETURN NEW;
       END $$""",
    f"""CREATE OR REPLACE FUNCTION weir_somebody_else() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN
         IF (SELECT COALESCE(belongs_to_id, id) FROM releases_user WHERE id = NEW.by_id) IN (
           SELECT COALESCE(u.belongs_to_id, u.id) FROM releases_rollout r JOIN releases_user u ON u.id = r.requested_by_id
             WHERE r.id = NEW.rollout_id
           UNION SELECT COALESCE(u.belongs_to_id, u.id) FROM releases_rolloutedit e JOIN releases_user u ON u.id = e.by_id
             WHERE e.rollout_id = NEW.rollout_id) THEN
           RAISE EXCEPTION 'requester and editors do not decide' {_ERROR};
         END IF;
         RETURN NEW;
       END $$""",
    f"""CREATE OR REPLACE FUNCTION weir_change_decided_by_another() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN
         IF (SELECT COALESCE(belongs_to_id, id) FROM releases_user WHERE id = NEW.by_id) = (
           SELECT COALESCE(u.belongs_to_id, u.id) FROM releases_trafficchange c JOIN releases_user u ON u.id = c.requested_by_id
             WHERE c.id = NEW.change_id) THEN
           RAISE EXCEPTION 'who asked for a change does not decide on it' {_ERROR};
         END IF;
         RETURN NEW;
       END $$""",
    f"""CREATE OR REPLACE FUNCTION weir_two_persons() RETURNS trigger LANGUAGE plpgsql AS $$
       DECLARE first bigint := (to_jsonb(NEW)->>TG_ARGV[0])::bigint; second bigint := (to_jsonb(NEW)->>TG_ARGV[1])::bigint;
       BEGIN
         IF (SELECT COALESCE(belongs_to_id, id) FROM releases_user WHERE id = first)
          = (SELECT COALESCE(belongs_to_id, id) FROM releases_user WHERE id = second) THEN
           RAISE EXCEPTION 'this takes two persons' {_ERROR};
         END IF;
         RETURN NEW;
       END $$""",
    # Two roles given at one instant must see each other: the person's row is locked first.
    f"""CREATE OR REPLACE FUNCTION weir_powers_apart() RETURNS trigger LANGUAGE plpgsql AS $$
       DECLARE held text[]; person bigint;
       BEGIN
         SELECT COALESCE(belongs_to_id, id) INTO person FROM releases_user WHERE id = NEW.user_id;
         PERFORM 1 FROM releases_user WHERE id IN (person, NEW.user_id) ORDER BY id FOR UPDATE;
         SELECT array_agg(r.name) INTO held FROM releases_role r JOIN releases_user u ON u.id = r.user_id
           WHERE COALESCE(u.belongs_to_id, u.id) = person AND r.id <> NEW.id;
         IF (NEW.name = 'auditor' AND held && ARRAY['approver', 'operator'])
            OR (NEW.name IN ('approver', 'operator') AND 'auditor' = ANY(held)) THEN
           RAISE EXCEPTION 'an auditor is neither approver nor operator' {_ERROR};
         END IF;
         RETURN NEW;
       END $$""",
    f"""CREATE OR REPLACE FUNCTION weir_person_powers_apart() RETURNS trigger LANGUAGE plpgsql AS $$
       DECLARE held text[];
       BEGIN
         IF NEW.belongs_to_id IS NULL THEN RETURN NEW; END IF;
         PERFORM 1 FROM releases_user WHERE id = NEW.belongs_to_id FOR UPDATE;
         SELECT array_agg(r.name) INTO held FROM releases_role r JOIN releases_user u ON u.id = r.user_id
           WHERE u.id = NEW.id OR COALESCE(u.belongs_to_id, u.id) = NEW.belongs_to_id;
         IF 'auditor' = ANY(held) AND held && ARRAY['approver', 'operator'] THEN
           RAISE EXCEPTION 'an auditor is neither approver nor operator' {_ERROR};
         END IF;
         RETURN NEW;
       END $$""",
    """CREATE OR REPLACE FUNCTION weir_shown(row_of jsonb, columns text[]) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
       SELECT jsonb_object_agg(key, value) FROM jsonb_each(row_of) WHERE key = ANY(columns) $$""",
    """CREATE OR REPLACE FUNCTION weir_watch() RETURNS trigger LANGUAGE plpgsql AS $$
       DECLARE old_row jsonb; new_row jsonb; watched text[] := TG_ARGV[0]::text[]; shown text[] := TG_ARGV[1]::text[];
       BEGIN
         IF TG_OP <> 'INSERT' THEN old_row := to_jsonb(OLD); END IF;
         IF TG_OP <> 'DELETE' THEN new_row := to_jsonb(NEW); END IF;
         IF TG_OP = 'UPDATE' AND weir_shown(old_row, watched) IS NOT DISTINCT FROM weir_shown(new_row, watched) THEN
           RETURN NULL;
         END IF;
         INSERT INTO releases_unrecordedchange (table_name, row_id, operation, before, after, mark, at)
         VALUES (TG_TABLE_NAME, COALESCE(new_row->>'id', old_row->>'id'), lower(TG_OP),
                 weir_shown(old_row, shown), weir_shown(new_row, shown),
                 pg_current_xact_id()::text::bigint, clock_timestamp());
         RETURN NULL;
       END $$""",
)

GUARDS: Mapping[tuple[str, str], str] = {
    (
        "releases_auditevent",
        "audit_no_update",
    ): "BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION weir_refuse()",
    ("releases_auditevent", "audit_no_delete"): "BEFORE DELETE ON {table} "
    "FOR EACH ROW EXECUTE FUNCTION weir_refuse_unless_archived()",
    ("releases_auditevent", "audit_follows_head"): "BEFORE INSERT ON {table} "
    "FOR EACH ROW EXECUTE FUNCTION weir_follows_head()",
    ("releases_approval", "approval_by_somebody_else"): "BEFORE INSERT ON {table} "
    "FOR EACH ROW EXECUTE FUNCTION weir_somebody_else()",
    (
        "releases_approval",
        "approval_stays",
    ): "BEFORE UPDATE OF rollout_id, by_id, decision, reason, fingerprint, "
    "evidence, evidence_hash, created_at ON {table} FOR EACH ROW EXECUTE FUNCTION weir_refuse()",
    ("releases_approval", "approval_no_delete"): "BEFORE DELETE ON {table} "
    "FOR EACH ROW EXECUTE FUNCTION weir_refuse()",
    ("releases_trafficvote", "traffic_vote_by_somebody_else"): "BEFORE INSERT ON {table} "
    "FOR EACH ROW EXECUTE FUNCTION weir_change_decided_by_another()",
    (
        "releases_trafficvote",
        "traffic_vote_stays",
    ): "BEFORE UPDATE OF change_id, by_id, decision, reason, fingerprint, "
    "evidence, evidence_hash, created_at ON {table} FOR EACH ROW EXECUTE FUNCTION weir_refuse()",
    ("releases_trafficvote", "traffic_vote_no_delete"): "BEFORE DELETE ON {table} "
    "FOR EACH ROW EXECUTE FUNCTION weir_refuse()",
    **{
        (table, f"{table.removeprefix('releases_')}_stays_void"): "BEFORE UPDATE OF voided_at ON {table} "
        "FOR EACH ROW WHEN (OLD.voided_at IS NOT NULL) EXECUTE FUNCTION weir_refuse()"
        for table in ("releases_approval", "releases_trafficvote")
    },
    **{
        (
            table,
            f"{table.removeprefix('releases_')}_keeps_requester",
        ): "BEFORE UPDATE OF requested_by_id ON {table} "
        "FOR EACH ROW WHEN (OLD.requested_by_id <> NEW.requested_by_id) EXECUTE FUNCTION weir_refuse()"
        for table in ("releases_rollout", "releases_trafficchange")
    },
    ("releases_rolloutedit", "edit_stays"): "BEFORE UPDATE OR DELETE ON {table} "
    "FOR EACH ROW EXECUTE FUNCTION weir_refuse()",
    (
        "releases_proposal",
        "proposal_stays",
    ): "BEFORE UPDATE OF kind, asked_by_id, account_id, after ON {table} FOR EACH ROW "
    "WHEN (OLD.kind <> NEW.kind OR OLD.asked_by_id <> NEW.asked_by_id OR OLD.after <> NEW.after "
    "OR OLD.account_id IS DISTINCT FROM NEW.account_id) "
    "EXECUTE FUNCTION weir_refuse()",
    ("releases_proposal", "proposal_stays_decided"): "BEFORE UPDATE OF state, decided_by_id ON {table} "
    "FOR EACH ROW WHEN (OLD.state <> 'open') EXECUTE FUNCTION weir_refuse()",
    ("releases_proposal", "proposal_by_somebody_else"): "BEFORE INSERT OR UPDATE ON {table} "
    "FOR EACH ROW WHEN (NEW.state IN ('agreed', 'refused')) "
    "EXECUTE FUNCTION weir_two_persons('asked_by_id', 'decided_by_id')",
    ("releases_proposal", "proposal_not_for_oneself"): "BEFORE INSERT OR UPDATE ON {table} "
    "FOR EACH ROW EXECUTE FUNCTION weir_two_persons('asked_by_id', 'account_id')",
    ("releases_proposal", "proposal_not_about_decider"): "BEFORE INSERT OR UPDATE ON {table} "
    "FOR EACH ROW WHEN (NEW.state IN ('agreed', 'refused')) "
    "EXECUTE FUNCTION weir_two_persons('decided_by_id', 'account_id')",
    ("releases_emergencyrelease", "review_by_somebody_else"): "BEFORE INSERT OR UPDATE ON {table} "
    "FOR EACH ROW EXECUTE FUNCTION weir_two_persons('declared_by_id', 'reviewed_by_id')",
    ("releases_freezeoverride", "override_by_two_persons"): "BEFORE INSERT OR UPDATE ON {table} "
    "FOR EACH ROW EXECUTE FUNCTION weir_two_persons('asked_by_id', 'agreed_by_id')",
    ("releases_auditarchive", "archive_of_what_is_sealed"): "BEFORE INSERT ON {table} "
    "FOR EACH ROW EXECUTE FUNCTION weir_archives_what_is_sealed()",
    ("releases_auditarchive", "archive_stays"): "BEFORE UPDATE OR DELETE ON {table} "
    "FOR EACH ROW EXECUTE FUNCTION weir_refuse()",
    ("releases_signedhead", "head_no_update"): "BEFORE UPDATE OF seq, hash, at, signature, key_id ON {table} "
    "FOR EACH ROW EXECUTE FUNCTION weir_refuse()",
    ("releases_signedhead", "head_no_delete"): "BEFORE DELETE ON {table} "
    "FOR EACH ROW EXECUTE FUNCTION weir_refuse()",
    ("releases_role", "role_powers_apart"): "BEFORE INSERT OR UPDATE ON {table} "
    "FOR EACH ROW EXECUTE FUNCTION weir_powers_apart()",
    ("releases_user", "user_powers_apart"): "BEFORE UPDATE OF belongs_to_id ON {table} "
    "FOR EACH ROW EXECUTE FUNCTION weir_person_powers_apart()",
    **{
        (table, f"{table.removeprefix('releases_')}_no_truncate"): "BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION weir_refuse()"
        for table in (
            "releases_auditevent",
            "releases_auditarchive",
            "releases_signedhead",
            "releases_approval",
            "releases_trafficvote",
            "releases_rolloutedit",
        )
    },
}

INSTALLED = """SELECT relname, tgname, tgenabled = 'A' FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
  WHERE NOT tgisinternal AND relnamespace = 'public'::regnamespace ORDER BY 1, 2"""


def install_sql(tables: frozenset[str], watched: Mapping[str, Watch]) -> Iterator[str]:
    """Yield what makes the functions, and the triggers of the tables that are there."""
    yield from _FUNCTIONS
    wanted = {
        (table, name): body.format(table=table) for (table, name), body in GUARDS.items() if table in tables
    }
    wanted |= {
        (table, f"watch_{table}"): f"AFTER INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW "
        f"EXECUTE FUNCTION weir_watch('{_array(watch.columns)}', '{_array(watch.shown)}')"
        for table, watch in watched.items()
    }
    for (table, name), body in wanted.items():
        yield f"CREATE TRIGGER {name} {body}"
        yield f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"


def remove_sql(installed: list[tuple[str, str, bool]]) -> Iterator[str]:
    """Yield what takes these triggers off. Foreign keys that are still to be checked would refuse it."""
    yield "SET CONSTRAINTS ALL IMMEDIATE"
    for table, name, _always in installed:
        yield f'DROP TRIGGER "{name}" ON "{table}"'


def expected(watched: Mapping[str, Watch]) -> set[str]:
    """Return ``table.trigger`` of everything that must be there."""
    return {f"{table}.{name}" for table, name in GUARDS} | {f"{table}.watch_{table}" for table in watched}


def _array(names: tuple[str, ...]) -> str:
    return "{" + ",".join(names) + "}"
