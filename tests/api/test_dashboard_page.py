"""The dashboard's page: for every address of the application, after the log-in, clear when not built."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.test import Client
from django_vite.core.asset_loader import DjangoViteAssetLoader
from pytest_django.fixtures import Settings

from tests.api.conftest import World


@pytest.fixture
def built(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A manifest as Vite writes it."""
    manifest = tmp_path / "manifest.json"
    entry = {"file": "assets/main-1.js", "src": "src/main.ts", "isEntry": True, "css": ["assets/main-1.css"]}
    manifest.write_text(json.dumps({"src/main.ts": entry}))
    settings.DJANGO_VITE = {"default": {**settings.DJANGO_VITE["default"], "manifest_path": manifest}}
    monkeypatch.setattr(DjangoViteAssetLoader, "_instance", None)
    return manifest


@pytest.mark.parametrize("path", ["/", "/services/1", "/rollouts/7", "/audit", "/anything/else"])
def test_every_address_of_the_application_is_the_same_page(
    world: World, client: Client, built: Path, path: str
) -> None:
    client.force_login(world.viewer)
    answer = client.get(path)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert '<div id="app">' in text
    assert 'src="/static/assets/main-1.js"' in text
    assert 'href="/static/assets/main-1.css"' in text


def test_the_page_carries_what_the_application_needs(world: World, client: Client, built: Path) -> None:
    client.force_login(world.viewer)
    client.cookies["weir_language"] = "zh-hans"
    answer = client.get("/")
    text = answer.content.decode()
    assert '<html lang="zh-hans" data-theme="auto">' in text
    assert re.search(r'<meta name="csrf-token" content="\w{64}">', text)
    assert '<meta name="weir-time-zone" content="Asia/Shanghai">' in text
    assert "no-store" in answer.headers["Cache-Control"]


def test_the_page_has_nothing_that_the_policy_forbids(world: World, client: Client, built: Path) -> None:
    client.force_login(world.viewer)
    answer = client.get("/")
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", answer.content.decode())
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


def test_nobody_sees_it_without_a_log_in(db: None, client: Client, built: Path) -> None:
    answer = client.get("/rollouts/7?tab=verdicts")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/admin/login/?next=/rollouts/7%3Ftab%3Dverdicts"


def test_what_is_not_built_says_how_to_build_it(
    world: World, client: Client, settings: Settings, tmp_path: Path
) -> None:
    missing = {**settings.DJANGO_VITE["default"], "manifest_path": tmp_path / "manifest.json"}
    settings.DJANGO_VITE = {"default": missing}
    client.force_login(world.viewer)
    answer = client.get("/")
    assert answer.status_code == 503
    assert "make frontend" in answer.content.decode()


@pytest.mark.parametrize("path", ["/static/nothing.js", "/api/nothing/", "/admin2", "/i18n/nothing/"])
def test_an_address_of_another_part_is_not_the_application(
    world: World, client: Client, built: Path, path: str
) -> None:
    client.force_login(world.viewer)
    expected = 200 if path == "/admin2" else 404
    assert client.get(path).status_code == expected


def test_the_language_is_chosen_by_a_form(world: World, client: Client) -> None:
    answer = client.post("/i18n/setlang/", {"language": "zh-hans"}, headers={"accept": "application/json"})
    assert answer.status_code in {204, 302}
    assert client.cookies["weir_language"].value == "zh-hans"
