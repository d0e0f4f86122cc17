"""The triggers that hold what the code promises: the trail is append-only and chained, nobody votes on what is theirs.

They are put back after every ``migrate`` instead of being written by one migration: SQLite changes a table by making it
anew, which loses its triggers without a word, and refuses to do so while another table's trigger names it. So they are
taken off before (SQLite only) and put back after, and ``manage.py check --deploy`` says when one is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from releases.models.guards import postgresql, sqlite
from releases.models.guards.watched import WATCHED, Watch


def install(connection: BaseDatabaseWrapper) -> None:
    """Put every guard on, or put it on again as it is written now."""
    remove(connection)
    with connection.cursor() as cursor:
        for statement in _of(connection).install_sql(_tables(connection), _watched(connection)):
            cursor.execute(statement)


def remove(connection: BaseDatabaseWrapper) -> None:
    """Take every guard off: before a migration of SQLite, and by tests that play the owner of the database."""
    with connection.cursor() as cursor:
        for statement in _of(connection).remove_sql(_installed(connection)):
            cursor.execute(statement)


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """Return ``table.trigger`` of every guard that is absent or does not fire always, in order."""
    there = {f"{table}.{name}" for table, name, fires_always in _installed(connection) if fires_always}
    return sorted(_of(connection).expected(_watched(connection)) - there)


def guarded_tables(connection: BaseDatabaseWrapper) -> frozenset[str]:
    """Return the tables that triggers refuse to change: votes, roles, the trail and its books."""
    return frozenset(table for table, _name in _of(connection).GUARDS)


def after_migrate(sender: Any, using: str, **_kwargs: Any) -> None:
    """Receive ``post_migrate`` of the releases app."""
    install(connections[using])


def before_migrate(sender: Any, using: str, **_kwargs: Any) -> None:
    """Receive ``pre_migrate``: see the module's docstring."""
    if connections[using].vendor == "sqlite":
        remove(connections[using])


def _of(connection: BaseDatabaseWrapper) -> ModuleType:
    return postgresql if connection.vendor == "postgresql" else sqlite


def _tables(connection: BaseDatabaseWrapper) -> frozenset[str]:
    with connection.cursor() as cursor:
        return frozenset(connection.introspection.table_names(cursor))


def _watched(connection: BaseDatabaseWrapper) -> Mapping[str, Watch]:
    """Return the watched tables that exist, each with the columns that exist: half-migrated databases have fewer."""
    there = _tables(connection)
    if "releases_unrecordedchange" not in there:
        return {}
    found = {}
    with connection.cursor() as cursor:
        for table, watch in WATCHED.items():
            if table in there:
                columns = {
                    column.name for column in connection.introspection.get_table_description(cursor, table)
                }
                found[table] = watch.within(columns)
    return found


def _installed(connection: BaseDatabaseWrapper) -> list[tuple[str, str, bool]]:
    with connection.cursor() as cursor:
        cursor.execute(_of(connection).INSTALLED)
        return [(table, name, bool(always)) for table, name, always in cursor.fetchall()]
