"""``manage.py check --deploy`` as an operator runs it: a process, the environment, a PostgreSQL of its own."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
import pytest

from tests.on_postgresql import postgresql

ROOT = Path(__file__).parents[2]
GRANTS = re.compile(r"```sql\n(.*?)```", re.DOTALL)
KEY = base64.b64encode(bytes(range(32))).decode()


def manage(*arguments: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    given = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**given, "DJANGO_SETTINGS_MODULE": "portal.settings", **environ},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def owner() -> Iterator[str]:
    """Return the URL by which the owner of the tables comes to a migrated database with the grants of docs/audit.md."""
    (grants,) = GRANTS.findall((ROOT / "docs/audit.md").read_text(encoding="utf-8"))
    with postgresql() as url:
        migrated = manage(
            "migrate", "--noinput", "-v", "0", environ={"DATABASE_URL": url, "SECRET_KEY": "x" * 50}
        )
        assert migrated.returncode == 0, migrated.stderr
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE ROLE weir_run LOGIN")
            connection.execute(grants)
        yield url


@pytest.fixture
def production(owner: str) -> dict[str, str]:
    """Return an environment that production runs in: as the role that owns nothing."""
    return {
        "DATABASE_URL": owner.replace("weir@", "weir_run@"),
        "REDIS_URL": "rediss://redis.example.com:6379/0",
        "SECRET_KEY": "k3yed-by-nobody-0123456789-abcdefghijklmnopqrstuvwxyz",
        "ALLOWED_HOSTS": "weir.example.com",
        "WEIR_PUBLIC_URL": "https://weir.example.com",
        "WEIR_TRUSTED_PROXIES": "10.244.0.0/16",
        "WEIR_AUDIT_SIGNING_KEY": KEY,
        "WEIR_AUDIT_HEADS_URL": "https://heads.example.com/weir",
    }


def ids(environ: Mapping[str, str], *, only: str = "security") -> list[str]:
    """Run the checks of a tag ("" for all) and return the ids they name; it ends with an error exactly when it names one."""
    tags = ("--tag", only) if only else ()
    done = manage("check", "--deploy", "--fail-level", "WARNING", *tags, environ=environ)
    found = re.findall(r"\((\w+\.[EW]\d+)\)", done.stderr)
    assert (done.returncode != 0) == bool(found), done.stderr
    return found


def test_production_as_documented_has_nothing_to_say(production: dict[str, str]) -> None:
    assert ids(production, only="") == []


def test_a_proxy_that_redirects_is_accepted(production: dict[str, str]) -> None:
    assert ids({**production, "WEIR_SSL_REDIRECT": "false"}) == []


@pytest.mark.parametrize(
    ("left_out", "named"),
    [
        ("SECRET_KEY", ["portal.E001"]),
        ("ALLOWED_HOSTS", ["portal.E002"]),
        ("WEIR_TRUSTED_PROXIES", ["portal.W001"]),
        ("WEIR_AUDIT_SIGNING_KEY", ["releases.E004"]),
        ("WEIR_AUDIT_HEADS_URL", ["releases.E006"]),
    ],
)
def test_what_is_left_out_is_named(production: dict[str, str], left_out: str, named: list[str]) -> None:
    del production[left_out]
    assert ids(production) == named


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"WEIR_PUBLIC_URL": "http://weir.example.com"}, "portal.E003"),
        ({"WEIR_TRUSTED_PROXIES": "0.0.0.0/0"}, "portal.E004"),
        ({"WEIR_LAB": "true"}, "portal.E006"),
        ({"DEBUG": "true"}, "security.W018"),
        ({"WEIR_AUDIT_SIGNING_KEY": "c2hvcnQ="}, "releases.E005"),
        ({"DATABASE_URL": "postgres://weir_run@127.0.0.1:1/postgres"}, "releases.E002"),
    ],
)
def test_what_is_wrong_is_named(production: dict[str, str], changes: dict[str, str], named: str) -> None:
    assert named in ids({**production, **changes})


def test_sqlite_is_for_a_first_look(production: dict[str, str], tmp_path: Path) -> None:
    assert "portal.E005" in ids({**production, "DATABASE_URL": f"sqlite:///{tmp_path}/weir.sqlite3"})


def test_the_owner_of_the_tables_does_not_run_weir(production: dict[str, str], owner: str) -> None:
    assert ids({**production, "DATABASE_URL": owner}) == ["releases.E007"]


@pytest.mark.parametrize(
    ("off", "on"),
    [
        ("DISABLE TRIGGER audit_no_update", "ENABLE ALWAYS TRIGGER audit_no_update"),
        ("ENABLE TRIGGER auditevent_no_truncate", "ENABLE ALWAYS TRIGGER auditevent_no_truncate"),
    ],
    ids=["switched off", "silenced for replicas"],
)
def test_a_guard_that_does_not_fire_is_named(
    production: dict[str, str], owner: str, off: str, on: str
) -> None:
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(f"ALTER TABLE releases_auditevent {off}")
        try:
            done = manage("check", "--deploy", "--tag", "security", environ=production)
        finally:
            connection.execute(f"ALTER TABLE releases_auditevent {on}")
    assert done.returncode == 1
    assert f"releases_auditevent.{off.rsplit(' ', 1)[-1]}" in done.stderr


def test_a_missing_index_for_words_is_named_and_the_next_migrate_makes_it(
    production: dict[str, str], owner: str
) -> None:
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute("DROP EXTENSION pg_trgm CASCADE")
    assert ids(production) == ["releases.W001"]
    done = manage("migrate", "--noinput", "-v", "0", environ={"DATABASE_URL": owner, "SECRET_KEY": "x" * 50})
    assert done.returncode == 0, done.stderr
    assert ids(production) == []


def test_the_role_that_runs_weir_can_not_undo_what_was_decided(production: dict[str, str]) -> None:
    """The grants of docs/audit.md, tried: not even an UPDATE of nothing is let through."""
    with psycopg.connect(production["DATABASE_URL"], autocommit=True) as connection:
        for statement in (
            "UPDATE releases_auditevent SET actor = 'x' WHERE false",
            "UPDATE releases_approval SET by_id = 1 WHERE false",
            "UPDATE releases_trafficvote SET by_id = 1 WHERE false",
            "UPDATE releases_rolloutedit SET by_id = 1 WHERE false",
            "DELETE FROM releases_signedhead",
            "TRUNCATE releases_auditevent CASCADE",
            "DROP TRIGGER audit_no_update ON releases_auditevent",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
