"""The client for CI against a real server: what it prints, and how it ends."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_django.live_server_helper import LiveServer

from releases import flow
from releases.ci import weir
from releases.domain.states import FINISHED, Event
from releases.models import Rollout
from services.connections import use
from services.models import Version
from tests.api.conftest import World, actor_for, approved, pending, secret_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.enable_socket]
WORDS = ["--reason", "Faster.", "--impact", "Orders.", "--test-evidence", "Green.", "--rollback-note", "Traffic only."]  # fmt: skip

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(world: World, live_server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run the client as the requester. What happens while it waits is what the test says."""
    monkeypatch.setenv("WEIR_TOKEN", secret_of(world.requester))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")

    def go(*arguments: str, meanwhile: Callable[[], object] = lambda: None) -> tuple[int, str]:
        real = weir.Weir

        def pause(_seconds: float) -> None:
            meanwhile()

        def hurried(url: str, token: str) -> weir.Weir:
            return replace(real(url, token), sleep=pause)

        monkeypatch.setattr(weir, "Weir", hurried)
        out = io.StringIO()
        return weir.main(["--url", live_server.url, *arguments], out=out), out.getvalue()

    with use(mesh=world.mesh, telemetry=world.telemetry):
        yield go


def test_a_version_is_registered_once(run: Run, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("register", "order", "v3", "--image", "weir-demo/order:3.0.0", "--commit", "abc123")
    assert run(*asked) == (0, "registered: order v3 (weir-demo/order:3.0.0)\n")
    assert run(*asked)[0] == 0
    assert Version.objects.get(service=world.service, name="v3").commit == "abc123"
    assert run("register", "order", "v3", "--image", "weir-demo/order:9.9.9")[0] == 2
    assert "409" in capsys.readouterr().err


def test_a_request_waits_for_a_decision(run: Run, world: World) -> None:
    code, said = run("request", "shop/order", "v2", "--plan", "two steps", *WORDS)
    rollout = Rollout.objects.get()
    assert (code, rollout.state) == (0, "pending")
    assert said.startswith(f"R-{rollout.pk}: order v1 -> v2, http://")


def test_a_draft_is_left_to_a_person(run: Run) -> None:
    assert run("request", "order", "v2", "--plan", "two steps", "--draft", *WORDS)[0] == 0
    assert Rollout.objects.get().state == "draft"


def test_a_rejection_ends_the_wait_with_1(run: Run, world: World) -> None:
    rollout = pending(world)

    def reject() -> None:
        fresh = Rollout.objects.get(pk=rollout.pk)
        if fresh.state == "pending":
            flow.perform(fresh, Event.REJECT, by=actor_for(world.approver), why="Not today.")

    code, said = run("wait", f"R-{rollout.pk}", meanwhile=reject)
    assert code == 1
    first, last = said.splitlines()
    assert "waiting for approval" in first
    assert "rejected" in last


def test_a_wait_that_is_too_long_ends_with_2(
    run: Run, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    rollout = approved(world)
    assert run("wait", str(rollout.pk), "--timeout", "0.000001")[0] == 2
    assert f"R-{rollout.pk} had not ended" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["register", "nothing", "v1", "--image", "x"], "There is no service nothing."),
        (["request", "order", "v9", "--plan", "two steps", *WORDS], "has no version v9; register it first"),
        (["request", "order", "v2", "--plan", "nothing", *WORDS], "There is no plan nothing."),
        (["wait", "999999"], "There is no rollout R-999999."),
    ],
)
def test_what_is_not_there_is_named(
    run: Run, arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments)[0] == 2
    assert why in capsys.readouterr().err


def test_every_end_of_a_rollout_ends_the_wait() -> None:
    assert {state.value for state in FINISHED} == weir.GOOD_ENDS | weir.BAD_ENDS


