"""Taking the trail away: both formats, the evidence of one rollout, who may, and that taking it is an event."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.contrib.auth.models import Group
from django.db import connection
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from releases import flow
from releases.clock import database_now
from releases.domain import verifier
from releases.domain.states import Event
from releases.models import AuditEvent, Role, SignedHead, guards
from services.models import Service
from tests.api.conftest import World, actor_for, add_service, approved, pending

Bearer = Callable[..., APIClient]
EXPORT = "/api/v1/audit/export/"


@pytest.fixture
def key(settings: Settings) -> str:
    """A signing key in the settings; the base64 of its public half."""
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    settings.AUDIT_SIGNING_KEY = base64.b64encode(private.private_bytes_raw()).decode()
    return base64.b64encode(private.public_key().public_bytes_raw()).decode()


def body_of(answer: Any) -> str:
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content).decode()


def outside_heads(file: Path) -> str:
    """Keep every signed head in a file, as outside the database; return its name."""
    file.write_text("".join(json.dumps(head.as_line()) + "\n" for head in SignedHead.objects.order_by("seq")))
    return file.name


def something_happens(world: World) -> None:
    flow.record_refusal(by=actor_for(world.viewer), action="pause", obj=world.viewer, why="No.")
    flow.sign_head(clock=database_now, at_once=True)


def verify_alone(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the shipped verifier with an isolated Python: no packages, no project."""
    command = [sys.executable, "-I", "-S", str(folder / "verify_audit.py"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


def test_json_lines_hold_every_event_with_its_place_in_the_chain(world: World, bearer: Bearer) -> None:
    approved(world)
    answer = bearer(world.auditor).get(EXPORT, {"format": "jsonl"})
    lines = [json.loads(line) for line in body_of(answer).splitlines()]
    assert answer["Content-Type"].startswith("application/jsonl")
    assert [line["seq"] for line in lines] == list(range(1, AuditEvent.objects.count() + 1))
    assert json.loads(lines[-1]["text"])["action"] == lines[-1]["action"] == "export_audit"
    assert not [line for line in lines if "signature" in line], "without a key there is no head"
    assert lines[-1]["after"] == {"format": "jsonl", "filters": {}, "whole": True}


def test_csv_opens_in_a_spreadsheet_and_runs_nothing(world: World, bearer: Bearer) -> None:
    approved(world)
    bearer(world.viewer).post(
        "/api/v1/rollouts/1/pause/", {"reason": "=HYPERLINK(1)"}, headers={"X-Request-Id": "=cmd"}
    )
    client = bearer(world.requester)
    client.post("/api/v1/plans/", {"name": "x", "steps": []})
    text = body_of(bearer(world.auditor).get(EXPORT, {"format": "csv", "service": "order"}))
    assert text.startswith("\ufeffseq,at,actor")
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert {row["action"] for row in rows} >= {"create", "submit", "approve"}
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "@"))]


def test_filters_narrow_the_export(world: World, bearer: Bearer) -> None:
    approved(world)
    text = body_of(bearer(world.auditor).get(EXPORT, {"action": "approve"}))
    assert [json.loads(line)["action"] for line in text.splitlines()] == ["approve"]


def test_another_format_is_400(world: World, bearer: Bearer) -> None:
    assert bearer(world.auditor).get(EXPORT, {"format": "xml"}).status_code == 400


@pytest.mark.parametrize("person", ["approver", "operator", "requester", "viewer"])
def test_who_is_no_auditor_takes_away_what_the_services_went_through(
    world: World, bearer: Bearer, person: str
) -> None:
    rollout = approved(world)
    mine, theirs = Group.objects.create(name="mine"), Group.objects.create(name="theirs")
    client = bearer(getattr(world, person))
    lines = [json.loads(line) for line in body_of(client.get(EXPORT)).splitlines()]
    assert {line["rollout"] for line in lines} == {rollout.pk}, "no log-ins, no accounts, no tokens"
    taken = AuditEvent.objects.get(action="export_audit")
    assert (taken.actor, taken.after) == (person, {"format": "jsonl", "filters": {}, "whole": False})
    Service.objects.update(owners=theirs)
    Role.objects.filter(user__username=person).update(group=mine)
    assert body_of(client.get(EXPORT)) == ""


