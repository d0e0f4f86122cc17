"""Each of the tamperings is prevented by a guard, and named by both verifiers where no guard was."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.utils import DatabaseError
from pytest_django.fixtures import Settings

from releases import flow, selectors
from releases.clock import database_now
from releases.domain import verifier
from releases.domain.fingerprint import digest
from releases.domain.states import Event
from releases.flow.traffic_change.decide import approve_change
from releases.models import Approval, AuditArchive, AuditEvent, SignedHead, TrafficVote, guards
from tests.admin.world import World, actor
from tests.audit.tampering import (
    EVENTS,
    TAMPERINGS,
    Tampering,
    at,
    make_up_an_archive,
    public_key,
    recompute,
    table,
)

DOCUMENT = Path(__file__).parents[2] / "docs" / "audit.md"
KINDS = pytest.mark.parametrize("kind", TAMPERINGS, ids=lambda kind: kind.name.replace(" ", "-"))


@pytest.fixture
def trail(world: World, settings: Settings, tmp_path: Path) -> Path:
    """Twelve events of real acts, heads signed at 4, 8 and 12 and kept in a file; a folder for exports."""
    settings.AUDIT_SIGNING_KEY = base64.b64encode(bytes(range(32))).decode()
    settings.AUDIT_HEADS_FILE = str(tmp_path / "heads.jsonl")
    world.approved()  # five events: two of the world, create, submit, approve
    while (last := AuditEvent.objects.count()) < EVENTS:
        if last % 4 == 0:
            flow.sign_head(clock=database_now, at_once=True)
        step = [{"weight": 5, "bake_seconds": 60}]
        flow.save_plan(name=f"plan {last}", steps=step, by=actor(world.requester))
    flow.sign_head(clock=database_now, at_once=True)
    flow.send_heads(clock=database_now)
    assert list(SignedHead.objects.order_by("seq").values_list("seq", flat=True))[-2:] == [8, 12]
    return tmp_path


def standalone(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Export the trail as it is now and let the auditors' file read it."""
    export = folder / "events.jsonl"
    export.write_text("".join(selectors.as_jsonl(AuditEvent.objects.all())))
    capsys.readouterr()
    code = verifier.main([str(export), "--heads", str(folder / "heads.jsonl"), "--key", public_key()])
    return code, capsys.readouterr().out


