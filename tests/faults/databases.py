"""The database that a rig's processes share: a SQLite file, or a database on the PostgreSQL that the suite runs on."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.core.management import call_command
from django.db import connections as databases
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.base import DatabaseWrapper as PostgreSQL
from django.db.backends.sqlite3.base import DatabaseWrapper as SQLite

_PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "recursive_triggers=ON", "legacy_alter_table=ON")


@contextmanager
def rig_database(folder: Path) -> Iterator[str]:
    """Use a migrated database of the rig's own inside the block; yield its URL, for the processes."""
    server = os.environ.get("DATABASE_URL", "")
    if not server.startswith("postgres"):
        with database_in(folder):
            yield f"sqlite:///{folder / 'weir.sqlite3'}"
        return
    name = f"rig_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    told = {"ENGINE": "django.db.backends.postgresql", "NAME": name}
    with _used(PostgreSQL(_like_the_suites(told), alias="default")):
        yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))


@contextmanager
def database_in(folder: Path) -> Iterator[SQLite]:
    """Use a database file of its own, migrated, with the settings of the portal, and no transaction around the test."""
    told = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(folder / "weir.sqlite3"),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": " ".join(f"PRAGMA {pragma};" for pragma in _PRAGMAS),
        },
    }
    mine = SQLite(_like_the_suites(told), alias="default")
    with _used(mine):
        yield mine


def _like_the_suites(told: dict[str, Any]) -> dict[str, Any]:
    connection: Any = databases["default"]
    return {**connection.settings_dict, **told}


@contextmanager
def _used(mine: BaseDatabaseWrapper) -> Iterator[None]:
    before = databases["default"]
    databases["default"] = mine
    try:
        call_command("migrate", verbosity=0)
        yield
    finally:
        mine.close()
        databases["default"] = before
