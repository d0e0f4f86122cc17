"""The database's own guards: what they refuse, that none is missing, and what happens to a change nobody recorded."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.checks import run_checks
from django.db import IntegrityError, connection, transaction
from django.db.utils import DatabaseError
from django.utils import timezone

from releases import flow
from releases.domain.roles import RoleName
from releases.models import AuditEvent, Role, UnrecordedChange, User, guards
from services.models import Policy
from tests.admin.world import actor, person

pytestmark = pytest.mark.django_db


def sql(statements: str, *values: int) -> None:
    """Run SQL past the ORM, in a savepoint, so that a refusal leaves the test's transaction usable."""
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in statements.split(";"):
            cursor.execute(statement, values or None)


@pytest.fixture
def event() -> AuditEvent:
    somebody = person("somebody", RoleName.REQUESTER)
    flow.save_plan(name="plan", steps=[{"weight": 5, "bake_seconds": 60}], by=actor(somebody))
    return AuditEvent.objects.latest("seq")


def test_a_migrated_database_has_every_guard() -> None:
    assert guards.missing(connection) == []


def test_the_deployment_check_names_a_missing_guard() -> None:
    assert not [found for found in run_checks(include_deployment_checks=True) if found.id == "releases.E001"]
    gone = "audit_no_update"
    sql(
        f"DROP TRIGGER {gone} ON releases_auditevent"
        if connection.vendor == "postgresql"
        else f"DROP TRIGGER {gone}"
    )
    found = [found for found in run_checks(include_deployment_checks=True) if found.id == "releases.E001"]
    assert len(found) == 1
    assert gone in str(found[0].msg)


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="only PostgreSQL can silence a trigger")
def test_a_guard_that_does_not_fire_always_counts_as_missing() -> None:
    sql("ALTER TABLE releases_auditevent ENABLE TRIGGER audit_no_update")
    assert guards.missing(connection) == ["releases_auditevent.audit_no_update"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE releases_auditevent SET actor = 'nobody'",
        "UPDATE releases_auditevent SET seq = seq + 1",
        "DELETE FROM releases_auditevent",
        """INSERT INTO releases_auditarchive (first_seq, last_seq, last_hash, file, sha256, at)
           VALUES (1, 9, 'x', 'x', 'x', CURRENT_TIMESTAMP); DELETE FROM releases_auditevent""",
    ],
)
def test_the_trail_refuses_changes_by_sql(event: AuditEvent, statement: str) -> None:
    with pytest.raises(DatabaseError):
        sql(statement)
    assert AuditEvent.objects.filter(pk=event.pk, actor=event.actor, seq=event.seq).exists()


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has no TRUNCATE")
def test_the_trail_refuses_truncate_even_for_a_replica(event: AuditEvent) -> None:
    sql("SET CONSTRAINTS ALL IMMEDIATE")  # foreign keys that still wait would refuse first
    sql("SET LOCAL session_replication_role = replica")
    with pytest.raises(IntegrityError):
        sql("TRUNCATE releases_auditevent CASCADE")
    with pytest.raises(IntegrityError):
        sql("DELETE FROM releases_auditevent")


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="INSERT OR REPLACE is SQLite's")
def test_insert_or_replace_does_not_rewrite_an_event(event: AuditEvent) -> None:
    columns = ", ".join(f'"{field.column}"' for field in AuditEvent._meta.concrete_fields)
    with pytest.raises(IntegrityError):
        sql(
            f"INSERT OR REPLACE INTO releases_auditevent ({columns}) SELECT {columns} FROM releases_auditevent"
        )


@pytest.mark.parametrize("off", [{"seq": 2}, {"prev": "f" * 64}, {"at": timedelta(minutes=-1)}])
def test_an_event_that_does_not_follow_the_head_now_is_refused(
    event: AuditEvent, off: dict[str, object]
) -> None:
    fields = {"seq": event.seq + 1, "prev": event.hash, "at": timezone.now(), "hash": "a" * 64, "text": "{}"}
    if "at" in off:
        off = {"at": timezone.now() + timedelta(minutes=-1)}
    if "seq" in off:
        off = {"seq": event.seq + 2}
    given = {**fields, **off}
    with pytest.raises(IntegrityError), transaction.atomic():
        AuditEvent.objects.create(
            **given, actor="x", channel="api", action="x", object_type="x", object_id="1", outcome="done"
        )