def test_evidence_is_for_everybody_with_a_role_on_the_service(world: World, bearer: Bearer) -> None:
    rollout = approved(world)
    url = f"/api/v1/rollouts/{rollout.pk}/evidence.zip"
    for person in world.people():
        assert bearer(person).get(url).status_code == 200, person
    Service.objects.update(owners=Group.objects.create(name="theirs"))
    Role.objects.filter(user=world.viewer).update(group=Group.objects.create(name="mine"))
    assert bearer(world.viewer).get(url).status_code == 403
    assert AuditEvent.objects.filter(action="export_evidence", outcome="refused", actor="viewer").exists()


def test_what_can_not_be_read_is_an_error_of_its_own(world: World, tmp_path: Path) -> None:
    (tmp_path / "verify_audit.py").write_text(Path(str(verifier.__file__)).read_text())
    (tmp_path / "events.jsonl").write_text("not json\n")
    assert verify_alone(tmp_path, "events.jsonl").returncode == 2
    assert verify_alone(tmp_path, "nothing.jsonl").returncode == 2


@pytest.fixture
def export(world: World, bearer: Bearer, key: str, tmp_path: Path) -> Path:
    """A folder with the verifier and an export of a whole trail that has signed heads."""
    approved(world)
    (tmp_path / "verify_audit.py").write_text(Path(str(verifier.__file__)).read_text())
    (tmp_path / "trail.jsonl").write_text(body_of(bearer(world.auditor).get(EXPORT)))
    return tmp_path


def rewrite(file: Path, change: Callable[[list[Any]], object]) -> None:
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    change(lines)
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_an_export_of_the_whole_trail_holds_its_heads_and_verifies_alone(export: Path, key: str) -> None:
    done = verify_alone(export, "trail.jsonl", "--key", key)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 signed heads hold" in done.stdout


