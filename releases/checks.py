"""``manage.py check --deploy``: is the audit trail guarded where it runs?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 - Django's own name for it
from django.db import DatabaseError, connection

from releases.domain.chain import BadKey
from releases.flow.kept_heads import signing_public_key
from releases.models import guards, word_index


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
    """Without signed heads that are kept elsewhere nobody sees that the end of the trail was cut off."""
    found: list[CheckMessage] = []
    try:
        if not signing_public_key():
            found.append(
                Error(
                    "WEIR_AUDIT_SIGNING_KEY is not set: no head of the audit trail is signed.",
                    hint="Make a key with `manage.py audit_key --new` and give its public half to the auditors.",
                    id="releases.E004",
                )
            )
    except (BadKey, ValueError) as error:
        hint = "Make a key with `manage.py audit_key --new`."
        found.append(Error(f"WEIR_AUDIT_SIGNING_KEY: {error}", hint=hint, id="releases.E005"))
    if not (settings.AUDIT_HEADS_FILE or settings.AUDIT_HEADS_URL):
        found.append(
            Error(
                "No signed head of the audit trail is kept outside the database.",
                hint="Set WEIR_AUDIT_HEADS_FILE or WEIR_AUDIT_HEADS_URL (docs/audit.md).",
                id="releases.E006",
            )
        )
    return found


@register(Tags.security, deploy=True)
def words_are_indexed(app_configs: Any, **_kwargs: Any) -> Sequence[CheckMessage]:
    """Without trigrams a search for words reads the whole trail."""
    try:
        absent = word_index.missing(connection)
    except DatabaseError:
        return []  # said above
    if not absent:
        return []
    return [
        Warning(
            f"The {absent} is missing: a search for words in the audit trail reads every event.",
            hint="As a superuser of the database: CREATE EXTENSION pg_trgm; then run `manage.py migrate` as the owner of the tables.",
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
    """The role Weir runs as must own none of the guarded tables: an owner can take the guards off."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename = ANY(%s)"
            " AND pg_has_role(current_user, tableowner, 'USAGE') ORDER BY tablename",
            [sorted(guards.guarded_tables(connection))],
        )
        owned = [name for (name,) in cursor.fetchall()]
    if not owned:
        return []
    return [
        Error(
            f"The database role Weir runs as owns {', '.join(owned)}, or is a member of the role that does.",
            hint="Migrate as one role, run as another with the grants of docs/audit.md.",
            id="releases.E007",
        )
    ]