def raw_events() -> list[AuditEvent]:
    flow.record_raw_changes()
    return list(AuditEvent.objects.filter(action="raw_change").order_by("seq"))


def test_a_queryset_update_leaves_an_event(event: AuditEvent) -> None:
    policy = Policy.objects.create(name="strict", approvals_needed=2)
    raw_events()
    Policy.objects.filter(pk=policy.pk).update(approvals_needed=1)
    told = raw_events()[-1]
    assert (told.actor, told.channel, told.object_type, told.object_id) == (
        "database",
        "database",
        "services_policy",
        str(policy.pk),
    )
    assert (told.before or {})["approvals_needed"] == 2
    assert (told.after or {})["approvals_needed"] == 1
    assert not UnrecordedChange.objects.exists()


def test_a_bulk_create_and_a_delete_by_sql_leave_events(event: AuditEvent) -> None:
    raw_events()
    user = User.objects.get(username="somebody")
    known = len(raw_events())
    Role.objects.bulk_create([Role(user=user, name=RoleName.OPERATOR.value)])
    sql("DELETE FROM releases_role WHERE user_id = %s", user.pk)
    told = [(row.object_type, row.reason.split()[0]) for row in raw_events()[known:]]
    assert told == [("releases_role", "insert"), *[("releases_role", "delete")] * 2]


def test_secrets_of_a_raw_change_are_not_told(event: AuditEvent) -> None:
    raw_events()
    User.objects.filter(username="somebody").update(password="pbkdf2$very-secret")
    told = raw_events()[-1]
    assert told.object_type == "releases_user"
    assert "very-secret" not in told.text


def test_what_changes_every_second_is_not_told(event: AuditEvent) -> None:
    raw_events()
    known = len(raw_events())
    User.objects.filter(username="somebody").update(last_login=timezone.now())
    assert len(raw_events()) == known


def test_an_act_with_its_event_leaves_no_second_one(event: AuditEvent) -> None:
    administrator = person("administrator", RoleName.POLICY_ADMINISTRATOR)
    known = len(raw_events())
    flow.save_catalogue(Policy(), by=actor(administrator), changes={"name": "by an act"})
    assert len(raw_events()) == known


@pytest.mark.parametrize("power", [RoleName.APPROVER, RoleName.OPERATOR])
def test_the_database_keeps_the_auditor_apart(power: RoleName) -> None:
    auditor = person("checker", RoleName.AUDITOR)
    with pytest.raises(IntegrityError), transaction.atomic():
        Role.objects.create(user=auditor, name=power.value)
    acting = person("doer", power, RoleName.VIEWER)
    with pytest.raises(IntegrityError), transaction.atomic():
        Role.objects.filter(user=acting, name=RoleName.VIEWER.value).update(name=RoleName.AUDITOR.value)


@pytest.mark.parametrize("power", [RoleName.APPROVER, RoleName.OPERATOR])
def test_the_database_keeps_the_auditor_apart_by_person(power: RoleName) -> None:
    auditor = person("checker", RoleName.AUDITOR)
    robot = User.objects.create_user("robot", belongs_to=auditor)
    with pytest.raises(IntegrityError), transaction.atomic():
        Role.objects.create(user=robot, name=power.value)
    acting = person("doer", power)
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=acting.pk).update(belongs_to=auditor)
    User.objects.filter(pk=person("reader", RoleName.VIEWER).pk).update(belongs_to=auditor)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("time", ["first", "second"])
def test_the_guards_are_on_again_after_the_tables_were_emptied(time: str) -> None:
    """The second time finds what emptying the tables after the first left: nothing but the guards."""
    assert not AuditEvent.objects.exists()
    somebody = person("somebody", RoleName.REQUESTER)
    flow.save_plan(name="plan", steps=[{"weight": 5, "bake_seconds": 60}], by=actor(somebody))
    assert guards.missing(connection) == []
