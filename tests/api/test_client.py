"""The client for CI against a real server: what it prints, and how it ends."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from pytest_django.live_server_helper import LiveServer

from releases import flow
from releases.ci import weir
from releases.domain.states import Event
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
        (["request", "order", "v9", "--plan", "two steps", *WORDS], "has no version v9"),
        (["request", "order", "v2", "--plan", "nothing", *WORDS], "There is no plan nothing."),
        (["wait", "999999"], "404"),
    ],
)
def test_what_is_not_there_is_named(
    run: Run, arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments)[0] == 2
    assert why in capsys.readouterr().err


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
