"""Attacks by hand, against the server as it runs: no browser and no test client in between. And one byte, changed by SQL."""

from __future__ import annotations

import http.client
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.e2e.portal import Json, Portal
from tests.lab.lab import REPOSITORY, RunningLab

LOG_IN = "/admin/login/"


@pytest.fixture
def base(lab: RunningLab) -> str:
    url: str = lab.facts["portal"]
    return url


@pytest.fixture
def waiting(portal: Portal) -> Iterator[Json]:
    """A rollout that waits for a decision."""
    rollout = portal.ask("payment", plan=portal.plan("raw http", steps=[(10, 600), (100, 60)]))
    yield rollout
    portal.end(rollout)


def signed_in(lab: RunningLab, account: str) -> httpx.Client:
    """Log in as a browser would, and keep the cookies."""
    client = httpx.Client(base_url=lab.facts["portal"], trust_env=False, timeout=15)
    client.get(LOG_IN)
    answer = log_in(client, account=account, password=lab.facts["accounts"][account]["password"])
    assert answer.status_code == 302, answer.text[:500]
    return client


def log_in(
    client: httpx.Client, *, account: str, password: str, headers: dict[str, str] | None = None
) -> httpx.Response:
    given = {"username": account, "password": password, "csrfmiddlewaretoken": token_of(client)}
    return client.post(LOG_IN, data=given, headers=headers)


def token_of(client: httpx.Client) -> str:
    return next(cookie.value or "" for cookie in client.cookies.jar if "csrf" in cookie.name)


def test_a_vote_without_the_csrf_token_is_refused(lab: RunningLab, portal: Portal, waiting: Json) -> None:
    vote = {"fingerprint": waiting["fingerprint"], "reason": "read it"}
    api = f"/api/v1/rollouts/{waiting['id']}/approve/"
    button = f"/admin/releases/rollout/{waiting['id']}/events/approve/"
    with closing(signed_in(lab, "approver")) as client:
        forged = {"Origin": "https://elsewhere.example", "X-CSRFToken": token_of(client)}
        for headers in ({}, {"X-CSRFToken": "a" * 64}, forged):
            assert client.post(api, json=vote, headers=headers).status_code == 403, headers
            assert client.post(button, data=vote, headers=headers).status_code == 403, headers
            assert client.post(api, data=vote, headers=headers).status_code in {403, 415}, "as a form"
        for path in (api, button):
            assert client.get(path).status_code in {404, 405}, "nothing happens by GET"
    assert portal.get(f"rollouts/{waiting['id']}/")["state"] == "pending"


def test_the_session_of_somebody_who_left_is_nobodys(lab: RunningLab, base: str) -> None:
    with closing(signed_in(lab, "auditor")) as client:
        kept = dict(client.cookies)
        assert client.get("/api/v1/me/").status_code == 200
        client.post("/admin/logout/", data={"csrfmiddlewaretoken": token_of(client)})
    replayed = httpx.get(f"{base}/api/v1/me/", cookies=kept, trust_env=False)
    assert replayed.status_code in {401, 403}, replayed.text
    page = httpx.get(f"{base}/admin/", cookies=kept, trust_env=False)
    assert page.status_code == 302
    assert "login" in page.headers["location"]


@pytest.mark.parametrize(
    "host", ["elsewhere.example", "127.0.0.1.elsewhere.example", "127.0.0.1@elsewhere.example"]
)
def test_another_host_is_not_answered(base: str, host: str) -> None:
    """A link that is mailed or shown is never built from what a caller says the host is."""
    place = urlsplit(base)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=15)
    connection.putrequest("GET", LOG_IN, skip_host=True)
    connection.putheader("Host", host)
    connection.putheader("X-Forwarded-Host", host)
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 400
    assert b"elsewhere" not in answer.read()
    connection.close()


def test_guessing_from_made_up_addresses_is_slowed_down_all_the_same(lab: RunningLab, base: str) -> None:
    made = lab.manage(
        "createsuperuser", "--noinput", "--username", "guessed", "--email", "guessed@example.com"
    )
    assert made.returncode == 0, made.stderr
    with httpx.Client(base_url=base, trust_env=False, timeout=15) as client:
        client.get(LOG_IN)
        said = [
            log_in(
                client,
                account="guessed",
                password=f"guess {number}",
                headers={"X-Forwarded-For": f"198.51.100.{number}", "X-Real-IP": f"198.51.100.{number}"},
            ).text
            for number in range(7)
        ]
    assert "Too many" not in said[0]
    assert "Too many" in said[-1], said[-1][:2000]


def test_a_token_in_the_address_is_no_token(lab: RunningLab, base: str) -> None:
    """Addresses are kept in logs."""
    secret = lab.facts["accounts"]["auditor"]["token"]
    for query in (f"token={secret}", f"access_token={secret}", f"api_key={secret}"):
        assert httpx.get(f"{base}/api/v1/audit/?{query}", trust_env=False).status_code in {401, 403}


def test_one_byte_changed_by_sql_is_named_by_both_verifiers(lab: RunningLab, tmp_path: Path) -> None:
    """On a copy of the lab's database: whoever owns it takes the guard off, changes one letter, and is found."""
    copy = tmp_path / "copy.sqlite3"
    with sqlite3.connect(lab.state / "weir.sqlite3", timeout=20) as source, sqlite3.connect(copy) as target:
        source.backup(target)
    assert verified(lab, copy, folder=tmp_path) == [(0, ""), (0, "")]
    with sqlite3.connect(copy) as database:
        (seq,) = database.execute("SELECT MAX(seq) / 2 FROM releases_auditevent").fetchone()
        database.execute("DROP TRIGGER audit_no_update")
        database.execute(
            "UPDATE releases_auditevent SET actor = 'X' || substr(actor, 2) WHERE seq = ?", (seq,)
        )
    (ours, said), (alone, told) = verified(lab, copy, folder=tmp_path)
    assert (ours, alone) == (1, 1)
    assert f"vent {seq}" in said
    assert told in said, "both say the same sentence"


def verified(lab: RunningLab, database: Path, *, folder: Path) -> list[tuple[int, str]]:
    """Return exit code and what is said against it, of the command and of the file that needs Python alone."""
    environ = {
        **{name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}},
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "DATABASE_URL": f"sqlite:///{database}",
        "SECRET_KEY": (lab.state / "secret-key").read_text().strip(),
        "WEIR_LAB": "1",
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=REPOSITORY,
            env=environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    command = run("manage.py", "audit_verify")
    export = folder / "trail.jsonl"
    written = run(
        "manage.py",
        "shell",
        "-v",
        "0",
        "-c",
        "import sys; from releases import selectors; from releases.models import AuditEvent;"
        f"open({str(export)!r}, 'w').writelines(selectors.as_jsonl(AuditEvent.objects.order_by('seq')))",
    )
    assert written.returncode == 0, written.stderr
    alone = run("releases/domain/verifier.py", str(export), "--chain-only")
    return [
        (command.returncode, command.stderr.strip() if command.returncode else ""),
        (alone.returncode, alone.stdout.strip() if alone.returncode else ""),
    ]