def test_a_request_that_is_not_submitted_names_the_draft_it_leaves(
    run: Run, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    live = pending(world)
    assert run("request", "order", "v2", "--plan", "two steps", *WORDS)[0] == 2
    left = Rollout.objects.exclude(pk=live.pk).get()
    said = capsys.readouterr().err
    assert f"already has a live rollout, R-{live.pk}" in said
    assert f"R-{left.pk} stays a draft: http://" in said


@pytest.mark.parametrize("arguments", [["wait", "abc"], ["wait", "1", "--timeout", "-4"], ["wait", "1", "--timeout", "nan"], ["request"]])  # fmt: skip
def test_a_command_line_that_is_not_understood_is_no_rollback(run: Run, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        run(*arguments)
    assert end.value.code == 2


@pytest.mark.parametrize("url", ["", "weir.example.com", "file:///etc/hosts"])
def test_an_address_that_is_none_is_said_at_once(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert weir.main(["--url", url, "wait", "1"]) == 2
    assert "http://" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("locale", "words"),
    [("C.UTF-8", ["usage: ", "options", "exit codes"]), ("zh_CN.UTF-8", ["用法：", "选项", "退出码"])],
)
@pytest.mark.parametrize("command", ["", "register", "request", "wait"])
def test_the_help_speaks_the_language_of_the_terminal(
    command: str, locale: str, words: list[str],
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("LC_ALL", locale)
    with pytest.raises(SystemExit) as end:
        weir.main([*filter(None, [command]), "--help"])
    said = capsys.readouterr().out
    assert end.value.code == 0
    assert all(word in said for word in words)
    assert said.count(words[0]) == 1


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert weir.main([]) == 2
    assert "register" in capsys.readouterr().err


def test_the_script_runs_where_it_stands() -> None:
    """Beside modules that are called as the standard library's are, it would not even start."""
    script = Path(weir.__file__)
    run = subprocess.run([sys.executable, script, "--help"], capture_output=True, check=False, timeout=60)
    assert run.returncode == 0, run.stderr


def test_a_wait_that_is_left_says_that_the_rollout_goes_on(
    run: Run, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    rollout = pending(world)

    def leave() -> None:
        raise KeyboardInterrupt

    assert run("wait", f"R-{rollout.pk}", meanwhile=leave)[0] == 2
    assert f"R-{rollout.pk} goes on by itself: http://" in capsys.readouterr().err


class _Restarted:
    """A portal that is away for so many seconds of its own clock, and then answers that the rollout is completed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, away_seconds: float) -> None:
        self.now = 0.0
        self.away_seconds = away_seconds
        monkeypatch.setattr("urllib.request.urlopen", self.answer)
        self.seen = weir.Weir("http://weir.example.com", "secret", sleep=self.sleep, clock=lambda: self.now)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def answer(self, _request: object, **_options: object) -> io.BytesIO:
        if self.now < self.away_seconds:
            raise ConnectionRefusedError("nobody listens")
        said: dict[str, object] = {"number": "R-7", "state": "completed", "state_label": "completed", "why": "", "current_step": None, "steps": []}  # fmt: skip
        return io.BytesIO(json.dumps(said).encode())


def test_a_portal_that_is_restarted_does_not_end_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    out = io.StringIO()
    portal = _Restarted(monkeypatch, away_seconds=300)
    assert weir.follow(portal.seen, 7, seconds=0, out=out) == 0
    away, done = out.getvalue().splitlines()
    assert "does not answer" in away
    assert "completed" in done


def test_a_portal_that_stays_away_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    portal = _Restarted(monkeypatch, away_seconds=float("inf"))
    with pytest.raises(weir.Away):
        weir.follow(portal.seen, 7, seconds=0, out=io.StringIO())
    assert weir.AWAY_SECONDS < portal.now < weir.AWAY_SECONDS + 60


@pytest.mark.parametrize("answer", [b"[]", b"{}", b'"hello"'])
def test_an_answer_of_something_else_is_no_rollback(
    answer: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WEIR_TOKEN", "secret")
    monkeypatch.setattr("urllib.request.urlopen", lambda *_given, **_options: io.BytesIO(answer))
    assert weir.main(["--url", "http://weir.example.com", "wait", "7"]) == 2
    assert "http://weir.example.com" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "columns", "fits"),
    [("R-7 running", 5, "R-7 r"), ("R-7 运行中", 7, "R-7 运"), ("R-7", 80, "R-7")],
)
def test_a_line_is_cut_by_the_width_of_its_characters(line: str, columns: int, fits: str) -> None:
    assert weir.cut(line, columns=columns) == fits


def test_a_portal_that_is_away_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pauses: list[float] = []
    away = weir.Weir("http://127.0.0.1:9", "secret", sleep=pauses.append)
    with pytest.raises(weir.ClientError, match="does not answer"):
        away.get("me/")
    assert pauses == list(weir.PAUSES_SECONDS)


def test_without_a_token_nothing_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("WEIR_TOKEN", raising=False)
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert weir.main(["--url", "http://127.0.0.1:9", "wait", "1"]) == 2
    assert "WEIR_TOKEN" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("state", "written", "shown"),
    [
        ("running", 20, "[######------------------------]  20 %"),
        ("completed", 95, "100 %"),
        ("rolled_back", 20, "  0 %"),
    ],
)
def test_the_bar_shows_the_weight(state: str, written: int, shown: str) -> None:
    rollout = {
        "number": "R-1", "state": state, "state_label": state, "why": "", "current_step": 0,
        "steps": [{"written": written}, {"written": None}],
    }  # fmt: skip
    assert shown in weir.progress_line(rollout)