def test_heads_that_were_signed_after_an_export_do_no_harm(world: World, export: Path, key: str) -> None:
    something_happens(world)
    something_happens(world)
    done = verify_alone(
        export, "trail.jsonl", "--key", key, "--heads", outside_heads(export / "outside.jsonl")
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 heads were signed after this export" in done.stdout


def test_an_export_of_a_trail_that_was_put_back_is_found_by_heads_signed_before_it(
    world: World, bearer: Bearer, export: Path, key: str
) -> None:
    something_happens(world)
    kept = outside_heads(export / "outside.jsonl")
    guards.remove(connection)
    SignedHead.objects.all().delete()
    AuditEvent.objects.filter(seq__gte=AuditEvent.objects.get(action="export_audit").seq).delete()
    guards.install(connection)
    (export / "trail.jsonl").write_text(body_of(bearer(world.auditor).get(EXPORT)))
    done = verify_alone(export, "trail.jsonl", "--key", key, "--heads", kept)
    assert done.returncode == 1
    assert "the chain was computed anew" in done.stdout or "was cut off" in done.stdout


@pytest.mark.parametrize("said_by", ["columns without text", "a null text", "the chain alone"])
def test_an_event_whose_text_was_taken_away_is_named(export: Path, key: str, said_by: str) -> None:
    def forge(lines: list[Any]) -> None:
        number = next(place for place, line in enumerate(lines) if line.get("action") == "approve")
        event = {**lines[number], "actor": "mallory", "reason": "forged"}
        text = event.pop("text")
        if said_by == "a null text":
            event["text"] = None
        if said_by == "the chain alone":
            event = {name: event[name] for name in ("seq", "digest", "prev", "hash")}
        assert text
        lines[number] = event

    rewrite(export / "trail.jsonl", forge)
    done = verify_alone(export, "trail.jsonl", "--key", key)
    assert done.returncode == 1
    seq = AuditEvent.objects.get(action="approve").seq
    assert done.stdout.startswith(f"Event {seq} ")


def test_an_object_that_says_something_twice_is_not_read(export: Path, key: str) -> None:
    file = export / "trail.jsonl"
    file.write_text(file.read_text().replace('{"seq": 2,', '{"actor": "mallory", "seq": 2,', 1))
    assert verify_alone(export, "trail.jsonl", "--key", key).returncode == 2


def test_what_was_named_must_be_checked(export: Path, key: str) -> None:
    without_key = verify_alone(export, "trail.jsonl")
    assert (without_key.returncode, "without --key" in without_key.stderr) == (2, True)
    assert verify_alone(export, "trail.jsonl", "--key", key, "--heads", "nothing.jsonl").returncode == 2
    assert verify_alone(export, "trail.jsonl", "--heads", "nothing.jsonl").returncode == 2
    assert verify_alone(export, "trail.jsonl", "--key", "!!!!").returncode == 2
    alone = verify_alone(export, "trail.jsonl", "--chain-only")
    assert (alone.returncode, "No signed head was checked" in alone.stdout) == (0, True)
    rewrite(export / "trail.jsonl", lambda lines: lines.pop())
    no_head = verify_alone(export, "trail.jsonl", "--key", key)
    assert (no_head.returncode, "no signed head was held" in no_head.stdout) == (1, True)


def test_every_head_is_given_as_the_verifier_reads_it(
    world: World, bearer: Bearer, export: Path, key: str
) -> None:
    for _ in range(3):
        something_happens(world)
    answer = bearer(world.auditor).get(EXPORT, {"format": "heads"})
    (export / "outside.jsonl").write_text(body_of(answer))
    assert len((export / "outside.jsonl").read_text().splitlines()) == SignedHead.objects.count() > 3
    done = verify_alone(export, "trail.jsonl", "--key", key, "--heads", "outside.jsonl")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def pack(world: World, bearer: Bearer, key: str, tmp_path: Path) -> Path:
    """The unpacked evidence of a rollout that was approved while another service's was asked for."""
    other = add_service("product", cluster=world.cluster, policy=world.policy)
    rollout = pending(world)
    pending(world, service=other)
    flow.perform(
        rollout, Event.APPROVE, by=actor_for(world.approver), fingerprint=rollout.fingerprint, why="Read it."
    )
    answer = bearer(world.auditor).get(f"/api/v1/rollouts/{rollout.pk}/evidence.zip")
    assert answer.status_code == 200
    zipfile.ZipFile(io.BytesIO(answer.content)).extractall(tmp_path)
    return tmp_path


def test_the_evidence_of_a_rollout_verifies_without_weir(world: World, pack: Path, key: str) -> None:
    something_happens(world)
    something_happens(world)
    command = [".", "--key", key, "--heads", "HEADS"]
    assert f"python3 verify_audit.py {' '.join(command)}" in (pack / "README.txt").read_text()
    command[-1] = outside_heads(pack / "outside.jsonl")
    sound = verify_alone(pack, *command)
    assert sound.returncode == 0, sound.stdout + sound.stderr
    assert "1 signed heads hold" in sound.stdout
    assert verify_alone(pack, "events.jsonl", "--key", key).returncode == 0
    lines = [json.loads(line) for line in (pack / "events.jsonl").read_text().splitlines()]
    (rollout,) = {line["rollout"] for line in lines if "text" in line}
    assert rollout == json.loads((pack / "manifest.json").read_text())["rollout"]
    assert any(set(line) == {"seq", "digest", "prev", "hash"} for line in lines), "another rollout's"
    (vote,) = json.loads((pack / "approvals.json").read_text())
    assert (vote["by"], vote["decision"]) == ("approver", "approve")


@pytest.mark.parametrize("name", [*verifier.VOUCHED, "heads.jsonl", "README.txt"])
def test_an_edited_file_of_the_pack_is_named(pack: Path, key: str, name: str) -> None:
    (pack / name).write_text((pack / name).read_text() + " ")
    done = verify_alone(pack, ".", "--key", key)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{name} is not the file that was exported")


@pytest.mark.parametrize("name", verifier.VOUCHED)
def test_a_manifest_made_to_fit_an_edited_file_is_contradicted_by_the_trail(
    pack: Path, key: str, name: str
) -> None:
    (pack / name).write_text((pack / name).read_text() + " ")
    fit_manifest(pack, name)
    done = verify_alone(pack, ".", "--key", key)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{name} is not the file that event ")


def fit_manifest(folder: Path, *names: str) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    for name in names:
        manifest["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_changed_event_of_the_pack_is_named(pack: Path, key: str) -> None:
    def read_it_not(lines: list[Any]) -> None:
        (event,) = [line for line in lines if line.get("action") == "approve"]
        event["text"] = event["text"].replace("Read it.", "Read IT.")

    rewrite(pack / "events.jsonl", read_it_not)
    fit_manifest(pack, "events.jsonl")
    done = verify_alone(pack, ".", "--key", key)
    assert done.returncode == 1
    assert done.stdout.startswith(f"Event {AuditEvent.objects.get(action='approve').seq} has a digest")


def test_an_event_of_the_rollout_that_was_left_out_is_named(pack: Path, key: str) -> None:
    def hide(lines: list[Any]) -> None:
        number = next(place for place, line in enumerate(lines) if line.get("action") == "approve")
        lines[number] = {name: lines[number][name] for name in ("seq", "digest", "prev", "hash")}

    rewrite(pack / "events.jsonl", hide)
    fit_manifest(pack, "events.jsonl")
    done = verify_alone(pack, ".", "--key", key)
    assert done.returncode == 1
    assert "some were left out" in done.stdout


def test_a_pack_whose_own_export_no_head_covers_is_named(pack: Path, key: str) -> None:
    (pack / "heads.jsonl").write_text("")
    fit_manifest(pack, "heads.jsonl")
    done = verify_alone(pack, ".", "--key", key)
    assert (done.returncode, "no signed head was held" in done.stdout) == (1, True)


def test_votes_and_verdicts_are_held_against_the_trail() -> None:
    told = {"vote": 4, "evidence_hash": verifier.digest_of("{}")}
    approve = {"seq": 9, "action": "approve", "outcome": "done", "user": 2, "fingerprint": "f", "after": told}
    vote = {"id": 4, "decision": "approve", "user": 2, "fingerprint": "f", "evidence_text": "{}"}
    ask = verifier._votes_problem
    assert ask([vote], events=[approve]) == ""
    assert "is missing" in ask([], events=[approve])
    assert "changed after the vote" in ask([{**vote, "evidence_text": "{ }"}], events=[approve])
    for column, value in {"decision": "reject", "user": 3, "fingerprint": "e"}.items():
        assert "Vote 4 in approvals.json is not the one" in ask([{**vote, column: value}], events=[approve])
    said = {"id": 7, "outcome": "fail", "metric": "error_ratio", "samples_hash": "s"}
    fall = {"seq": 12, "action": "roll_back", "after": {"verdict": said}}
    verdict = {"id": 7, "outcome": "fail", "metric": "error_ratio", "snapshots_hash": "s"}
    assert verifier._verdicts_problem([verdict], events=[fall]) == ""
    for changed in ([], [{**verdict, "outcome": "pass"}], [{**verdict, "snapshots_hash": "t"}]):
        assert "Verdict 7 in verdicts.jsonl" in verifier._verdicts_problem(changed, events=[fall])
