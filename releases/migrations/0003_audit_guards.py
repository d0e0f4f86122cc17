"""Triggers: audit events are append-only and chained; nobody votes on what they asked for or edited."""

from django.db import migrations

SQLITE = [
    """CREATE TRIGGER audit_no_update BEFORE UPDATE ON releases_auditevent
       BEGIN SELECT RAISE(ABORT, 'audit events are append-only'); END""",
    """CREATE TRIGGER audit_no_delete BEFORE DELETE ON releases_auditevent
       BEGIN SELECT RAISE(ABORT, 'audit events are append-only'); END""",
    """CREATE TRIGGER audit_follows_head BEFORE INSERT ON releases_auditevent
       WHEN NEW.seq != COALESCE((SELECT MAX(seq) FROM releases_auditevent), 0) + 1
         OR NEW.prev != COALESCE((SELECT hash FROM releases_auditevent ORDER BY seq DESC LIMIT 1), printf('%064d', 0))
         OR ABS(julianday(NEW.at) - julianday('now')) * 86400 > 5
       BEGIN SELECT RAISE(ABORT, 'an audit event follows the head of the chain, now'); END""",
    """CREATE TRIGGER approval_by_somebody_else BEFORE INSERT ON releases_approval
       WHEN EXISTS (SELECT 1 FROM releases_rollout WHERE id = NEW.rollout_id AND requested_by_id = NEW.by_id)
         OR EXISTS (SELECT 1 FROM releases_rolloutedit WHERE rollout_id = NEW.rollout_id AND by_id = NEW.by_id)
       BEGIN SELECT RAISE(ABORT, 'requester and editors do not decide'); END""",
    """CREATE TRIGGER approval_stays BEFORE UPDATE OF rollout_id, by_id, decision, reason, fingerprint, evidence, evidence_hash, created_at
       ON releases_approval BEGIN SELECT RAISE(ABORT, 'a vote is not changed, only voided'); END""",
    """CREATE TRIGGER approval_no_delete BEFORE DELETE ON releases_approval
       BEGIN SELECT RAISE(ABORT, 'a vote is not deleted, only voided'); END""",
]
POSTGRESQL = [
    """CREATE FUNCTION weir_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN RAISE EXCEPTION '% on % is refused: append-only', TG_OP, TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation'; END $$""",
    "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON releases_auditevent FOR EACH ROW EXECUTE FUNCTION weir_refuse()",
    "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON releases_auditevent FOR EACH STATEMENT EXECUTE FUNCTION weir_refuse()",
    """CREATE FUNCTION weir_follows_head() RETURNS trigger LANGUAGE plpgsql AS $$
       DECLARE head RECORD;
       BEGIN
         SELECT seq, hash INTO head FROM releases_auditevent ORDER BY seq DESC LIMIT 1;
         IF NEW.seq <> COALESCE(head.seq, 0) + 1 OR NEW.prev <> COALESCE(head.hash, repeat('0', 64))
            OR abs(extract(epoch FROM NEW.at - clock_timestamp())) > 5 THEN
           RAISE EXCEPTION 'an audit event follows the head of the chain, now' USING ERRCODE = 'integrity_constraint_violation';
         END IF;
         RETURN NEW;
       END $$""",
    "CREATE TRIGGER audit_follows_head BEFORE INSERT ON releases_auditevent FOR EACH ROW EXECUTE FUNCTION weir_follows_head()",
    """CREATE FUNCTION weir_somebody_else() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN
         IF EXISTS (SELECT 1 FROM releases_rollout WHERE id = NEW.rollout_id AND requested_by_id = NEW.by_id)
            OR EXISTS (SELECT 1 FROM releases_rolloutedit WHERE rollout_id = NEW.rollout_id AND by_id = NEW.by_id) THEN
           RAISE EXCEPTION 'requester and editors do not decide' USING ERRCODE = 'integrity_constraint_violation';
         END IF;
         RETURN NEW;
       END $$""",
    "CREATE TRIGGER approval_by_somebody_else BEFORE INSERT ON releases_approval FOR EACH ROW EXECUTE FUNCTION weir_somebody_else()",
    """CREATE TRIGGER approval_stays BEFORE UPDATE OF rollout_id, by_id, decision, reason, fingerprint, evidence, evidence_hash, created_at
       ON releases_approval FOR EACH ROW EXECUTE FUNCTION weir_refuse()""",
    "CREATE TRIGGER approval_no_delete BEFORE DELETE ON releases_approval FOR EACH ROW EXECUTE FUNCTION weir_refuse()",
    "ALTER TABLE releases_auditevent ENABLE ALWAYS TRIGGER audit_no_change",
    "ALTER TABLE releases_auditevent ENABLE ALWAYS TRIGGER audit_no_truncate",
    "ALTER TABLE releases_auditevent ENABLE ALWAYS TRIGGER audit_follows_head",
    "ALTER TABLE releases_approval ENABLE ALWAYS TRIGGER approval_by_somebody_else",
]


def guard(apps, schema_editor):
    for statement in POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement, params=None)  # a percent sign in them is no placeholder


class Migration(migrations.Migration):
    dependencies = [("releases", "0002_initial")]

    # Not reversible: a trail that can be unguarded by a migration is no trail.
    operations = [migrations.RunPython(guard)]
