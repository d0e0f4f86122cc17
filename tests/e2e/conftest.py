"""The real thing for the browser stories: one lab with its portal, and people who are logged in to it."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.e2e.people import Browsers, Look, Visitor
from tests.e2e.portal import Portal
from tests.lab.lab import REPOSITORY, RunningLab, running_lab, until

ARTEFACTS = REPOSITORY / "tests" / "artefacts"
SHOPPERS_PER_SECOND = "60"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every story here needs the lab, its shoppers and Chromium."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.lab)
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(240))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Start Debian's Chromium, which neither updates itself nor calls home."""
    quiet = ["background-networking", "component-update", "sync"]
    return {
        **browser_type_launch_args,
        "executable_path": "/usr/bin/chromium",
        "args": ["--no-sandbox", "--disable-gpu", "--no-first-run", *(f"--disable-{word}" for word in quiet)],
    }


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    """Return the lab with its portal, as ``make demo`` starts it."""
    assert (REPOSITORY / "frontend/dist/manifest.json").is_file(), "build the dashboard first: make frontend"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ("--port", str(port), "--rps", SHOPPERS_PER_SECOND)
    with running_lab(tmp_path_factory.mktemp("lab"), *options, portal=True) as running:
        yield running


@pytest.fixture(scope="session")
def portal(lab: RunningLab) -> Iterator[Portal]:
    """Return what happens elsewhere: other people's acts, through the public API.

    Nobody may ask for a release of a service that is not measured, so the shoppers of a new lab come first.
    """
    until(lab.is_measured, what="the shop is measured", seconds=60)
    with Portal(lab.facts) as portal:
        yield portal


@pytest.fixture
def fault(lab: RunningLab) -> Iterator[Any]:
    """Let a version of a service misbehave until the story is over."""
    broken: list[tuple[str, str]] = []

    def misbehave(service: str, version: str, *how: str) -> None:
        broken.append((service, version))
        done: subprocess.CompletedProcess[str] = lab.run("fault", service, version, *how)
        assert done.returncode == 0, done.stderr

    yield misbehave
    for service, version in broken:
        lab.run("fault", service, version, "--clear")


@pytest.fixture(scope="session")
def browsers(browser: Browser, lab: RunningLab) -> Browsers:
    """Return browsers of people; each account logs in once."""
    ARTEFACTS.mkdir(exist_ok=True)
    return Browsers(browser, facts=json.loads((lab.state / "lab.json").read_text()), artefacts=ARTEFACTS)


@pytest.fixture
def visit(browsers: Browsers) -> Iterator[Any]:
    """Open a window as somebody: ``visit("approver", Look(language="zh-hans"))``. No page may complain."""
    opened: list[Visitor] = []

    def open_window(account: str, look: Look | None = None) -> Visitor:
        opened.append(browsers.open(account, look=look or Look()))
        return opened[-1]

    yield open_window
    for visitor in opened:
        visitor.close()
