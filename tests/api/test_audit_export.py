"""Taking the trail away: both formats, the evidence of one rollout, who may, and that taking it is an event."""

from __future__ import annotations

import base64
import csv
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
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from releases import flow
from releases.domain import verifier
from releases.domain.states import Event
from releases.models import AuditEvent
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
    assert lines[-1]["after"] == {"format": "jsonl", "filters": {}}


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
def test_only_the_auditor_exports_and_a_refusal_is_an_event(
    world: World, bearer: Bearer, person: str
) -> None:
    assert bearer(getattr(world, person)).get(EXPORT).status_code == 403
    refused = AuditEvent.objects.filter(action="export_audit", outcome="refused", actor=person)
    assert refused.count() == (1 if person in {"approver", "operator"} else 0)


def test_the_evidence_of_a_rollout_verifies_without_weir(
    world: World, bearer: Bearer, key: str, tmp_path: Path
) -> None:
    other = add_service("product", cluster=world.cluster, policy=world.policy)
    rollout = pending(world)
    pending(world, service=other)
    flow.perform(
        rollout, Event.APPROVE, by=actor_for(world.approver), fingerprint=rollout.fingerprint, why="Read it."
    )
    answer = bearer(world.auditor).get(f"/api/v1/rollouts/{rollout.pk}/evidence.zip")
    assert answer.status_code == 200
    zipfile.ZipFile(io.BytesIO(answer.content)).extractall(tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    command = ["events.jsonl", "--heads", "heads.jsonl", "--key", key, "--from", str(lines[0]["seq"])]
    assert " ".join(command) in (tmp_path / "README.txt").read_text()
    sound = verify_alone(tmp_path, *command)
    assert sound.returncode == 0, sound.stdout + sound.stderr
    assert "1 signed heads hold" in sound.stdout
    told = [line for line in lines if "text" in line]
    assert {line["rollout"] for line in told} == {rollout.pk}
    assert any("text" not in line for line in lines), "the other service's events only carry the chain"
    (vote,) = json.loads((tmp_path / "approvals.json").read_text())
    assert (vote["by"], vote["decision"]) == ("approver", "approve")

    approve = next(number for number, line in enumerate(lines) if line.get("action") == "approve")
    lines[approve]["text"] = lines[approve]["text"].replace("Read it.", "Read IT.")
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    broken = verify_alone(tmp_path, *command)
    assert broken.returncode == 1
    assert f"Event {lines[approve]['seq']} " in broken.stdout


def test_what_can_not_be_read_is_an_error_of_its_own(world: World, tmp_path: Path) -> None:
    (tmp_path / "verify_audit.py").write_text(Path(str(verifier.__file__)).read_text())
    (tmp_path / "events.jsonl").write_text("not json\n")
    assert verify_alone(tmp_path, "events.jsonl").returncode == 2
    assert verify_alone(tmp_path, "nothing.jsonl").returncode == 2
