"""Words within the texts of audit events: a trigram index on PostgreSQL. SQLite, for a first look, reads the rows.

The expressions are those Django writes for ``icontains`` (``selectors.events_that_mention``). Where the migrating role may not
create the extension, or its files are not installed, the search works without the index, slower.
"""

from django.db import ProgrammingError, migrations
from django.db.utils import NotSupportedError
from django.db.transaction import atomic

_COLUMNS = ("actor", "action", "object_id", "reason")


def add(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    try:
        with atomic(using=schema_editor.connection.alias), schema_editor.connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except (ProgrammingError, NotSupportedError):
        return
    words = ", ".join(f'UPPER("{column}"::text) gin_trgm_ops' for column in _COLUMNS)
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(f"CREATE INDEX IF NOT EXISTS audit_of_words ON releases_auditevent USING gin ({words})")


def remove(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("DROP INDEX IF EXISTS audit_of_words")


class Migration(migrations.Migration):
    dependencies = [("releases", "0014_audit_search")]

    operations = [migrations.RunPython(add, remove)]
