"""Moving old events out: sealed segments only, never below the floor, and the chain goes on over archive and rest."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from pytest_django.fixtures import Settings

from releases import flow
from releases.clock import database_now
from releases.domain.actor import Actor, Channel
from releases.domain.verifier import GENESIS, verify
from releases.flow import record as recording
from releases.flow.kept_heads import own_heads, signing_public_key
from releases.flow.verify import lines_of
from releases.models import AuditArchive, AuditEvent, guards
from tests.admin.world import World, actor

CLI = Actor(name="cli:root", channel=Channel.CLI)
YEARS = timedelta(days=3 * 365)


@pytest.fixture(autouse=True)
def key(settings: Settings) -> None:
    settings.AUDIT_SIGNING_KEY = base64.b64encode(bytes(range(32))).decode()
    settings.AUDIT_KEPT_DAYS = 180


def plans(world: World, *, first: int, count: int) -> None:
    step = [{"weight": 5, "bake_seconds": 60}]
    for number in range(first, first + count):
        flow.save_plan(name=f"plan {number}", steps=step, by=actor(world.requester))


@contextmanager
def long_ago(monkeypatch: pytest.MonkeyPatch, *, days: int) -> Iterator[datetime]:
    """Let acts be recorded as if it were then. The guards would not have it, so they are off meanwhile."""
    then = database_now() - timedelta(days=days)
    guards.remove(connection)
    with monkeypatch.context() as patch:
        patch.setattr(recording, "database_now", lambda: then)
        yield then
    guards.install(connection)


@pytest.fixture
def old(world: World, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> int:
    """Events of 200 days ago (or as many as the test says), the first six of them under a signed head; return its number."""
    days = getattr(request, "param", 200)
    with long_ago(monkeypatch, days=days) as then:
        # What the world itself did just now would come before: it is written anew, as of then.
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM releases_auditevent")
        plans(world, first=0, count=6)
        flow.sign_head(clock=lambda: then, at_once=True)
        plans(world, first=6, count=2)
    plans(world, first=8, count=2)
    flow.sign_head(clock=database_now, at_once=True)
    return 6


def archived(folder: Path) -> AuditArchive | None:
    return flow.archive_audit(by=CLI, folder=folder, clock=database_now)


def lines_in(file: str) -> list[dict[str, Any]]:
    with gzip.open(file, "rt", encoding="utf-8") as packed:
        return [json.loads(line) for line in packed]


def test_the_sealed_segment_moves_and_is_told(old: int, tmp_path: Path) -> None:
    hashes = list(AuditEvent.objects.filter(seq__lte=old).order_by("seq").values_list("hash", flat=True))
    archive = archived(tmp_path)
    assert archive is not None
    assert (archive.first_seq, archive.last_seq, archive.last_hash) == (1, old, hashes[-1])
    assert [line["hash"] for line in lines_in(archive.file)] == hashes
    assert AuditEvent.objects.order_by("seq").first().seq == old + 1  # type: ignore[union-attr]  # two are left at least
    event = AuditEvent.objects.get(action="archive_audit")
    assert event.actor == CLI.name
    assert {name: (event.after or {})[name] for name in ("first", "last", "sha256")} == {
        "first": 1,
        "last": old,
        "sha256": archive.sha256,
    }


def test_archive_and_rest_are_one_chain(old: int, tmp_path: Path) -> None:
    archive = archived(tmp_path)
    assert archive is not None
    assert flow.verify_chain().is_sound
    call_command("audit_verify")
    whole = [*lines_in(archive.file), *lines_of(AuditEvent.objects.order_by("seq"))]
    report = verify(whole, heads=list(own_heads()), public_key=signing_public_key(), first=1, prev=GENESIS)
    assert (report.problem, report.events) == ("", len(whole))
    assert report.heads == 2


def test_nothing_is_archived_twice(old: int, tmp_path: Path) -> None:
    assert archived(tmp_path) is not None
    assert archived(tmp_path) is None, "what is left is not sealed by an old head"
    assert flow.verify_chain().is_sound


def test_what_no_head_seals_stays(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with long_ago(monkeypatch, days=400):
        plans(world, first=0, count=3)
    assert archived(tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_the_retention_is_kept(old: int, tmp_path: Path, settings: Settings) -> None:
    settings.AUDIT_KEPT_DAYS = YEARS.days
    assert archived(tmp_path) is None


@pytest.mark.parametrize("old", [100], indirect=True)
def test_the_database_keeps_the_floor_whatever_the_settings_say(
    old: int, tmp_path: Path, settings: Settings
) -> None:
    settings.AUDIT_KEPT_DAYS = 1
    known = AuditEvent.objects.count()
    with pytest.raises(DatabaseError):
        archived(tmp_path)
    assert (AuditEvent.objects.count(), AuditArchive.objects.count()) == (known, 0)


def test_what_does_not_verify_stays_where_it_can_be_looked_at(old: int, tmp_path: Path) -> None:
    guards.remove(connection)
    AuditEvent.objects.filter(seq=3).update(actor="nobody")
    guards.install(connection)
    with pytest.raises(CommandError, match="Event 3"):
        call_command("audit_archive", folder=str(tmp_path))
    assert AuditEvent.objects.filter(seq=3).exists()
    assert not AuditArchive.objects.exists()


def test_the_command_says_what_it_did(old: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("audit_archive", folder=str(tmp_path))
    assert f"1-{old}: {tmp_path}" in capsys.readouterr().out
    call_command("audit_archive", folder=str(tmp_path))
    assert "Nothing is old enough" in capsys.readouterr().out
    with pytest.raises(CommandError, match="folder that exists"):
        call_command("audit_archive", folder=str(tmp_path / "nowhere"))