def test_an_honest_trail_holds(trail: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = flow.verify_chain()
    assert (report.problem, report.events) == ("", EVENTS)
    assert report.heads >= 2
    assert standalone(trail, capsys)[0] == 0
    call_command("audit_verify")


@KINDS
def test_a_guard_prevents_it(kind: Tampering, trail: Path) -> None:
    if kind.name.startswith("take the guards off"):
        pytest.skip(
            "the owner of the tables can; the run-time role is not the owner (check --deploy, releases.E007)"
        )
    with pytest.raises(DatabaseError), transaction.atomic():
        kind.does()
    assert flow.verify_chain().is_sound


@KINDS
def test_what_was_not_prevented_is_named(
    kind: Tampering, trail: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    guards.remove(connection)
    kind.does()
    guards.install(connection)
    report = flow.verify_chain()
    assert report.first_bad == kind.names
    assert any(part in report.problem for part in kind.shown_by.split("|"))
    with pytest.raises(CommandError, match=r"\w"):
        call_command("audit_verify")
    if kind.names is not None:
        code, said = standalone(trail, capsys)
        assert code == 1
        assert said.splitlines()[0] == report.problem


def test_evidence_with_a_hash_that_fits_it_is_named_by_the_trail(trail: Path) -> None:
    guards.remove(connection)
    forged = {"fingerprint": "another"}
    Approval.objects.update(evidence=forged, evidence_hash=digest(forged))
    assert "was changed after the vote" in flow.verify_chain().problem


def test_what_came_after_the_last_head_can_be_computed_anew_unseen(trail: Path) -> None:
    """The limit that docs/audit.md states: events younger than the last signed head rest on the guards alone."""
    (trail / "heads.jsonl").write_text(
        "".join(json.dumps(head.as_line()) + "\n" for head in SignedHead.objects.filter(seq__lte=8))
    )
    guards.remove(connection)
    SignedHead.objects.filter(seq__gt=8).delete()
    recompute(10, reason="changed before the next head")
    guards.install(connection)
    assert flow.verify_chain().is_sound
    assert at(10).reason == "changed before the next head"


@pytest.mark.parametrize("without", ["its event", "its head", "an archive before"])
def test_an_archive_that_nothing_vouches_for_is_named(trail: Path, without: str) -> None:
    guards.remove(connection)
    end, first = at(4 if without != "its head" else 5), 3 if without == "an archive before" else 1
    if without == "its head":
        make_up_an_archive(last=5)
    else:
        AuditArchive.objects.create(first_seq=first, last_seq=4, last_hash=end.hash, file="x", sha256="y")
        AuditEvent.objects.filter(seq__lte=4).delete()
    guards.install(connection)
    report = flow.verify_chain()
    assert (report.is_sound, report.first_bad) == (False, None)
    said = {
        "its event": "No event of the trail tells of archive 1-4",
        "its head": "No signed head seals archive 1-5",
        "an archive before": "does not begin with event 1",
    }
    assert said[without] in report.problem


def test_a_file_of_heads_that_is_gone_or_cut_is_named(
    trail: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    heads = trail / "heads.jsonl"
    lines = heads.read_text().splitlines(keepends=True)
    heads.write_text("".join(lines[:-1]))
    assert "The head of event 12 was brought to" in flow.verify_chain().problem
    heads.write_text("not json")
    assert "can not be read" in flow.verify_chain().problem
    heads.unlink()
    assert "is not there" in flow.verify_chain().problem
    with pytest.raises(CommandError, match="is not there"):
        call_command("audit_verify")


def test_heads_that_are_named_must_be_there_and_be_checked(trail: Path, settings: Settings) -> None:
    with pytest.raises(CommandError, match=r"nothing\.jsonl"):
        call_command("audit_verify", heads=str(trail / "nothing.jsonl"))
    (trail / "empty.jsonl").write_text("")
    with pytest.raises(CommandError, match="no signed head was held"):
        call_command("audit_verify", heads=str(trail / "empty.jsonl"))
    settings.AUDIT_SIGNING_KEY = ""
    with pytest.raises(CommandError, match="without the public key"):
        call_command("audit_verify")


def test_a_demonstration_without_heads_holds_and_says_what_was_not_checked(
    world: World, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.AUDIT_SIGNING_KEY = settings.AUDIT_HEADS_FILE = ""
    world.approved()
    call_command("audit_verify")
    assert "No signed head was checked" in capsys.readouterr().out


def test_the_databases_own_heads_are_called_so(
    world: World, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.AUDIT_SIGNING_KEY = base64.b64encode(bytes(range(32))).decode()
    settings.AUDIT_HEADS_FILE = ""
    world.approved()
    flow.sign_head(clock=database_now, at_once=True)
    call_command("audit_verify")
    assert "which its owner can take away" in capsys.readouterr().out


def test_a_vote_on_a_change_by_hand_is_held_against_the_trail(world: World) -> None:
    change = flow.request_change(
        service=world.service("product"),
        spec={"candidate_weight": 20},
        reason="Try it.",
        by=actor(world.requester),
    )
    approve_change(change, by=actor(world.approver), fingerprint=change.fingerprint, why="Read it.")
    vote = TrafficVote.objects.get()
    assert flow.verify_chain().is_sound
    guards.remove(connection)
    forged = {"traffic": {"candidate_weight": 1}}
    TrafficVote.objects.update(evidence=forged, evidence_hash=digest(forged))
    assert f"The evidence of vote {vote.pk} on {change} was changed" in flow.verify_chain().problem
    TrafficVote.objects.update(evidence=vote.evidence, evidence_hash=vote.evidence_hash, decision="reject")
    assert f"Vote {vote.pk} on {change} is not the one" in flow.verify_chain().problem
    TrafficVote.objects.all().delete()
    assert "was deleted" in flow.verify_chain().problem


def test_the_document_says_what_this_suite_tests() -> None:
    assert len(TAMPERINGS) >= 20
    assert table() in DOCUMENT.read_text()


def test_a_rollback_is_recorded_in_the_same_chain(world: World) -> None:
    rollout = world.running()
    flow.perform(rollout, Event.ROLL_BACK, by=actor(world.operator), why="Too slow.")
    assert flow.verify_chain().is_sound
