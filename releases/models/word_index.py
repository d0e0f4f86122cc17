"""The index for words within the texts of audit events, on PostgreSQL: trigrams over what ``selectors.events_that_mention`` asks.

Migration ``audit_words`` made it where it could. Where the extension came later, the next ``migrate`` makes it.
"""

from __future__ import annotations

from typing import Any

from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.transaction import atomic

NAME = "audit_of_words"
_COLUMNS = ("actor", "action", "object_id", "reason")


def after_migrate(sender: Any, using: str, **_kwargs: Any) -> None:
    """Receive ``post_migrate``: make the index if it is missing and the database lets us."""
    install(connections[using])


def install(connection: BaseDatabaseWrapper) -> None:
    """Make the extension and the index. What the role may not do, or the server has no files for, ``missing`` tells."""
    if connection.vendor != "postgresql" or not missing(connection):
        return
    words = ", ".join(f'UPPER("{column}"::text) gin_trgm_ops' for column in _COLUMNS)
    try:
        with atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            cursor.execute(f"CREATE INDEX IF NOT EXISTS {NAME} ON releases_auditevent USING gin ({words})")
    except DatabaseError:
        return


def missing(connection: BaseDatabaseWrapper) -> str:
    """Say what is not there, the extension or the index; nothing where there is none to have."""
    if (
        connection.vendor != "postgresql"
        or "releases_auditevent" not in connection.introspection.table_names()
    ):
        return ""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'")
        if cursor.fetchone() is None:
            return "extension pg_trgm"
        cursor.execute("SELECT 1 FROM pg_class WHERE relname = %s AND relkind = 'i'", [NAME])
        return "" if cursor.fetchone() else f"index {NAME}"
