"""``manage.py check --deploy``: is the audit trail guarded where it runs?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError, connection

from releases.models import guards


@register(Tags.security, deploy=True)
def guards_are_on(app_configs: Any, **_kwargs: Any) -> Sequence[CheckMessage]:
    """Say which trigger is missing, or that the database does not answer."""
    try:
        missing = guards.missing(connection)
        found: list[CheckMessage] = [
            Error(
                f"The guard {name} is missing or does not always fire: the audit trail is open to changes.",
                hint="Run `manage.py migrate` as the owner of the tables; it puts every guard on again.",
                id="releases.E001",
            )
            for name in missing
        ]
        return found + (_on_postgresql() if connection.vendor == "postgresql" else _on_sqlite())
    except DatabaseError as error:
        return [Error(f"The database does not answer: {error}", id="releases.E002")]


@register(Tags.security, deploy=True)
def heads_are_signed(app_configs: Any, **_kwargs: Any) -> Sequence[CheckMessage]:
    """Without heads kept elsewhere nobody sees that the end of the trail was cut off."""
    if settings.AUDIT_SIGNING_KEY and (settings.AUDIT_HEADS_FILE or settings.AUDIT_HEADS_URL):
        return []
    return [
        checks.Warning(
            "No signed heads of the audit trail are kept outside the database.",
            hint="Set WEIR_AUDIT_SIGNING_KEY, and WEIR_AUDIT_HEADS_FILE or WEIR_AUDIT_HEADS_URL (docs/audit.md).",
            id="releases.W001",
        )
    ]


def _on_sqlite() -> list[CheckMessage]:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA recursive_triggers")
        if cursor.fetchone()[0] == 1:
            return []
    return [
        Error(
            "PRAGMA recursive_triggers is off: INSERT OR REPLACE would rewrite audit events.",
            id="releases.E003",
        )
    ]


def _on_postgresql() -> list[CheckMessage]:
    """The role Weir runs as must not own the trail: an owner can take the guards off."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_has_role(current_user, tableowner, 'USAGE') FROM pg_tables"
            " WHERE schemaname = 'public' AND tablename = 'releases_auditevent'"
        )
        if not cursor.fetchone()[0]:
            return []
    return [
        checks.Warning(
            "The database role Weir runs as owns the audit trail, or is a member of the role that does.",
            hint="Migrate as one role, run as another with the grants of docs/audit.md.",
            id="releases.W002",
        )
    ]
